package clients_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// needs skips the test unless it was asked for and has what it needs.
func needs(t *testing.T, tools ...string) {
	t.Helper()
	if os.Getenv("OIDCRPC_CLIENTS") == "" {
		t.Skip("set OIDCRPC_CLIENTS=1 to run real clients")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

const (
	greetProcedure = "/greet.v1.GreetService/Greet"
	watchProcedure = "/greet.v1.GreetService/Watch"
)

// newAuth returns an Authenticator whose callers need the scope greet.
func newAuth(t *testing.T, issuer *verifiertest.Issuer, options ...interceptor.Option) *interceptor.Authenticator {
	t.Helper()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	rule := interceptor.Rule{Require: verifier.Requirement{Scopes: []string{"greet"}}}
	policy := interceptor.WithPolicy(interceptor.Policy{greetProcedure: rule, watchProcedure: rule})
	auth, err := interceptor.New(v, append(options, policy)...)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// serve speaks HTTP/1.1 and HTTP/2 without TLS.
func serve(t *testing.T, handler http.Handler) (url string) {
	t.Helper()
	return serveAt(t, func(string) http.Handler { return handler })
}

// serveAt serves a handler that knows its URL.
func serveAt(t *testing.T, handler func(url string) http.Handler) (url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = handler("http://" + server.Listener.Addr().String())
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// descriptors returns the greeting service's FileDescriptorSet in base64.
func descriptors(t *testing.T) string {
	t.Helper()
	file := protodesc.ToFileDescriptorProto(greetv1.File_greet_v1_greet_proto)
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{file}})
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(set)
}

// nodeFolder returns a folder with our scripts and the packages they need.
func nodeFolder(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "greet/v1"), os.DirFS("../../examples/greet/v1")); err != nil {
		t.Fatal(err)
	}
	proving, err := os.ReadFile("../issuers/testdata/connect-web/proving.js") // which the documents quote
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "proving.js"), proving, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	run(t, dir, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts")
	return dir
}

func run(t *testing.T, dir, program string, arguments ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, arguments...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", program, arguments, err, text)
	}
}
