package connectauth_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc/test/bufconn"

	"github.com/oidcrpc/oidcrpc/connectauth"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const drainBytes, drainTime = 64 << 10, 20 * time.Millisecond

// A readBody counts what is read of it.
type readBody struct {
	io.ReadCloser

	n     int
	ended bool
}

func (b *readBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += n
	b.ended = b.ended || err == io.EOF
	return n, err
}

// A refusal is a call that is refused over HTTP/2, and who refuses it.
type refusal struct {
	name    string
	path    string
	handler http.Handler
}

// refusals are all of a stream whose client isn't done sending.
func refusals(t *testing.T) []refusal {
	t.Helper()
	auth := newAuth(t, verifiertest.NewIssuer())
	open := newAuth(t, verifiertest.NewIssuer(), interceptor.WithPolicy(interceptor.Policy{
		"/*": {Access: interceptor.AccessPublic},
	}))
	refuse := func(ctx context.Context, _ *connect.ClientStream[greetv1.CollectRequest]) (*connect.Response[greetv1.CollectResponse], error) {
		return nil, connectauth.Refuse(ctx, nil)
	}
	const collect = greetv1connect.GreetServiceCollectProcedure
	handler := func(auth *interceptor.Authenticator) http.Handler {
		return connect.NewClientStreamHandler(collect, refuse, secured(auth))
	}
	return []refusal{
		{"by the middleware", collect, connectauth.NewMiddleware(auth).Wrap(handler(auth))},
		{"by the interceptor", collect, connectauth.NewMiddleware(open).Wrap(handler(auth))},
		{"by the handler", collect, connectauth.NewMiddleware(open).Wrap(handler(open))},
	}
}

// call makes the call, over HTTP/2 within this process, with all of the request but the
// end of its body. The rest comes out of the pipe. It returns what the server reads.
func (r refusal) call(t *testing.T, rest *io.PipeReader) *readBody {
	t.Helper()
	body := &readBody{}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body.ReadCloser = req.Body
		req.Body = body
		r.handler.ServeHTTP(w, req)
	})}
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	transport := &http.Transport{Protocols: protocols, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://greet.test"+r.path, rest)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return body
}

// net/http resets a stream of which some is still to come, and then nginx loses the
// response.
func TestEndOfARefusedRequestIsReadOverHTTP2(t *testing.T) {
	for _, r := range refusals(t) {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rest, more := io.Pipe()
				go func() {
					time.Sleep(drainTime / 2)
					_, _ = more.Write(make([]byte, drainBytes/2))
					_ = more.Close()
				}()
				if body := r.call(t, rest); body.n != drainBytes/2 || !body.ended {
					t.Errorf("%d bytes were read, and the end = %v", body.n, body.ended)
				}
			})
		})
	}
}

func TestRefusalWaitsForTheClientNoLongerThanItMust(t *testing.T) {
	for _, r := range refusals(t) {
		t.Run(r.name+", who is silent", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rest, more := io.Pipe()
				defer more.Close()
				start := time.Now()
				r.call(t, rest)
				if waited := time.Since(start); waited != drainTime {
					t.Errorf("the response came after %v, want %v", waited, drainTime)
				}
			})
		})
		t.Run(r.name+", who sends a lot", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rest, more := io.Pipe()
				defer more.Close()
				go func() { _, _ = io.Copy(more, bytes.NewReader(make([]byte, 1<<20))) }()
				start := time.Now()
				if body := r.call(t, rest); body.n != drainBytes || time.Since(start) != 0 {
					t.Errorf("%d bytes were read in %v, want %d at once", body.n, time.Since(start), drainBytes)
				}
			})
		})
	}
}

func TestHandlerThatIsDoneEarlyWaitsForNothing(t *testing.T) {
	open := newAuth(t, verifiertest.NewIssuer(), interceptor.WithPolicy(interceptor.Policy{
		"/*": {Access: interceptor.AccessPublic},
	}))
	for name, result := range map[string]error{"a response": nil, "an error": connect.NewError(connect.CodeAborted, nil)} {
		done := func(context.Context, *connect.ClientStream[greetv1.CollectRequest]) (*connect.Response[greetv1.CollectResponse], error) {
			return connect.NewResponse(&greetv1.CollectResponse{}), result
		}
		const collect = greetv1connect.GreetServiceCollectProcedure
		r := refusal{path: collect, handler: connectauth.NewMiddleware(open).Wrap(
			connect.NewClientStreamHandler(collect, done, secured(open)))}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rest, more := io.Pipe()
				defer more.Close()
				start := time.Now()
				if body := r.call(t, rest); body.n != 0 || time.Since(start) != 0 {
					t.Errorf("%d bytes were read in %v", body.n, time.Since(start))
				}
			})
		})
	}
}

// Without a limit for the time nothing must be read.
func TestRefusalDoesNotWaitWhereItCannotSetALimit(t *testing.T) {
	for _, r := range refusals(t) {
		t.Run(r.name, func(t *testing.T) {
			handler := r.handler
			r.handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				handler.ServeHTTP(struct{ http.ResponseWriter }{w}, req)
			})
			synctest.Test(t, func(t *testing.T) {
				rest, more := io.Pipe()
				defer more.Close()
				start := time.Now()
				if r.call(t, rest); time.Since(start) != 0 {
					t.Errorf("the response came after %v", time.Since(start))
				}
			})
		})
	}
}
