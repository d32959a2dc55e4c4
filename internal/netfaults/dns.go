package main

import (
	"context"
	"net"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// A nameServer answers every question for an address with one address.
type nameServer struct {
	conn net.PacketConn

	mu      sync.Mutex
	mood    mood
	address [4]byte
}

// A mood is how a name server feels about questions.
type mood int

const (
	helpful mood = iota
	silent
	failing
)

func startNameServer() (*nameServer, error) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &nameServer{conn: conn, address: issuerAddress}
	go s.serve()
	return s, nil
}

// resolver asks only this server.
func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "udp4", s.conn.LocalAddr().String())
	}}
}

func (s *nameServer) set(m mood, address [4]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mood, s.address = m, address
}

func (s *nameServer) serve() {
	buffer := make([]byte, 1<<12)
	for {
		n, from, err := s.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if answer, err := s.answer(buffer[:n]); err == nil && answer != nil {
			_, _ = s.conn.WriteTo(answer, from)
		}
	}
}

func (s *nameServer) answer(question []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) != 1 {
		return nil, err
	}
	m.Response, m.Additionals = true, nil
	asked := m.Questions[0]
	switch {
	case s.mood == silent:
		return nil, nil
	case s.mood == failing:
		m.RCode = dnsmessage.RCodeServerFailure
	case asked.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: asked.Name, Class: asked.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: s.address},
		}}
	}
	return m.Pack()
}
