package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// The life of keys here. A refill of the bucket is not ours to choose: 10 seconds.
const (
	keysTTL      = time.Second
	keysMaxStale = 2 * time.Second
	fetchTimeout = 300 * time.Millisecond
	refill       = 10 * time.Second
	burst        = 4
)

// A mode is how an issuer behaves.
type mode int32

const (
	healthy mode = iota
	slow         // 50 ms
	reset
	status500
	nonsense
	hung
)

// An issuer is a server on a socket.
type issuer struct {
	*verifiertest.Issuer

	server *httptest.Server
	mode   atomic.Int32
	asked  atomic.Int32 // for keys
}

func startIssuer(m mode) *issuer {
	i := &issuer{}
	i.set(m)
	i.server = httptest.NewServer(i)
	i.Issuer = verifiertest.NewIssuer(verifiertest.WithURL(i.server.URL))
	return i
}

func (i *issuer) stop() {
	i.server.CloseClientConnections() // of requests that hang
	i.server.Close()
}

func (i *issuer) set(m mode) { i.mode.Store(int32(m)) }

func (i *issuer) fetches() int { return int(i.asked.Load()) }

// ServeHTTP overrides that of the embedded issuer.
func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/jwks" {
		i.asked.Add(1)
	}
	switch mode(i.mode.Load()) {
	case hung:
		<-r.Context().Done()
	case reset:
		resetConnection(w)
	case status500:
		w.WriteHeader(http.StatusInternalServerError)
	case nonsense:
		_, _ = w.Write([]byte("<title>back soon</title>"))
	case slow:
		time.Sleep(50 * time.Millisecond)
		i.Issuer.ServeHTTP(w, r)
	default:
		i.Issuer.ServeHTTP(w, r)
	}
}

// resetConnection makes the client see a reset instead of an end.
func resetConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// config asks without discovery, so that a fetch is one request.
func (i *issuer) config() verifier.Config {
	config := i.Config()
	config.HTTPClient = nil
	config.JWKSURL = i.URL() + "/jwks"
	config.KeysTTL = keysTTL
	config.KeysMaxStale = keysMaxStale
	config.FetchTimeout = fetchTimeout
	return config
}
