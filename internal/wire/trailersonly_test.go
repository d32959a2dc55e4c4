package wire_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// nginx and HAProxy drop the trailers of a response that says content-length: 0, with
// the code and everything else.
func TestMiddlewareRefusesGRPCInOneBlock(t *testing.T) {
	auth, tokens := newAuth(t)
	for _, launch := range []launcher{serveConnectBehindMiddleware, serveConnectV2BehindMiddleware} {
		checkOneBlock(t, launch(t, auth), tokens)
	}
}

func checkOneBlock(t *testing.T, server *server, tokens *judge) {
	t.Helper()
	for _, procedure := range []string{
		greetv1connect.GreetServiceGreetProcedure, greetv1connect.GreetServiceWatchProcedure,
		greetv1connect.GreetServiceCollectProcedure, greetv1connect.GreetServiceConverseProcedure,
	} {
		for contentType, want := range map[format]outcome{
			"application/grpc":       noCredentials("", nil),
			"application/grpc+proto": unavailable("", bearer(tokens.downToken)),
		} {
			fields := contentType.fields(procedure)
			for _, value := range want.authorization {
				fields = append(fields, field{Name: "authorization", Value: value})
			}
			reply := server.exchange(t, fields, formatGRPC.message(0, nil))
			if reply.blocks != 1 || len(reply.body) > 0 {
				t.Errorf("%s: %d blocks and %d bytes, want one block", procedure, reply.blocks, len(reply.body))
			}
			for name, want := range map[string]string{
				":status":          "200",
				"content-type":     string(contentType),
				"content-length":   "",
				"trailer":          "",
				"grpc-status":      fmt.Sprint(uint32(want.code)),
				"www-authenticate": want.challenge,
			} {
				if got := reply.field(name); got != want {
					t.Errorf("%s: %s is %q, want %q", procedure, name, got, want)
				}
			}
			if reply.field("grpc-message") == "" || reply.field("grpc-status-details-bin") == "" {
				t.Errorf("%s: no message or no details in %v", procedure, reply.fields)
			}
		}
	}
	server.checkQuiet(t)
}

func TestMiddlewareRefusesGRPCOverHTTP1InTheHeader(t *testing.T) {
	auth, _ := newAuth(t)
	for _, launch := range []launcher{serveConnectBehindMiddleware, serveConnectV2BehindMiddleware} {
		server := launch(t, auth)
		reply, err := exchangeHTTP1(server.addr, formatGRPC, greetv1connect.GreetServiceGreetProcedure, nil)
		if got := formatGRPC.verdict(reply); err != nil || got != missingToken {
			t.Errorf("%s, %v, want %s", got, err, missingToken)
		}
		server.checkQuiet(t)
	}
}

const retryThrice = `{"methodConfig": [{"name": [{}], "retryPolicy": {
	"maxAttempts": 4, "initialBackoff": "0.001s", "maxBackoff": "0.001s", "backoffMultiplier": 1,
	"retryableStatusCodes": ["UNAVAILABLE"]}}]}`

// A down verifier will have no keys for a while.
type down time.Duration

func (d down) Verify(context.Context, string) (*verifier.Claims, error) {
	return nil, &verifier.KeysError{Code: verifier.CodeJWKSFetchFailed, RetryAfter: time.Duration(d)}
}

// grpc-go retries a Trailers-Only response alone. If a refusal overtakes the last
// attempt's message, it reports Unknown (v1.85.0), so only the attempts are counted.
func TestClientsRetryAnOutage(t *testing.T) {
	var attempts atomic.Int64
	auth, err := interceptor.New(down(time.Millisecond), interceptor.WithObserver(func(context.Context, interceptor.Decision) {
		attempts.Add(1)
	}))
	if err != nil {
		t.Fatal(err)
	}
	for name, launch := range map[string]launcher{
		"grpc-go Serve":         serveGRPC,
		"behind middleware":     serveConnectBehindMiddleware,
		"v2, behind middleware": serveConnectV2BehindMiddleware,
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := grpc.NewClient(launch(t, auth).addr,
				grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(retryThrice))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			client := grpcClient{greetv1.NewGreetServiceClient(conn)}
			for _, kind := range allKinds {
				attempts.Store(0)
				a := perform(t, client, call{kind: kind, authorization: bearer("token")})
				if n := attempts.Load(); a.code == codes.OK || n != 4 {
					t.Errorf("%s: %v after %d attempts, want an error after 4", kind, a.code, n)
				}
			}
		})
	}
}

// Clients that heed it do so past their deadline.
func TestClientsAreToldToWaitWithinTheirDeadline(t *testing.T) {
	for name, launch := range map[string]launcher{
		"grpc-go Serve":         serveGRPC,
		"behind middleware":     serveConnectBehindMiddleware,
		"v2, behind middleware": serveConnectV2BehindMiddleware,
	} {
		for _, tt := range []struct {
			after   time.Duration
			timeout string
			want    string
		}{
			{0, "", ""},
			{9*time.Second + 1, "", "9001"},
			{10 * time.Second, "", ""},
			{9 * time.Second, "1H", "9000"},
			{9 * time.Second, "1M", "9000"},
			{9 * time.Second, "99999999S", "9000"},
			{9 * time.Second, "9S", ""},
			{9 * time.Second, "999999m", "9000"},
			{9 * time.Second, "9000m", ""},
			{9 * time.Second, "99999999u", "9000"},
			{9 * time.Second, "9000000u", ""},
			{9 * time.Second, "99999999n", ""},
		} {
			auth, err := interceptor.New(down(tt.after))
			if err != nil {
				t.Fatal(err)
			}
			server := launch(t, auth)
			for _, procedure := range []string{greetv1connect.GreetServiceGreetProcedure, greetv1connect.GreetServiceConverseProcedure} {
				fields := formatGRPC.fields(procedure, field{Name: "authorization", Value: "Bearer token"})
				if tt.timeout != "" {
					fields = append(fields, field{Name: "grpc-timeout", Value: tt.timeout})
				}
				reply := server.exchange(t, fields, formatGRPC.message(0, nil))
				if got := reply.field("grpc-retry-pushback-ms"); got != tt.want || reply.field("grpc-status") == "" {
					t.Errorf("%s, %s, after %v of %q: %q, want %q", name, procedure, tt.after, tt.timeout, got, tt.want)
				}
			}
		}
	}
}
