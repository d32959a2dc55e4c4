package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const uploading = "upload over "

// uploads are sizes of messages, and how many of them a stream sends.
var uploads = []struct {
	name           string
	size, messages int
}{{"32 B", 32, streamMessages}, {"1 MiB", 1 << 20, 32}}

// uploadRaces time messages that a server receives in a stream.
func uploadRaces(issuer *verifiertest.Issuer, want func(name string) bool, rounds int) (races []Race, err error) {
	ours, err := newStreamGuard(issuer)
	if err != nil {
		return nil, err
	}
	token := mint(issuer, streamAlg, 1)[0].token
	for _, s := range stacks {
		for _, u := range uploads {
			name := uploading + s.name + ", " + u.name
			if !want(name) {
				continue
			}
			var contestants []contestant
			for _, g := range []guard{{name: noAuth}, ours} {
				addr, stop, err := s.start(g, time.Time{})
				if err != nil {
					return nil, err
				}
				defer stop()
				send, hangUp, err := s.uploader(addr, token)
				if err != nil {
					return nil, err
				}
				defer hangUp()
				m := &wrapperspb.BytesValue{Value: make([]byte, u.size)}
				contestants = append(contestants, contestant{g.name, u.messages, func(n int) error {
					for range n / u.messages {
						if err := send(m, u.messages); err != nil {
							return err
						}
					}
					return nil
				}})
			}
			results, err := race(contestants, rounds, echoSlice)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			races = append(races, Race{name, results})
		}
	}
	return races, nil
}

// uploader returns a function that sends one message many times, in a stream.
func (s stack) uploader(addr, token string) (send func(*wrapperspb.BytesValue, int) error, stop func(), err error) {
	if s.contentType == "application/grpc" {
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, nil, err
		}
		return func(m *wrapperspb.BytesValue, n int) error { return uploadGRPC(conn, token, m, n) },
			func() { _ = conn.Close() }, nil
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols}
	client := connect.NewClient[wrapperspb.BytesValue, wrapperspb.BytesValue](
		&http.Client{Transport: transport}, "http://"+addr+uploadProcedure)
	return func(m *wrapperspb.BytesValue, n int) error { return uploadConnect(client, token, m, n) },
		transport.CloseIdleConnections, nil
}

func uploadGRPC(conn *grpc.ClientConn, token string, m *wrapperspb.BytesValue, n int) error {
	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+token)
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, uploadProcedure)
	if err != nil {
		return err
	}
	for range n {
		if stream.SendMsg(m) != nil {
			break // RecvMsg tells why
		}
	}
	return errors.Join(stream.CloseSend(), stream.RecvMsg(new(wrapperspb.BytesValue)))
}

func uploadConnect(
	client *connect.Client[wrapperspb.BytesValue, wrapperspb.BytesValue], token string, m *wrapperspb.BytesValue, n int,
) error {
	stream := client.CallClientStream(context.Background())
	stream.RequestHeader().Set("Authorization", "Bearer "+token)
	for range n {
		if stream.Send(m) != nil {
			break // CloseAndReceive tells why
		}
	}
	_, err := stream.CloseAndReceive()
	return err
}
