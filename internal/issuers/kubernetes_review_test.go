package issuers_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/oidcrpc/oidcrpc/examples/credentials"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/kubernetes"
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
	writeFile(t, podToken, []byte("none"))
	client, err := kubernetes.Cluster{Server: issuer, CAFile: product.authority, TokenFile: podToken}.Client()
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
	wantEnd(t, stream, codes.Unauthenticated, "the account is gone")
}
