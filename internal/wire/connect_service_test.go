package wire_test

import (
	"context"
	"io"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
)

type connectService struct{ *service }

func (s connectService) Greet(
	ctx context.Context, req *connect.Request[greetv1.GreetRequest],
) (*connect.Response[greetv1.GreetResponse], error) {
	if err := s.playConnect(ctx, req.Header(), stream{}); err != nil {
		return nil, err
	}
	return connect.NewResponse(&greetv1.GreetResponse{}), nil
}

func (s connectService) Watch(
	ctx context.Context, req *connect.Request[greetv1.WatchRequest], server *connect.ServerStream[greetv1.WatchResponse],
) error {
	return s.playConnect(ctx, req.Header(), stream{
		send:       func() error { return server.Send(&greetv1.WatchResponse{}) },
		sendHeader: func() error { return server.Send(nil) },
	})
}

func (s connectService) Collect(
	ctx context.Context, client *connect.ClientStream[greetv1.CollectRequest],
) (*connect.Response[greetv1.CollectResponse], error) {
	err := s.playConnect(ctx, client.RequestHeader(), stream{
		receive: func() error {
			if client.Receive() {
				return nil
			}
			if err := client.Err(); err != nil {
				return err
			}
			return io.EOF
		},
	})
	return connect.NewResponse(&greetv1.CollectResponse{}), err
}

func (s connectService) Converse(
	ctx context.Context, bidi *connect.BidiStream[greetv1.ConverseRequest, greetv1.ConverseResponse],
) error {
	return s.playConnect(ctx, bidi.RequestHeader(), stream{
		receive:     func() error { _, err := bidi.Receive(); return err },
		receiveInto: func(m proto.Message) error { return bidi.Conn().Receive(m) },
		send:        func() error { return bidi.Send(&greetv1.ConverseResponse{}) },
		sendHeader:  func() error { return bidi.Send(nil) },
	})
}

func (s connectService) playConnect(ctx context.Context, header http.Header, stream stream) error {
	stream.codeOf = func(err error) codes.Code { return codes.Code(connect.CodeOf(err)) }
	stream.refuse = connectauth.Refuse
	return s.play(ctx, header.Get(scriptHeader), stream)
}
