package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// streams are idle. Each has to end with its token.
type streams struct {
	soak   *soak
	server *grpc.Server
	conn   *grpc.ClientConn
}

func startStreams(s *soak) (*streams, error) {
	auth, err := interceptor.New(s.v)
	if err != nil {
		return nil, err
	}
	listener := bufconn.Listen(1 << 16)
	server := grpc.NewServer(grpcauth.ServerOptions(auth)...)
	healthv1.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///streams",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return listener.DialContext(ctx)
		}))
	return &streams{s, server, conn}, err
}

func (s *streams) stop() {
	_ = s.conn.Close()
	s.server.Stop()
}

// run keeps twenty streams open.
func (s *streams) run(ctx context.Context) {
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for ctx.Err() == nil {
				s.watch()
				sleep(ctx, between(100*time.Millisecond, time.Second))
			}
		})
	}
	wg.Wait()
}

// watch opens one and waits for its end.
func (s *streams) watch() {
	key := s.soak.oracle.key(0)
	expires := time.Now().Add(between(5*time.Second, 15*time.Second)).Truncate(time.Second)
	ends := expires.Add(soakLeeway)
	token := key.Token(map[string]any{"exp": expires.Unix()})
	ctx, cancel := context.WithDeadline(context.Background(), ends.Add(2*fetchTimeout))
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	began := time.Now()
	stream, err := healthv1.NewHealthClient(s.conn).Watch(ctx, &healthv1.HealthCheckRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		s.soak.note("stream", s.judgeRefused(key, began, err))
		return
	}
	for err == nil {
		_, err = stream.Recv()
	}
	s.soak.note("stream", s.judgeEnd(key, ends, err))
}

func (s *streams) judgeRefused(key *signer, began time.Time, err error) string {
	if status.Code(err) == codes.Unavailable || s.soak.oracle.isLeaving(key) {
		c := call{kind: good, key: key, began: began, ended: time.Now(), err: err}
		s.soak.oracle.mu.Lock()
		defer s.soak.oracle.mu.Unlock()
		return s.soak.oracle.judgeUnavailable(c)
	}
	return fmt.Sprintf("a stream was refused: %v", err)
}

func (s *streams) judgeEnd(key *signer, ends time.Time, err error) string {
	now := time.Now()
	isEarly := now.Before(ends.Add(-doubt))
	switch {
	case status.Code(err) != codes.Unauthenticated:
		return fmt.Sprintf("a stream ended with %v", err)
	case now.After(ends.Add(noise)):
		return "a stream outlived its token by " + seconds(now.Sub(ends))
	case isEarly && !s.soak.oracle.isLeaving(key):
		return "a stream ended before its token, by " + seconds(ends.Sub(now))
	default:
		return ""
	}
}
