package main

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc/status"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	ordersv1 "github.com/oidcrpc/oidcrpc/examples/orders/v1"
	ordersv1connect "github.com/oidcrpc/oidcrpc/examples/orders/v1/ordersv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// newConnectHandler returns a handler of connect-go v2 for the orders service.
func newConnectHandler(auth *interceptor.Authenticator, service *service) http.Handler {
	mux := http.NewServeMux()
	connecthttp.Mount(mux, newConnectServer(auth, service))
	return mux
}

func newConnectServer(auth *interceptor.Authenticator, service *service) *connect.Server {
	server := connect.NewServer(connectauth.NewServerInterceptor(auth))
	ordersv1connect.RegisterOrderServiceHandler(server, connectService{service})
	return server
}

type connectService struct{ service *service }

func (s connectService) ListOrders(
	ctx context.Context, _ *ordersv1.ListOrdersRequest,
) (*ordersv1.ListOrdersResponse, error) {
	res, err := s.service.list(ctx)
	return res, connectError(ctx, err)
}

func (s connectService) CreateOrder(
	ctx context.Context, req *ordersv1.CreateOrderRequest,
) (*ordersv1.CreateOrderResponse, error) {
	res, err := s.service.create(ctx, req)
	return res, connectError(ctx, err)
}

func (s connectService) DeleteOrder(
	ctx context.Context, req *ordersv1.DeleteOrderRequest,
) (*ordersv1.DeleteOrderResponse, error) {
	res, err := s.service.remove(ctx, req)
	return res, connectError(ctx, err)
}

func (s connectService) WatchOrders(
	ctx context.Context, _ *ordersv1.WatchOrdersRequest, stream ordersv1connect.OrderServiceWatchOrdersServerStream,
) error {
	return connectError(ctx, s.service.watch(ctx, stream.Send))
}

func (s connectService) ImportOrders(
	ctx context.Context, stream ordersv1connect.OrderServiceImportOrdersServerStream,
) (*ordersv1.ImportOrdersResponse, error) {
	res, err := s.service.imports(ctx, stream.Receive)
	return res, connectError(ctx, err)
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
		return connect.NewError(connect.Code(s.Code()), s.Message())
	default:
		return err
	}
}
