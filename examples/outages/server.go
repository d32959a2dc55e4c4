package main

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"
)

// A mode is how a server behaves.
type mode int32

const (
	healthy mode = iota
	slow
	down
	hung
)

// A server breaks on demand.
type server struct {
	socket   *httptest.Server
	next     http.Handler // answers while it's healthy
	mode     atomic.Int32
	requests atomic.Int32
}

func startServer(m mode) *server {
	s := &server{}
	s.set(m)
	s.socket = httptest.NewServer(s)
	return s
}

func (s *server) set(m mode) { s.mode.Store(int32(m)) }

func (s *server) stop() {
	s.socket.CloseClientConnections() // some requests hang
	s.socket.Close()
}

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	switch mode(s.mode.Load()) {
	case hung:
		_ = r.ParseForm() // or the end of the connection isn't noticed
		<-r.Context().Done()
		return
	case down:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case slow:
		time.Sleep(50 * time.Millisecond)
	case healthy:
	}
	s.next.ServeHTTP(w, r)
}
