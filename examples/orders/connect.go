package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/connectauth"
	ordersv1 "github.com/oidcrpc/oidcrpc/examples/orders/v1"
	"github.com/oidcrpc/oidcrpc/examples/orders/v1/ordersv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// newConnectHandler returns a connect-go handler for the orders service.
func newConnectHandler(auth *interceptor.Authenticator, service *service) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(ordersv1connect.NewOrderServiceHandler(connectService{service},
		connect.WithInterceptors(connectauth.NewInterceptor(auth))))
	return connectauth.NewMiddleware(auth).Wrap(mux)
}

type connectService struct{ service *service }

func (s connectService) ListOrders(
	ctx context.Context, _ *connect.Request[ordersv1.ListOrdersRequest],
) (*connect.Response[ordersv1.ListOrdersResponse], error) {
	res, err := s.service.list(ctx)
	return connect.NewResponse(res), connectError(ctx, err)
}

func (s connectService) CreateOrder(
	ctx context.Context, req *connect.Request[ordersv1.CreateOrderRequest],
) (*connect.Response[ordersv1.CreateOrderResponse], error) {
	res, err := s.service.create(ctx, req.Msg)
	return connect.NewResponse(res), connectError(ctx, err)
}

func (s connectService) DeleteOrder(
	ctx context.Context, req *connect.Request[ordersv1.DeleteOrderRequest],
) (*connect.Response[ordersv1.DeleteOrderResponse], error) {
	res, err := s.service.remove(ctx, req.Msg)
	return connect.NewResponse(res), connectError(ctx, err)
}

func (s connectService) WatchOrders(
	ctx context.Context,
	_ *connect.Request[ordersv1.WatchOrdersRequest],
	stream *connect.ServerStream[ordersv1.WatchOrdersResponse],
) error {
	return connectError(ctx, s.service.watch(ctx, stream.Send))
}

func (s connectService) ImportOrders(
	ctx context.Context, stream *connect.ClientStream[ordersv1.ImportOrdersRequest],
) (*connect.Response[ordersv1.ImportOrdersResponse], error) {
	res, err := s.service.imports(ctx, func() (*ordersv1.ImportOrdersRequest, error) {
		if stream.Receive() {
			return stream.Msg(), nil
		}
		if err := stream.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	})
	return connect.NewResponse(res), connectError(ctx, err)
}

// connectError does what grpcError does, and turns gRPC's errors into Connect's: the
// codes are the same.
func connectError(ctx context.Context, err error) error {
	switch s, ok := status.FromError(err); {
	case err == nil:
		return nil
	case errors.Is(err, errNoSubject):
		return connectauth.Refuse(ctx, err)
	case ok:
		return connect.NewError(connect.Code(s.Code()), errors.New(s.Message()))
	default:
		return err
	}
}
