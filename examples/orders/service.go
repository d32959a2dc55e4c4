package main

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ordersv1 "github.com/oidcrpc/oidcrpc/examples/orders/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// service is the order service that both stacks serve. Its procedures only ask whose
// orders a call is about: orders.proto already decided who may call them.
type service struct{ store *store }

const maxImport = 1000 // orders in one call

// errNoSubject refuses a valid token that names no user, such as a machine's.
var errNoSubject = errors.New("the token has no subject to own an order")

// ownerOf returns the caller.
func ownerOf(ctx context.Context) (owner, error) {
	claims, ok := interceptor.ClaimsFromContext(ctx)
	if !ok || claims.Subject() == "" {
		return owner{}, errNoSubject
	}
	return owner{claims.Issuer(), claims.Subject()}, nil
}

func (s *service) list(ctx context.Context) (*ordersv1.ListOrdersResponse, error) {
	owner, err := ownerOf(ctx)
	if err != nil {
		return nil, err
	}
	orders, _, _ := s.store.after(owner, 0)
	return &ordersv1.ListOrdersResponse{Orders: orders}, nil
}

func (s *service) create(
	ctx context.Context, req *ordersv1.CreateOrderRequest,
) (*ordersv1.CreateOrderResponse, error) {
	owner, err := ownerOf(ctx)
	if err != nil {
		return nil, err
	}
	order, err := newOrder(req)
	if err != nil {
		return nil, err
	}
	s.store.add(owner, order)
	return &ordersv1.CreateOrderResponse{Order: order}, nil
}

// newOrder reads a request to create or import one.
func newOrder(req interface {
	GetItem() string
	GetQuantity() int32
}) (*ordersv1.Order, error) {
	if req.GetItem() == "" || req.GetQuantity() < 1 {
		return nil, status.Error(codes.InvalidArgument, "an order needs an item, and a quantity of at least 1")
	}
	return &ordersv1.Order{Item: req.GetItem(), Quantity: req.GetQuantity()}, nil
}

func (s *service) remove(
	ctx context.Context, req *ordersv1.DeleteOrderRequest,
) (*ordersv1.DeleteOrderResponse, error) {
	owner, err := ownerOf(ctx)
	if err != nil {
		return nil, err
	}
	if !s.store.remove(owner, req.GetId()) {
		// This doesn't say whether it's another caller's.
		return nil, status.Error(codes.NotFound, "there is no such order")
	}
	return &ordersv1.DeleteOrderResponse{}, nil
}

// watch returns when ctx ends, at the latest with the caller's token.
func (s *service) watch(ctx context.Context, send func(*ordersv1.WatchOrdersResponse) error) error {
	owner, err := ownerOf(ctx)
	if err != nil {
		return err
	}
	for seen := 0; ; {
		orders, last, more := s.store.after(owner, seen)
		for _, order := range orders {
			if err := send(&ordersv1.WatchOrdersResponse{Order: order}); err != nil {
				return err
			}
		}
		seen = last
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		}
	}
}

// imports makes all orders it receives, or none.
func (s *service) imports(
	ctx context.Context, receive func() (*ordersv1.ImportOrdersRequest, error),
) (*ordersv1.ImportOrdersResponse, error) {
	owner, err := ownerOf(ctx)
	if err != nil {
		return nil, err
	}
	var orders []*ordersv1.Order
	res := &ordersv1.ImportOrdersResponse{}
	for ; ; res.Count++ {
		req, err := receive()
		if errors.Is(err, io.EOF) {
			s.store.add(owner, orders...)
			return res, nil
		}
		if err != nil {
			return nil, err
		}
		order, err := newOrder(req)
		if err != nil {
			return nil, err
		}
		if res.GetCount() == maxImport {
			return nil, status.Error(codes.ResourceExhausted, "too many orders in one call")
		}
		orders = append(orders, order)
	}
}
