package wire_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A slowIssuer answers when it is told to.
type slowIssuer struct {
	*verifiertest.Issuer

	asked, answer func() // each may be called again
	isAsked       <-chan struct{}
	mayAnswer     <-chan struct{}
}

func newSlowIssuer() *slowIssuer {
	asked, answer := make(chan struct{}), make(chan struct{})
	return &slowIssuer{
		Issuer:    verifiertest.NewIssuer(),
		asked:     sync.OnceFunc(func() { close(asked) }),
		answer:    sync.OnceFunc(func() { close(answer) }),
		isAsked:   asked,
		mayAnswer: answer,
	}
}

func (i *slowIssuer) RoundTrip(req *http.Request) (*http.Response, error) {
	i.asked()
	select {
	case <-i.mayAnswer:
		return i.Issuer.RoundTrip(req)
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// newSlowAuth returns an authenticator that has yet to fetch its keys, and the codes
// of its decisions.
func newSlowAuth(t *testing.T, issuer *slowIssuer) (*interceptor.Authenticator, <-chan interceptor.Code) {
	t.Helper()
	config := issuer.Config()
	config.HTTPClient = &http.Client{Transport: issuer}
	config.FetchTimeout = time.Minute
	tokens, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	decided := make(chan interceptor.Code, 8)
	auth, err := interceptor.New(tokens, interceptor.WithRealm(realm),
		interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) { decided <- d.Code }))
	if err != nil {
		t.Fatal(err)
	}
	return auth, decided
}

func TestCallerWhoLeavesDuringAFetchTakesNobodyAlong(t *testing.T) {
	for _, road := range roads() {
		for _, procedure := range road.procedures() {
			t.Run(road.name+procedure, func(t *testing.T) {
				issuer := newSlowIssuer()
				auth, decided := newSlowAuth(t, issuer)
				server := road.launch(t, auth)
				t.Cleanup(issuer.answer) // before the server waits for its calls
				fields := road.format.fields(procedure, field{Name: "authorization", Value: "Bearer " + issuer.Token(nil)})

				leaves := open(t, server, road.format, fields)
				<-issuer.isAsked
				stays := open(t, server, road.format, fields)
				_ = leaves.framer.WriteRSTStream(leaves.stream, http2.ErrCodeCancel)
				if got := <-decided; got != interceptor.CodeCanceled {
					t.Errorf("the call that was left: %v, want CANCELLED", got)
				}
				if ran := server.service.ran.Load(); ran != 0 {
					t.Errorf("%d handlers ran", ran)
				}
				issuer.answer()
				reply, err := stays.reply()
				if got := road.format.verdict(reply); err != nil || got != served {
					t.Errorf("the other call: %s, %v, want %s", got, err, served)
				}
				// grpc-go on net/http has its own word on every call that was left.
				server.errors.checkEmpty(t, "the server's log")
				grpcLog.reset()
			})
		}
	}
}

// Left out are grpc-go Serve, which cuts such a call off by itself, and middleware: the
// framework behind it is who reads the deadline.
func TestDeadlineDuringAFetchIsTheCallsOwn(t *testing.T) {
	for _, road := range roads() {
		if road.column == 0 || road.column == 3 {
			continue
		}
		for _, procedure := range road.procedures() {
			t.Run(road.name+procedure, func(t *testing.T) {
				// A busy machine may take longer than the deadline to come to the fetch.
				for timeout := 50 * time.Millisecond; ; timeout *= 5 {
					if road.expiresDuringAFetch(t, procedure, timeout) {
						return
					}
					if timeout > patience {
						t.Fatal("the call never came to the fetch")
					}
				}
			})
		}
	}
}

// expiresDuringAFetch makes a call that ends while its keys are fetched. It returns false
// if the call didn't come so far.
func (r road) expiresDuringAFetch(t *testing.T, procedure string, timeout time.Duration) bool {
	t.Helper()
	issuer := newSlowIssuer()
	auth, decided := newSlowAuth(t, issuer)
	server := r.launch(t, auth)
	t.Cleanup(issuer.answer)
	fields := r.format.fields(procedure,
		field{Name: "authorization", Value: "Bearer " + issuer.Token(nil)},
		field{Name: "grpc-timeout", Value: fmt.Sprintf("%dm", timeout.Milliseconds())},
		field{Name: "connect-timeout-ms", Value: fmt.Sprint(timeout.Milliseconds())})
	got := r.send(t, server, fields, r.format.message(0, nil))
	select {
	case <-issuer.isAsked:
	default:
		return false
	}
	if got != "DeadlineExceeded" {
		t.Errorf("%s, want DeadlineExceeded, without a challenge", got)
	}
	if got := <-decided; got != interceptor.CodeDeadlineExceeded {
		t.Errorf("decided on %v, want deadline_exceeded", got)
	}
	if ran := server.service.ran.Load(); ran != 0 {
		t.Errorf("%d handlers ran", ran)
	}
	server.checkQuiet(t)
	return true
}

// open makes a call with an empty message.
func open(t *testing.T, s *server, f format, fields []field) *http2Conn {
	t.Helper()
	conn, err := dialRaw(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	conn.request(fields, f.message(0, nil))
	return conn
}
