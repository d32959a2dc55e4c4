package issuers_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/internal/dpoptest"
)

// Node runs what a browser would.
func TestConnectWebProvesWithTheCodeInTheDocuments(t *testing.T) {
	needs(t, "node", "npm")
	files := make(map[string]string)
	for _, name := range []string{"package.json", "proving.js", "client.js"} {
		files[name] = name
	}
	dir := workshop(t, "connect-web", files)
	execute(t, dir, nil, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts")
	descriptors, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto(greetv1.File_greet_v1_greet_proto),
	}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "descriptors")
	writeFile(t, path, descriptors)

	g := dpoptest.NewGuard()
	endpoint := httptest.NewServer(g)
	defer endpoint.Close()
	mux := http.NewServeMux()
	mux.Handle(greetv1connect.NewGreetServiceHandler(watched{}))
	server := httptest.NewServer(guard(g, mux))
	defer server.Close()
	execute(t, dir, nil, "node", "client.js", server.URL, endpoint.URL+"/token", path)
	if err := g.Err(); err != nil {
		t.Errorf("the server says: %v", err)
	}
	methods := g.Methods()
	if tokens, calls := g.Count(); tokens != 1 || calls <= 12 || !slices.Contains(methods, http.MethodGet) {
		t.Errorf("%d tokens, and the calls %q, want one, and more than 12 with GETs", tokens, methods)
	}
}

// guard wants another nonce with every third call.
func guard(g *dpoptest.Guard, next http.Handler) http.Handler {
	failures, n := connect.NewErrorWriter(), 0
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n%3 == 0 {
			g.WantNonce(dpoptest.Resource)
		}
		answer := g.Admit(dpoptest.Request{
			Method: r.Method, Target: "http://" + r.Host + r.URL.Path,
			Authorization: r.Header.Values("Authorization"), Proofs: r.Header.Values("DPoP"),
		})
		if answer.Nonce != "" {
			w.Header().Set("DPoP-Nonce", answer.Nonce)
		}
		if answer.Challenge != "" {
			w.Header().Set("WWW-Authenticate", answer.Challenge)
			_ = failures.Write(w, r, connect.NewError(connect.CodeUnauthenticated, errors.New("no")))
			return
		}
		next.ServeHTTP(w, r)
	})
}

type watched struct{ greeter }

func (watched) Watch(
	_ context.Context, _ *connect.Request[greetv1.WatchRequest], stream *connect.ServerStream[greetv1.WatchResponse],
) error {
	return stream.Send(&greetv1.WatchResponse{})
}
