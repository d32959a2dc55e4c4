package verifiertest

import (
	"net/http/httptest"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Server is an [Issuer] on a socket of this host, over plain HTTP, for services in other
// processes and for tests that should pass through a network. In a [testing/synctest] bubble, use
// the Issuer itself: while a bubble waits for a socket, its time stands still.
type Server struct {
	*Issuer

	server *httptest.Server
}

// NewServer starts a server, which you must close. The issuer's URL is the server's, unless
// [WithURL] says otherwise. It panics if there is no port to listen on, and whenever [NewIssuer]
// does.
func NewServer(options ...IssuerOption) *Server {
	s := &Server{server: httptest.NewUnstartedServer(nil)}
	url := "http://" + s.server.Listener.Addr().String()
	s.Issuer = NewIssuer(append([]IssuerOption{WithURL(url)}, options...)...)
	s.server.Config.Handler = s.Issuer
	s.server.Start()
	return s
}

// Config returns [Issuer.Config], for a verifier that asks over the socket.
func (s *Server) Config() verifier.Config {
	config := s.Issuer.Config()
	config.HTTPClient = s.server.Client()
	return config
}

// Close stops the server, after the requests in progress have ended.
func (s *Server) Close() { s.server.Close() }
