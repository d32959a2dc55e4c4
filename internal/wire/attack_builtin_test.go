package wire_test

import (
	"context"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	connectv2 "connectrpc.com/connect/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// builtins are the procedures that servers get beside their own services. Each is as
// closed as any other until a rule names it.
var builtins = []string{
	healthv1.Health_Check_FullMethodName,
	healthv1.Health_List_FullMethodName,
	healthv1.Health_Watch_FullMethodName,
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
}

func registerBuiltins(srv *grpc.Server) {
	healthv1.RegisterHealthServer(srv, health.NewServer())
	reflection.Register(srv)
}

// handleBuiltins stands for connectrpc.com/grpchealth and grpcreflect. Their answers
// don't matter here.
func handleBuiltins(mux *http.ServeMux, options ...connect.HandlerOption) {
	for i, procedure := range builtins {
		if i < 2 {
			mux.Handle(procedure, connect.NewUnaryHandler(procedure,
				func(context.Context, *connect.Request[emptypb.Empty]) (*connect.Response[emptypb.Empty], error) {
					return connect.NewResponse(&emptypb.Empty{}), nil
				}, options...))
			continue
		}
		mux.Handle(procedure, connect.NewBidiStreamHandler(procedure,
			func(context.Context, *connect.BidiStream[emptypb.Empty, emptypb.Empty]) error { return nil }, options...))
	}
}

func registerBuiltinsV2(server *connectv2.Server) {
	for i, procedure := range builtins {
		spec := connectv2.Spec{StreamType: connectv2.StreamTypeBidi, Procedure: procedure}
		if i < 2 {
			spec.StreamType = connectv2.StreamTypeUnary
		}
		server.Register(connectv2.Method{Spec: spec, Handler: func(
			_ context.Context, _ connectv2.Spec, stream connectv2.ServerStream,
		) error {
			return stream.Send(&emptypb.Empty{})
		}})
	}
}

func TestHealthAndReflectionAreClosedWithoutARule(t *testing.T) {
	tokens := newJudge(t)
	closed, err := interceptor.New(tokens, interceptor.WithRealm(realm))
	if err != nil {
		t.Fatal(err)
	}
	// An open service opens no other whose name begins alike.
	open, err := interceptor.New(tokens, interceptor.WithRealm(realm), interceptor.WithPolicy(interceptor.Policy{
		healthv1.Health_Check_FullMethodName:     {Access: interceptor.AccessPublic},
		"/grpc.reflection.v1.ServerReflection/*": {Access: interceptor.AccessPublic},
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, road := range roads() {
		if road.format == formatConnect || road.format == formatStream {
			continue // it also speaks the others, and some builtins are streams
		}
		for _, tt := range []struct {
			name string
			auth *interceptor.Authenticator
			open [5]bool
		}{
			{"no rule", closed, [5]bool{}},
			{"rules for some", open, [5]bool{true, false, false, true, false}},
		} {
			t.Run(road.name+"/"+tt.name, func(t *testing.T) {
				server := road.launch(t, tt.auth)
				for i, procedure := range builtins {
					got := road.send(t, server, road.format.fields(procedure), road.format.message(0, nil))
					if isOpen := got != missingToken; isOpen != tt.open[i] {
						t.Errorf("%s: %s, want open = %v", procedure, got, tt.open[i])
					}
				}
				server.checkQuiet(t)
			})
		}
	}
}
