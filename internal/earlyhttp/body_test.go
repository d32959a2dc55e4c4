package earlyhttp_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	connectv2 "connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"
	"go.uber.org/goleak"
	"google.golang.org/grpc/test/bufconn"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/earlyhttp"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

const collect = greetv1connect.GreetServiceCollectProcedure

// A stack serves collect with one major version of connect-go, and its middleware.
type stack struct {
	name    string
	wrap    func(*interceptor.Authenticator, http.Handler) http.Handler
	handler func(auth *interceptor.Authenticator, fails func(context.Context) error) http.Handler
	refuse  func(context.Context, error) error
	aborted error
}

var stacks = []stack{
	{
		name: "v1",
		wrap: func(auth *interceptor.Authenticator, next http.Handler) http.Handler {
			return connectauth.NewMiddleware(auth).Wrap(next)
		},
		handler: func(auth *interceptor.Authenticator, fails func(context.Context) error) http.Handler {
			return connect.NewClientStreamHandler(collect, func(
				ctx context.Context, _ *connect.ClientStream[greetv1.CollectRequest],
			) (*connect.Response[greetv1.CollectResponse], error) {
				return connect.NewResponse(&greetv1.CollectResponse{}), fails(ctx)
			}, connect.WithInterceptors(connectauth.NewInterceptor(auth)))
		},
		refuse:  connectauth.Refuse,
		aborted: connect.NewError(connect.CodeAborted, nil),
	},
	{
		name: "v2",
		wrap: func(auth *interceptor.Authenticator, next http.Handler) http.Handler {
			return connectauthv2.NewMiddleware(auth).Wrap(next)
		},
		handler: func(auth *interceptor.Authenticator, fails func(context.Context) error) http.Handler {
			server := connectv2.NewServer(connectauthv2.NewServerInterceptor(auth))
			spec := connectv2.Spec{StreamType: connectv2.StreamTypeClient, Procedure: collect}
			server.Register(connectv2.Method{Spec: spec, Handler: func(
				ctx context.Context, _ connectv2.Spec, stream connectv2.ServerStream,
			) error {
				if err := fails(ctx); err != nil {
					return err
				}
				return stream.Send(&greetv1.CollectResponse{})
			}})
			mux := http.NewServeMux()
			connecthttp.Mount(mux, server)
			return mux
		},
		refuse:  connectauthv2.Refuse,
		aborted: connectv2.NewError(connectv2.CodeAborted, ""),
	},
}

func newAuth(t *testing.T, options ...interceptor.Option) *interceptor.Authenticator {
	t.Helper()
	v, err := verifier.New(verifiertest.NewIssuer().Config())
	if err != nil {
		t.Fatal(err)
	}
	auth, err := interceptor.New(v, options...)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// newOpenAuth admits every call.
func newOpenAuth(t *testing.T) *interceptor.Authenticator {
	t.Helper()
	return newAuth(t, interceptor.WithPolicy(interceptor.Policy{"/*": {Access: interceptor.AccessPublic}}))
}

// A refusal is a call that is refused over HTTP/2, and who refuses it.
type refusal struct {
	name    string
	handler http.Handler
}

// refusals are all of a stream whose client isn't done sending.
func refusals(t *testing.T) []refusal {
	t.Helper()
	auth, open := newAuth(t), newOpenAuth(t)
	var all []refusal
	for _, s := range stacks {
		refuse := func(ctx context.Context) error { return s.refuse(ctx, nil) }
		all = append(all,
			refusal{s.name + ", by the middleware", s.wrap(auth, s.handler(auth, refuse))},
			refusal{s.name + ", by the interceptor", s.wrap(open, s.handler(auth, refuse))},
			refusal{s.name + ", by the handler", s.wrap(open, s.handler(open, refuse))})
	}
	return all
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
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://greet.test"+collect, rest)
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
	open := newOpenAuth(t)
	for _, s := range stacks {
		for name, result := range map[string]error{"a response": nil, "an error": s.aborted} {
			r := refusal{handler: s.wrap(open, s.handler(open, func(context.Context) error { return result }))}
			t.Run(s.name+", "+name, func(t *testing.T) {
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
}

// A call in process has its caller's context, and so the caller's body.
func TestRefusalInProcessLeavesTheOuterRequestAlone(t *testing.T) {
	auth, open := newAuth(t), newOpenAuth(t)
	inner := connectv2.NewServer(connectauthv2.NewServerInterceptor(auth))
	spec := connectv2.Spec{StreamType: connectv2.StreamTypeUnary, Procedure: greetv1connect.GreetServiceGreetProcedure}
	inner.Register(connectv2.Method{Spec: spec, Handler: func(context.Context, connectv2.Spec, connectv2.ServerStream) error {
		return nil
	}})
	client := connectv2.NewClient(connectinprocess.New(inner))
	v2 := stacks[1]
	r := refusal{handler: v2.wrap(open, v2.handler(open, func(ctx context.Context) error {
		err := client.CallUnary(ctx, spec, &greetv1.GreetRequest{}, &greetv1.GreetResponse{})
		if connectv2.CodeOf(err) != connectv2.CodeUnauthenticated {
			t.Errorf("the inner call got %v", err)
		}
		return nil
	}))}
	synctest.Test(t, func(t *testing.T) {
		rest, more := io.Pipe()
		defer more.Close()
		start := time.Now()
		if body := r.call(t, rest); body.n != 0 || time.Since(start) != 0 {
			t.Errorf("%d bytes were read in %v", body.n, time.Since(start))
		}
	})
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

// A handler may serve another call with its own call's context.
func TestACallWithinAnotherHasNoRequestOfTheOuterOne(t *testing.T) {
	auth, err := interceptor.New(mustVerify{}, interceptor.WithPolicy(interceptor.Policy{
		"/*": {Access: interceptor.AccessPublic},
	}))
	if err != nil {
		t.Fatal(err)
	}
	served := false
	handler := connectauth.NewMiddleware(auth).Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		served = true
		if outer, ok := earlyhttp.RequestOf(r.Context(), r.Header); !ok || outer.URL != r.URL {
			t.Errorf("the call's own request is %v, %v", outer, ok)
		}
		if outer, ok := earlyhttp.RequestOf(r.Context(), r.Header.Clone()); ok {
			t.Errorf("an inner call's request is %v", outer)
		}
		if outer, ok := earlyhttp.RequestOf(context.Background(), r.Header); ok {
			t.Errorf("without middleware the request is %v", outer)
		}
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/a.S/M", nil))
	if !served {
		t.Error("the handler was not reached")
	}
}

// mustVerify is never asked about a public call.
type mustVerify struct{}

func (mustVerify) Verify(context.Context, string) (*verifier.Claims, error) { return nil, io.EOF }

// A small refused request over HTTP/1.1 needn't cost the connection. What isn't there yet
// does: no refusal waits for it.
func TestRefusalOverHTTP1KeepsTheConnectionIfTheRequestHasArrived(t *testing.T) {
	for _, r := range refusals(t) {
		for _, test := range []struct {
			name         string
			length, sent int
			closes       bool
		}{
			{"no body", 0, 0, false},
			{"all of it", 1 << 12, 1 << 12, false},
			{"half of it", 1 << 12, 1 << 11, true},
			{"no length", -1, 1 << 11, true},
			{"all of a long one", drainBytes + 1, drainBytes + 1, true},
		} {
			t.Run(r.name+", "+test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, server := net.Pipe()
					listener := &oneConn{conn: make(chan net.Conn, 1), done: make(chan struct{})}
					listener.conn <- server
					serving := &http.Server{Handler: r.handler}
					go func() { _ = serving.Serve(listener) }()
					defer serving.Close()
					defer client.Close()
					go r.send(client, test.length, test.sent)
					start := time.Now()
					res, err := http.ReadResponse(bufio.NewReader(client), nil)
					if err != nil {
						t.Fatal(err)
					}
					if res.Header.Get("WWW-Authenticate") == "" || res.Close != test.closes {
						t.Errorf("%v, the connection ends = %v", res.Header, res.Close)
					}
					if waited := time.Since(start); waited > drainTime {
						t.Errorf("the response came after %v", waited)
					}
				})
			})
		}
	}
}

// send writes a request over HTTP/1.1, with a message that is said to be longer than it is.
func (r refusal) send(conn io.Writer, length, sent int) {
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: greet.test\r\nContent-Type: application/connect+proto\r\n", collect)
	if length < 0 {
		fmt.Fprintf(conn, "Transfer-Encoding: chunked\r\n\r\n%x\r\n", sent+1)
	} else {
		fmt.Fprintf(conn, "Content-Length: %d\r\n\r\n", length)
	}
	_, _ = conn.Write(make([]byte, sent))
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn chan net.Conn
	done chan struct{}
	once sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conn:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{} }

// A client that expects to be asked for its body wasn't, and mustn't be.
func TestRefusalDoesNotAskForTheBody(t *testing.T) {
	auth := newAuth(t)
	for _, s := range stacks {
		handler := s.wrap(auth, s.handler(auth, func(context.Context) error { return nil }))
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			listener := &oneConn{conn: make(chan net.Conn, 1), done: make(chan struct{})}
			listener.conn <- server
			serving := &http.Server{Handler: handler}
			go func() { _ = serving.Serve(listener) }()
			defer serving.Close()
			defer client.Close()
			go fmt.Fprintf(client, "POST %s HTTP/1.1\r\nHost: greet.test\r\nContent-Type: application/connect+proto\r\n"+
				"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n", collect)
			res, err := http.ReadResponse(bufio.NewReader(client), nil)
			if err != nil || res.StatusCode == http.StatusContinue || !res.Close {
				t.Errorf("%s: %v, %v", s.name, res, err)
			}
		})
	}
}
