package issuers_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/oidcrpc/oidcrpc/examples/credentials"
	"github.com/oidcrpc/oidcrpc/examples/greet"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// The API server's own code reviews tokens, behind its own authentication. It judges an account's
// existence, too, which no signature shows.
func TestKubernetesReviewsTokens(t *testing.T) {
	needs(t, "go")
	source := workshop(t, "kubernetes", kubernetesSources)
	build(t, source, "cluster", ".")
	product := cluster(t, filepath.Join(source, "cluster"), "RS256")
	issuer := product.config.Issuer
	token := func(account, audience string) string {
		query := url.Values{"account": {account}, "audience": {audience}}
		return string(call(t, product.client, http.MethodPost, issuer+"/token?"+query.Encode(), "", ""))
	}
	podToken := filepath.Join(t.TempDir(), "token")
	client, err := credentials.InCluster(product.authority, podToken)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := interceptor.New(credentials.TokenReview{
		Server: issuer, Audience: audience, Client: client, Recheck: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	calls := greetClient(t, auth)
	robot := token("robot", audience)

	// Nothing is known about the caller while the service itself isn't let in.
	for name, own := range map[string]string{
		"no token of this cluster":     "none",
		"an account without the role":  token("robot", issuer),
		"a token for another audience": token("orders", "elsewhere"),
	} {
		writeFile(t, podToken, []byte(own))
		wantGreeting(t, calls, robot, codes.Unavailable, "the service has "+name)
	}
	writeFile(t, podToken, []byte(token("orders", issuer)+"\n"))

	wantGreeting(t, calls, robot, codes.OK, "the token is good")
	wantGreeting(t, calls, token("robot", "elsewhere"), codes.Unauthenticated, "the token is for another service")
	wantGreeting(t, calls, token("stranger", audience), codes.Unauthenticated, "the account doesn't exist")
	wantGreeting(t, calls, robot[:len(robot)-4]+"AAAA", codes.Unauthenticated, "the signature is bad")

	product.stop(t)
	wantGreeting(t, calls, robot, codes.Unavailable, "the cluster is down")
	product.start(t)

	stream := watchGreetings(t, calls, robot)
	call(t, product.client, http.MethodDelete, issuer+"/robot", "", "")
	wantGreeting(t, calls, robot, codes.Unauthenticated, "the account is gone")
	for {
		if _, err := stream.Recv(); err != nil {
			if status.Code(err) != codes.Unauthenticated {
				t.Errorf("the account is gone, and its stream ended with %v", err)
			}
			return
		}
	}
}

func greetClient(t *testing.T, auth *interceptor.Authenticator) greetv1.GreetServiceClient {
	t.Helper()
	listener, server := bufconn.Listen(1<<16), greet.NewGRPCServer(auth)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return greetv1.NewGreetServiceClient(conn)
}

func wantGreeting(t *testing.T, calls greetv1.GreetServiceClient, token string, want codes.Code, because string) {
	t.Helper()
	_, err := calls.Greet(bearing(t, token), &greetv1.GreetRequest{Name: "Ada"})
	if status.Code(err) != want {
		t.Errorf("%s: %v, want %v", because, err, want)
	}
}

func watchGreetings(
	t *testing.T, calls greetv1.GreetServiceClient, token string,
) grpc.ServerStreamingClient[greetv1.WatchResponse] {
	t.Helper()
	stream, err := calls.Watch(bearing(t, token), &greetv1.WatchRequest{Name: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	return stream
}

func bearing(t *testing.T, token string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
}
