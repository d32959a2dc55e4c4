package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	ordersv1 "github.com/oidcrpc/oidcrpc/examples/orders/v1"
)

// start runs the program until the test ends, and returns what it prints at first.
func start(t *testing.T) (printed string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, stdout := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, stdout, []string{"-addr", "127.0.0.1:0"})
		_ = stdout.Close()
	}()
	lines := bufio.NewScanner(out)
	t.Cleanup(func() {
		stop()
		rest := ""
		for lines.Scan() {
			rest += lines.Text()
		}
		if err := <-done; err != nil || !strings.Contains(rest, "Goodbye") {
			t.Errorf("it ends with %q, %v", rest, err)
		}
	})
	for lines.Scan() {
		printed += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "Stop with Ctrl-C") {
			break
		}
	}
	return printed
}

// call makes a call with JSON, and returns the answer's status and body.
func call(t *testing.T, url, token, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestPrintedCommandWorks(t *testing.T) {
	printed := start(t)
	command := regexp.MustCompile(`(?s)TOKEN=(\S+).*?-d '([^']*)' (http://\S+)`).FindStringSubmatch(printed)
	if command == nil {
		t.Fatalf("there is no command in\n%s", printed)
	}
	if status, body := call(t, command[3], command[1], command[2]); status != http.StatusOK || !strings.Contains(body, `"tea"`) {
		t.Errorf("%d %s", status, body)
	}
}

func TestEveryProcedureHasACommand(t *testing.T) {
	printed := start(t)
	methods := ordersv1.File_orders_v1_orders_proto.Services().Get(0).Methods()
	for n := range methods.Len() {
		if name := string(methods.Get(n).Name()); !strings.Contains(printed, "orders.v1.OrderService/"+name+"\n") {
			t.Errorf("there is no command for %s in\n%s", name, printed)
		}
	}
}

// The shell's own commands get the tokens.
func TestPrintedTokensAreWhatTheyAreSaidToBe(t *testing.T) {
	for _, tool := range []string{"sh", "curl", "date"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	printed := start(t)
	service := regexp.MustCompile(`http://\S+/orders\.v1\.OrderService/`).FindString(printed)
	var tokens []string
	for _, command := range regexp.MustCompile(`(?s)TOKEN=\$\(curl.*?\)\n\n`).FindAllString(printed, -1) {
		output, err := exec.CommandContext(t.Context(), "sh", "-c", command+`printf %s "$TOKEN"`).Output()
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		tokens = append(tokens, string(output))
	}
	if len(tokens) != 4 {
		t.Fatalf("%d commands in\n%s", len(tokens), printed)
	}
	bob, withoutScope, fresh, stale := tokens[0], tokens[1], tokens[2], tokens[3]
	for _, test := range []struct {
		who, token, procedure, body string
		status                      int
		answer                      string
	}{
		{"bob creates", bob, "CreateOrder", `{"item":"milk","quantity":1}`, http.StatusOK, "milk"},
		{"alice without a scope lists", withoutScope, "ListOrders", `{}`, http.StatusForbidden, "INSUFFICIENT_SCOPE"},
		{"alice doesn't see bob's", fresh, "ListOrders", `{}`, http.StatusOK, "{}"},
		{"alice deletes bob's", fresh, "DeleteOrder", `{"id":"1"}`, http.StatusNotFound, "not_found"},
		{"alice deletes after an hour", stale, "DeleteOrder", `{"id":"1"}`, http.StatusUnauthorized, "INSUFFICIENT_USER_AUTHENTICATION"},
		{"alice creates after an hour", stale, "CreateOrder", `{"item":"tea","quantity":1}`, http.StatusOK, "tea"},
	} {
		if status, answer := call(t, service+test.procedure, test.token, test.body); status != test.status ||
			!strings.Contains(answer, test.answer) {
			t.Errorf("%s: %d %s", test.who, status, answer)
		}
	}
}

func TestToolsNeedNoProto(t *testing.T) {
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(start(t))
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "orders.v1.OrderService"},
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := stream.Recv()
	if err != nil || len(res.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Errorf("%v, %v", res, err)
	}
}

func TestRunFailsWhereItCannotServe(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for name, args := range map[string][]string{
		"a port that is taken":          {"-addr", taken.Addr().String()},
		"an issuer for any audience":    {"-addr", "127.0.0.1:0", "-issuer", "https://issuer.example/"},
		"an audience without an issuer": {"-addr", "127.0.0.1:0", "-audience", "orders"},
		"an argument":                   {"-addr", "127.0.0.1:0", "serve"},
	} {
		if err := run(ctx, io.Discard, args); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if err := run(ctx, io.Discard, []string{"-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}
