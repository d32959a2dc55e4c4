package schema_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/oidcrpc/oidcrpc/examples/greet"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/schema/policyv1"
)

// greetWith returns the greeting service's descriptor with these options, as if its
// proto had them.
func greetWith(t *testing.T, s service) protoreflect.FileDescriptor {
	t.Helper()
	file := protodesc.ToFileDescriptorProto(greetv1.File_greet_v1_greet_proto)
	file.Name = new("with/options.proto")
	service := file.GetService()[0]
	if s.option != nil {
		service.Options = &descriptorpb.ServiceOptions{}
		proto.SetExtension(service.GetOptions(), policyv1.E_Service, s.option)
	}
	for _, method := range service.GetMethod() {
		if option := s.methods[method.GetName()]; option != nil {
			method.Options = &descriptorpb.MethodOptions{}
			proto.SetExtension(method.GetOptions(), policyv1.E_Method, option)
		}
	}
	return link(t, file)
}

// clients serve the greeting service on all stacks, and call it in every way.
func clients(t *testing.T, auth *interceptor.Authenticator) map[string]client {
	t.Helper()
	grpcListener, connectListener, connectV1Listener := listen(t), listen(t), listen(t)
	grpcServer := greet.NewGRPCServer(auth)
	connectServer := &http.Server{Handler: greet.NewConnectHandler(auth), Protocols: unencrypted()}
	connectV1Server := &http.Server{Handler: greet.NewConnectV1Handler(auth), Protocols: unencrypted()}
	var served sync.WaitGroup
	served.Go(func() { _ = grpcServer.Serve(grpcListener) })
	served.Go(func() { _ = connectServer.Serve(connectListener) })
	served.Go(func() { _ = connectV1Server.Serve(connectV1Listener) })
	overGRPC := &http.Transport{Protocols: new(http.Protocols)}
	overGRPC.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(func() {
		overGRPC.CloseIdleConnections()
		grpcServer.Stop()
		_ = connectServer.Close()
		_ = connectV1Server.Close()
		served.Wait()
	})
	dial := func(listener net.Listener, options ...connect.ClientOption) client {
		return client{greetv1connect.NewGreetServiceClient(
			&http.Client{Transport: overGRPC}, "http://"+listener.Addr().String(), options...)}
	}
	return map[string]client{
		"grpc-go":             dial(grpcListener, connect.WithGRPC()),
		"Connect v2, gRPC":    dial(connectListener, connect.WithGRPC()),
		"Connect v2, Web":     dial(connectListener, connect.WithGRPCWeb()),
		"Connect v2, Connect": dial(connectListener),
		"Connect v1, gRPC":    dial(connectV1Listener, connect.WithGRPC()),
		"Connect v1, Web":     dial(connectV1Listener, connect.WithGRPCWeb()),
		"Connect v1, Connect": dial(connectV1Listener),
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func unencrypted() *http.Protocols {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return protocols
}

var methods = []string{"Greet", "Watch", "Collect", "Converse"}

type client struct {
	greetv1connect.GreetServiceClient
}

// verdict makes a call and returns its code and challenge.
func (c client) verdict(ctx context.Context, method, token string) string {
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	err := c.call(ctx, method, header)
	if err == nil {
		return "ok"
	}
	verdict := connect.CodeOf(err).String()
	if connectErr, ok := errors.AsType[*connect.Error](err); ok {
		verdict += " " + strings.Join(connectErr.Meta().Values("WWW-Authenticate"), " and ")
	}
	return verdict
}

func (c client) call(ctx context.Context, method string, header http.Header) error {
	switch method {
	case "Greet":
		req := connect.NewRequest(&greetv1.GreetRequest{})
		maps.Copy(req.Header(), header)
		_, err := c.Greet(ctx, req)
		return err
	case "Watch":
		req := connect.NewRequest(&greetv1.WatchRequest{Count: 1})
		maps.Copy(req.Header(), header)
		stream, err := c.Watch(ctx, req)
		if err != nil {
			return err
		}
		for stream.Receive() {
			continue
		}
		return errors.Join(stream.Err(), stream.Close())
	case "Collect":
		stream := c.Collect(ctx)
		maps.Copy(stream.RequestHeader(), header)
		_, err := stream.CloseAndReceive()
		return err
	default:
		stream := c.Converse(ctx)
		maps.Copy(stream.RequestHeader(), header)
		_ = stream.Send(nil) // Receive tells more
		_ = stream.CloseRequest()
		_, err := stream.Receive()
		_ = stream.CloseResponse()
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
}
