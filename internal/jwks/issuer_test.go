package jwks

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync/atomic"
	"testing"
	"time"
)

// newKeyServer returns an issuer on a socket, and how many connections it has open.
func newKeyServer(t *testing.T) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var open atomic.Int64
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/jwks" {
			_, _ = w.Write(document(entry("a", ed1)))
			return
		}
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, server.URL, server.URL+"/jwks")
	})
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			open.Add(1)
		}
		if state == http.StateClosed {
			open.Add(-1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server, &open
}

// A thousand tenants would keep a thousand connections, and the memory for them.
func TestAnIssuerKeepsNoConnectionBetweenReads(t *testing.T) {
	t.Parallel()
	server, open := newKeyServer(t)
	i := newIssuer(Config{Issuer: server.URL, Timeout: time.Minute, TTL: time.Minute})
	var last *Document
	for range 3 { // from the second on, the metadata are read beside the keys
		var err error
		if last, _, err = i.Read(t.Context(), last, true); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are open", open.Load())
		}
	}
}

func TestAnIssuerLeavesTheUsersConnectionsAlone(t *testing.T) {
	t.Parallel()
	server, _ := newKeyServer(t)
	user := &http.Client{Transport: &http.Transport{}}
	defer user.CloseIdleConnections()
	i := newIssuer(Config{Issuer: server.URL, HTTPClient: user, Timeout: time.Minute, TTL: time.Minute})
	for n := range 3 {
		isReused := false
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			GotConn: func(info httptrace.GotConnInfo) { isReused = info.Reused },
		})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := user.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if n > 0 && !isReused {
			t.Error("the user's idle connection was closed")
		}
		if _, _, err := i.Read(t.Context(), nil, false); err != nil {
			t.Fatal(err)
		}
	}
}
