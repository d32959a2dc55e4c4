package wire_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"

	"github.com/oidcrpc/oidcrpc/connectauth"
	connectauthv2 "github.com/oidcrpc/oidcrpc/connectauth/v2"
	"github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connect"
)

// All requests of an upgraded connection have the context of the first one, which came
// over HTTP/1.1.
func TestRefusalsLeaveAnUpgradedConnectionOpen(t *testing.T) {
	auth, _ := newAuth(t)
	open := newOpenAuth(t)
	v1, v2 := newConnectHandler(auth, &service{}), newConnectV2(auth).mountV2()
	wrapV1, wrapV2 := connectauth.NewMiddleware(open).Wrap, connectauthv2.NewMiddleware(open).Wrap
	for name, tt := range map[string]struct {
		wrap  func(http.Handler) http.Handler
		inner http.Handler
	}{
		"by v1's interceptor": {wrapV1, v1},
		"by v1's middleware":  {wrapV1, connectauth.NewMiddleware(auth).Wrap(v1)},
		"by v2's interceptor": {wrapV2, v2},
		"by v2's middleware":  {wrapV2, connectauthv2.NewMiddleware(auth).Wrap(v2)},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{service: &service{}}
			s.serveHTTP(t, tt.wrap(h2c.NewHandler(tt.inner, &http2.Server{})))
			conn := dialUpgraded(t, s.addr)
			if r, err := conn.reply(); err != nil || r.field(":status") != "401" {
				t.Fatalf("the first response is %v, %v", r.fields, err)
			}
			for stream := uint32(3); stream < 9; stream += 2 {
				conn.stream = stream
				conn.request(formatConnect.fields(greetv1connect.GreetServiceGreetProcedure), formatConnect.message(0, nil))
				if r, err := conn.reply(); err != nil || formatConnect.verdict(r) != missingToken {
					t.Errorf("stream %d: %v, %v, want %s", stream, r.fields, err, missingToken)
				}
			}
			if conn.goesAway {
				t.Error("the server ends the connection")
			}
		})
	}
}

// dialUpgraded makes a call without a token that asks for HTTP/2, and gets it.
func dialUpgraded(t *testing.T, addr string) *http2Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: greet.test\r\nContent-Type: %s\r\nContent-Length: 0\r\n"+
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n",
		greetv1connect.GreetServiceGreetProcedure, formatConnect)
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade ends with %v, %v", res, err)
	}
	c, err := startHTTP2(conn, r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
