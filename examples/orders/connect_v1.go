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

// newConnectV1Handler does with connect-go v1 what newConnectHandler does with v2.
func newConnectV1Handler(auth *interceptor.Authenticator, service *service) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(ordersv1connect.NewOrderServiceHandler(connectV1Service{service},
		connect.WithInterceptors(connectauth.NewInterceptor(auth))))
	return connectauth.NewMiddleware(auth).Wrap(mux)
}

type connectV1Service struct{ service *service }

func (s connectV1Service) ListOrders(
	ctx context.Context, _ *connect.Request[ordersv1.ListOrdersRequest],
) (*connect.Response[ordersv1.ListOrdersResponse], error) {
	res, err := s.service.list(ctx)
	return connect.NewResponse(res), connectV1Error(ctx, err)
}

func (s connectV1Service) CreateOrder(
	ctx context.Context, req *connect.Request[ordersv1.CreateOrderRequest],
) (*connect.Response[ordersv1.CreateOrderResponse], error) {
	res, err := s.service.create(ctx, req.Msg)
	return connect.NewResponse(res), connectV1Error(ctx, err)
}

func (s connectV1Service) DeleteOrder(
	ctx context.Context, req *connect.Request[ordersv1.DeleteOrderRequest],
) (*connect.Response[ordersv1.DeleteOrderResponse], error) {
	res, err := s.service.remove(ctx, req.Msg)
	return connect.NewResponse(res), connectV1Error(ctx, err)
}

func (s connectV1Service) WatchOrders(
	ctx context.Context,
	_ *connect.Request[ordersv1.WatchOrdersRequest],
	stream *connect.ServerStream[ordersv1.WatchOrdersResponse],
) error {
	return connectV1Error(ctx, s.service.watch(ctx, stream.Send))
}

func (s connectV1Service) ImportOrders(
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
	return connect.NewResponse(res), connectV1Error(ctx, err)
}

// connectV1Error does what connectError does.
func connectV1Error(ctx context.Context, err error) error {
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
