package main

import (
	"slices"
	"strconv"
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	ordersv1 "github.com/oidcrpc/oidcrpc/examples/orders/v1"
)

// A store keeps orders in memory. Each belongs to its owner, and no other caller can
// tell that it exists. An order never changes in the store.
type store struct {
	mu      sync.Mutex
	last    int           // the newest order's number
	orders  []owned       // the oldest first
	changed chan struct{} // closed when there are new orders
}

// An owner is an issuer's subject: another issuer may have the same one.
type owner struct{ issuer, subject string }

type owned struct {
	owner  owner
	number int
	order  *ordersv1.Order
}

func newStore() *store { return &store{changed: make(chan struct{})} }

// add adds orders all at once, and names them.
func (s *store) add(who owner, orders ...*ordersv1.Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, order := range orders {
		s.last++
		order.Id = strconv.Itoa(s.last)
		order.CreateTime = timestamppb.Now()
		s.orders = append(s.orders, owned{who, s.last, order})
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// after returns the owner's orders above a number, the number of the newest order, and
// a channel that closes once there are more.
func (s *store) after(who owner, number int) (orders []*ordersv1.Order, last int, more <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.orders {
		if o.owner == who && o.number > number {
			orders = append(orders, o.order)
		}
	}
	return orders, s.last, s.changed
}

// remove reports whether the owner had the order.
func (s *store) remove(who owner, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.orders)
	s.orders = slices.DeleteFunc(s.orders, func(o owned) bool {
		return o.owner == who && o.order.GetId() == id
	})
	return len(s.orders) < before
}
