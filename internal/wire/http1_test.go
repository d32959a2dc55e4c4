package wire_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
	"github.com/oidcrpc/oidcrpc/interceptor"
)

// An endlessRequest is one over HTTP/1.1 whose body does not end.
type endlessRequest struct {
	name        string
	path        string
	contentType string
	want        outcome
	expires     bool // it is refused by the expiry, and else at once
}

func endlessRequests(tokens *judge) []endlessRequest {
	const connectStream, grpcWeb = "application/connect+proto", "application/grpc-web+proto"
	none := noCredentials("", nil)
	weak := insufficientScope("", bearer(tokens.issuer.Token(rights(map[string]any{"scope": baseline}))))
	const greet, collect = greetv1connect.GreetServiceGreetProcedure, greetv1connect.GreetServiceCollectProcedure
	const weakCollect = weakService + "Collect"
	return []endlessRequest{
		{"refused, Connect unary", greet, "application/proto", none, false},
		{"refused, Connect", collect, connectStream, none, false},
		{"refused, gRPC-Web", collect, grpcWeb, none, false},
		{"refused by the interceptor, Connect", weakCollect, connectStream, weak, false},
		{"refused by the interceptor, gRPC-Web", weakCollect, grpcWeb, weak, false},
		{"expired, Connect", collect, connectStream, expired, true},
		{"expired, gRPC-Web", collect, grpcWeb, expired, true},
	}
}

// v2 judges a unary call before it reads the message, so its answer needn't wait either.
func endlessRequestsToV2(tokens *judge) []endlessRequest {
	requests := endlessRequests(tokens)
	weak := requests[3].want
	return append(requests,
		endlessRequest{"refused by the interceptor, Connect unary", weakService + "Greet", "application/proto", weak, false},
		endlessRequest{"refused by the interceptor, gRPC-Web unary", weakService + "Greet", "application/grpc-web+proto", weak, false})
}

// majors are the major versions of connect-go, and what is asked of them.
var majors = []struct {
	name     string
	launch   launcher
	requests func(*judge) []endlessRequest
}{
	{"v1", serveUnderTwoPaths, endlessRequests},
	{"v2", serveV2UnderTwoPaths, endlessRequestsToV2},
}

func TestMiddlewareAnswersOverHTTP1WhileTheRequestGoesOn(t *testing.T) {
	for _, major := range majors {
		auth, tokens := newAuth(t)
		server := major.launch(t, auth)
		requests := major.requests(tokens)
		answers := sendAll(server, tokens, requests, pause)
		expiry := tokens.expiry(t)
		for i, r := range requests {
			t.Run(major.name+"/"+r.name, func(t *testing.T) {
				a := answers[i]
				a.check(t, r, expiry)
				if a.err != nil {
					t.Errorf("the connection ends with %v", a.err)
				}
				server.checkQuiet(t)
			})
		}
	}
}

// What a client goes on to send after the refusal may be cut off, but it is still
// the same request.
func TestRestOfARefusedRequestIsNotAnotherOne(t *testing.T) {
	for _, major := range majors {
		auth, tokens := newAuth(t)
		server := major.launch(t, auth)
		requests := major.requests(tokens)
		answers := sendAll(server, tokens, requests, smuggle)
		expiry := tokens.expiry(t)
		for i, r := range requests {
			t.Run(major.name+"/"+r.name, func(t *testing.T) { answers[i].check(t, r, expiry) })
		}
		if ran := server.service.ran.Load(); ran != 2 {
			t.Errorf("%s: %d handlers ran, want those of the streams that expired", major.name, ran)
		}
	}
}

// weakService leads to the service, but no rule asks for a scope there. The middleware
// admits what the interceptor refuses.
const weakService = "/other.v1.Service/"

func serveUnderTwoPaths(t *testing.T, auth *interceptor.Authenticator) *server {
	t.Helper()
	s := &server{service: &service{}}
	s.serveHTTP(t, connectauth.NewMiddleware(auth).Wrap(underTwoPaths(newConnectHandler(auth, s.service))))
	return s
}

func serveV2UnderTwoPaths(t *testing.T, auth *interceptor.Authenticator) *server {
	t.Helper()
	s := newConnectV2(auth)
	s.serveHTTP(t, connectauthv2.NewMiddleware(auth).Wrap(underTwoPaths(s.mountV2())))
	return s
}

func underTwoPaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if method, ok := strings.CutPrefix(r.URL.Path, weakService); ok {
			r.URL.Path = "/" + greetv1connect.GreetServiceName + "/" + method
		}
		next.ServeHTTP(w, r)
	})
}

func sendAll(s *server, tokens *judge, requests []endlessRequest, goOn func(net.Conn)) []rawAnswer {
	expiring := 0
	for _, r := range requests {
		expiring += count(r.expires)
	}
	tokens.awaitStreams(expiring)
	answers := make([]rawAnswer, len(requests))
	var answered sync.WaitGroup
	for i, r := range requests {
		answered.Go(func() { answers[i] = r.send(s.addr, goOn) })
	}
	answered.Wait()
	return answers
}

// A rawAnswer is what came over the connection, up to its end.
type rawAnswer struct {
	header   http.Header
	closes   bool
	rest     string // what came after the response
	err      error  // how the connection ended, if not by an EOF
	answered time.Time
}

// send sends all but the end of the request, lets goOn use the connection until the
// response is there, and then hangs up.
func (r endlessRequest) send(addr string, goOn func(net.Conn)) rawAnswer {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return rawAnswer{err: err}
	}
	var sent sync.WaitGroup
	defer sent.Wait()
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	r.writeTo(conn)
	sent.Go(func() { goOn(conn) })

	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	if err != nil {
		return rawAnswer{err: err}
	}
	a := rawAnswer{header: res.Header, closes: res.Close}
	if _, a.err = io.ReadAll(res.Body); a.err != nil {
		return a
	}
	a.answered = time.Now()
	_ = conn.(*net.TCPConn).CloseWrite()
	var rest []byte
	rest, a.err = io.ReadAll(reader)
	a.rest = string(rest)
	return a
}

// writeTo writes the header and one chunk: an empty message.
func (r endlessRequest) writeTo(conn io.Writer) {
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: greet.test\r\nTransfer-Encoding: chunked\r\n", r.path)
	fmt.Fprintf(conn, "Content-Type: %s\r\n%s: %s\r\n", r.contentType, scriptHeader, receives)
	for _, value := range r.want.authorization {
		fmt.Fprintf(conn, "Authorization: %s\r\n", value)
	}
	fmt.Fprint(conn, "\r\n5\r\n\x00\x00\x00\x00\x00\r\n")
}

func pause(net.Conn) {}

// smuggle sends messages that look like requests, where a server might look for one.
func smuggle(conn net.Conn) {
	message, _ := proto.Marshal(&greetv1.CollectRequest{Name: "GET / HTTP/1.1\r\nHost: greet.test\r\n\r\n"})
	for {
		chunk := fmt.Sprintf("\x00\x00\x00\x00%c%s", len(message), message)
		if _, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(chunk), chunk); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// check needs no limit for the time: the request doesn't end, so that any answer came
// while it went on.
func (a rawAnswer) check(t *testing.T, r endlessRequest, expiry time.Time) {
	t.Helper()
	checkChallenges(t, "the header", a.header.Values("WWW-Authenticate"), []string{r.want.challenge})
	if !a.closes {
		t.Error("the response does not say Connection: close")
	}
	if a.rest != "" {
		t.Errorf("after the response came %q", a.rest)
	}
	if early := expiry.Sub(a.answered); r.expires && early > 0 {
		t.Errorf("the answer came %v before the token's expiry", early)
	}
}
