package wire_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
)

// HTTP/1.1 has disguises of its own: lines that begin like others, names in any case,
// and targets that name a host.
func TestNothingOfHTTP1IsAGoodTokenOrAnotherPath(t *testing.T) {
	auth, tokens := newLaxAuth(t)
	token := tokens.issuer.Token(rights(nil))
	const greet = greetv1connect.GreetServiceGreetProcedure
	const refused = "HTTP 400" // by net/http
	good := "Authorization: Bearer " + token
	for _, tt := range []struct {
		name   string
		target string
		lines  []string
		want   [2]verdict // from the interceptor, and from the middleware
	}{
		{"a good token", greet, []string{good}, [2]verdict{served, served}},
		{"a name in lower case", greet, []string{"authorization: Bearer " + token}, [2]verdict{served, served}},

		{"two names in different cases", greet, []string{good, "AUTHORIZATION: Bearer " + token}, [2]verdict{badRequest, badRequest}},
		{"two tokens in one line", greet, []string{good + ", Bearer " + token}, [2]verdict{badRequest, badRequest}},
		{"an empty line of the same name", greet, []string{"Authorization:", good}, [2]verdict{badRequest, badRequest}},
		{"a token on a line of its own", greet, []string{"Authorization: Bearer", " " + token}, [2]verdict{served, served}},
		{"a second token on a line that continues", greet, []string{good, " Bearer " + token}, [2]verdict{badRequest, badRequest}},
		{"a line that continues another one", greet, []string{"X: y", " " + good}, [2]verdict{missingToken, missingToken}},
		{"a space after the name", greet, []string{"Authorization : Bearer " + token}, [2]verdict{refused, refused}},
		{"a NUL in the value", greet, []string{good + "\x00"}, [2]verdict{refused, refused}},
		{"a NUL in the name", greet, []string{"Authorization\x00: Bearer " + token}, [2]verdict{refused, refused}},
		{"a bare carriage return", greet, []string{"X: y\r" + good}, [2]verdict{refused, refused}},
		{"a trailer that is announced", greet, []string{"Trailer: Authorization"}, [2]verdict{missingToken, missingToken}},
		{"a query", greet + "?access_token=" + token, nil, [2]verdict{missingToken, missingToken}},

		{"no slash", greet[1:], nil, [2]verdict{refused, refused}},
		{"a host in the target", "http://other.test" + greet, nil, [2]verdict{missingToken, missingToken}},
		{"two slashes", "/" + greet, nil, [2]verdict{"HTTP 307", notFound}},
		{"dots", "/other.v1.Service/.." + greet, nil, [2]verdict{"HTTP 307", notFound}},
		{"an escape", strings.Replace(greet, "/Greet", "/%47reet", 1), nil, [2]verdict{missingToken, missingToken}},
	} {
		for i, launch := range []launcher{
			serveConnect, serveConnectBehindMiddleware, serveConnectV2, serveConnectV2BehindMiddleware,
		} {
			t.Run(fmt.Sprintf("%s, %d", tt.name, i), func(t *testing.T) {
				server := launch(t, auth)
				for _, f := range []format{formatConnect, formatGRPCWeb} {
					before := server.service.ran.Load()
					reply, err := exchangeHTTP1(server.addr, f, tt.target, tt.lines)
					got := f.verdict(reply)
					if err != nil || got != tt.want[i%2] {
						t.Errorf("%s: %s, %v, want %s", f, got, err, tt.want[i%2])
					}
					if ran := server.service.ran.Load() - before; ran != int64(count(tt.want[i%2] == served)) {
						t.Errorf("%s: %d handlers ran", f, ran)
					}
				}
				server.checkQuiet(t)
			})
		}
	}
}

func exchangeHTTP1(addr string, f format, target string, lines []string) (reply, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return reply{}, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	message := f.message(0, nil)
	// All of it in one write: net/http answers a bad first line at once, and closing
	// the connection before the rest is read would reset it.
	var request bytes.Buffer
	fmt.Fprintf(&request, "POST %s HTTP/1.1\r\nHost: greet.test\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s: %s\r\n",
		target, f, len(message), scriptHeader, answers)
	for _, line := range lines {
		fmt.Fprintf(&request, "%s\r\n", line)
	}
	fmt.Fprintf(&request, "\r\n%s", message)
	if _, err := request.WriteTo(conn); err != nil {
		return reply{}, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return reply{}, err
	}
	body, err := io.ReadAll(res.Body)
	r := reply{fields: map[string][]string{":status": {fmt.Sprint(res.StatusCode)}}, body: body}
	for name, values := range res.Header {
		r.fields[strings.ToLower(name)] = values
	}
	return r, err
}
