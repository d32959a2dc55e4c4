package verifier_test

import (
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A patient is an issuer with something wrong with it, now and then.
type patient struct {
	*verifiertest.Issuer
	remote

	ailment atomic.Pointer[func(*http.Request) (*http.Response, error)] // nil: it is well
}

func newPatient() *patient {
	p := &patient{Issuer: verifiertest.NewIssuer()}
	p.respond = func(req *http.Request) (*http.Response, error) {
		if ailment := p.ailment.Load(); ailment != nil {
			return (*ailment)(req)
		}
		return p.Issuer.RoundTrip(req)
	}
	return p
}

func (p *patient) suffer(ailment func(*http.Request) (*http.Response, error)) {
	p.ailment.Store(&ailment)
}

func (p *patient) recover() { p.ailment.Store(nil) }

// config needs no discovery: a fetch is one request.
func (p *patient) config() verifier.Config {
	config := direct(p.Issuer)
	config.HTTPClient = p.client()
	return config
}

// warm returns an issuer whose keys a verifier fetched a moment ago, and a token of them
// that no test outlives.
func warm(t testing.TB) (*patient, *verifier.Verifier, string) {
	t.Helper()
	p := newPatient()
	v := newVerifier(t, p.config())
	token := lasting(p.Issuer)
	accept(t, v, token)
	time.Sleep(time.Millisecond)
	return p, v, token
}

func (p *patient) fetches() int { return len(p.requests()) }

// lasting returns a token of the present key.
func lasting(issuer *verifiertest.Issuer) string {
	return issuer.Token(map[string]any{"exp": time.Now().Add(1000 * time.Hour).Unix()})
}

var errReset = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

func resets(*http.Request) (*http.Response, error) { return nil, errReset }

func hangs(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func answers(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return response(status, body), nil }
}

// takesNoTime runs call and fails the test if it had to wait, by the clock of the
// bubble, which only moves when all its goroutines wait.
func takesNoTime(t testing.TB, call func()) {
	t.Helper()
	start := time.Now()
	call()
	if waited := time.Since(start); waited != 0 {
		t.Errorf("a call waited for %v, want none at all", waited)
	}
}

func wantFetches(t testing.TB, p *patient, want int) {
	t.Helper()
	if got := p.fetches(); got != want {
		t.Errorf("the keys were fetched %d times, want %d", got, want)
	}
}

// withKid names another key in a token. Its signature is no good then, but it
// isn't looked at before there is a key.
func withKid(token, kid string) string {
	_, rest, _ := strings.Cut(token, ".")
	return segment(`{"alg":"ES256","kid":"`+kid+`","typ":"at+jwt"}`) + "." + rest
}
