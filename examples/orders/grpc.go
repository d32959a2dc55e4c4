package main

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	ordersv1 "github.com/oidcrpc/oidcrpc/examples/orders/v1"
	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// newGRPCServer returns a grpc-go server for the orders, health and reflection
// services.
func newGRPCServer(auth *interceptor.Authenticator, service *service) *grpc.Server {
	srv := grpc.NewServer(grpcauth.ServerOptions(auth)...)
	ordersv1.RegisterOrderServiceServer(srv, grpcService{service: service})
	healthv1.RegisterHealthServer(srv, health.NewServer())
	reflection.Register(srv)
	return srv
}

type grpcService struct {
	ordersv1.UnimplementedOrderServiceServer

	service *service
}

func (s grpcService) ListOrders(
	ctx context.Context, _ *ordersv1.ListOrdersRequest,
) (*ordersv1.ListOrdersResponse, error) {
	res, err := s.service.list(ctx)
	return res, grpcError(ctx, err)
}

func (s grpcService) CreateOrder(
	ctx context.Context, req *ordersv1.CreateOrderRequest,
) (*ordersv1.CreateOrderResponse, error) {
	res, err := s.service.create(ctx, req)
	return res, grpcError(ctx, err)
}

func (s grpcService) DeleteOrder(
	ctx context.Context, req *ordersv1.DeleteOrderRequest,
) (*ordersv1.DeleteOrderResponse, error) {
	res, err := s.service.remove(ctx, req)
	return res, grpcError(ctx, err)
}

func (s grpcService) WatchOrders(
	_ *ordersv1.WatchOrdersRequest, stream grpc.ServerStreamingServer[ordersv1.WatchOrdersResponse],
) error {
	return grpcError(stream.Context(), s.service.watch(stream.Context(), stream.Send))
}

func (s grpcService) ImportOrders(
	stream grpc.ClientStreamingServer[ordersv1.ImportOrdersRequest, ordersv1.ImportOrdersResponse],
) error {
	res, err := s.service.imports(stream.Context(), stream.Recv)
	if err != nil {
		return grpcError(stream.Context(), err)
	}
	return stream.SendAndClose(res)
}

// grpcError refuses the caller if the service has no owner of the orders to go by.
func grpcError(ctx context.Context, err error) error {
	if errors.Is(err, errNoSubject) {
		return grpcauth.Refuse(ctx, err)
	}
	return err
}
