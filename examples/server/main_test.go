package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServerTrustsTheGivenIssuer(t *testing.T) {
	issuer := verifiertest.NewServer(verifiertest.WithAlgorithms("RS256"))
	defer issuer.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, stdout, []string{
			"-addr=127.0.0.1:0", "-grpc-addr=127.0.0.1:0", "-issuer=" + issuer.URL(), "-audience=" + verifiertest.Audience,
		})
		_ = stdout.Close()
	}()
	lines := bufio.NewScanner(out)
	printed := ""
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Stop with") {
		printed += lines.Text() + "\n"
	}
	addresses := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(printed, 2)
	if len(addresses) != 2 {
		t.Fatalf("there are no addresses in\n%s", printed)
	}
	methods := greetv1.File_greet_v1_greet_proto.Services().Get(0).Methods()
	for n := range methods.Len() {
		if command := "/" + string(methods.Get(n).Name()) + "\n"; !strings.Contains(printed, command) {
			t.Errorf("there is no command for %s", methods.Get(n).Name())
		}
	}
	for _, address := range addresses {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := reflected(t, conn); !slices.Contains(got, "greet.v1.GreetService") {
			t.Errorf("%s says that it serves %q", address, got)
		}
		calls := greetv1.NewGreetServiceClient(conn)
		asUser := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+issuer.Token(nil))
		if _, err := calls.Greet(asUser, &greetv1.GreetRequest{}); err != nil {
			t.Errorf("%s: with a token: %v", address, err)
		}
		if _, err := calls.Greet(ctx, &greetv1.GreetRequest{}); status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s: without a token: %v", address, err)
		}
	}
	interrupt()
	rest := ""
	for lines.Scan() {
		rest += lines.Text()
	}
	if err := <-done; err != nil || !strings.Contains(rest, "Goodbye") {
		t.Errorf("it ends with %q, %v", rest, err)
	}
}

// reflected returns the services that a tool finds without a token or a proto.
func reflected(t *testing.T, conn *grpc.ClientConn) (names []string) {
	t.Helper()
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(req *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
		res, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	list := ask(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
	})
	for _, service := range list.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	file := ask(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "greet.v1.GreetService"},
	})
	if len(file.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Errorf("it doesn't describe its service: %v", file)
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("its stream ends with %v", err)
	}
	return names
}

func TestOnlyFlagsAreTaken(t *testing.T) {
	if err := run(t.Context(), io.Discard, []string{"issuer"}); err == nil || !strings.Contains(err.Error(), `"issuer"`) {
		t.Errorf("an argument: %v", err)
	}
	if err := run(t.Context(), io.Discard, []string{"-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
	if err := run(t.Context(), io.Discard, nil); err == nil {
		t.Error("no issuer is accepted")
	}
}
