package connectconformance

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"connectrpc.com/conformance/internal"
	conformancev1 "connectrpc.com/conformance/internal/gen/proto/go/connectrpc/conformance/v1"
	"connectrpc.com/conformance/internal/gen/proto/go/connectrpc/conformance/v1/conformancev1connect"
	"github.com/quic-go/quic-go/http3"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// handlers are the stacks under test.
var handlers = map[string]func(auth *interceptor.Authenticator, maxBytes int) http.Handler{
	"connect v1":                   newV1Handler,
	"connect v1 behind middleware": newV1HandlerBehindMiddleware,
	"connect v2":                   newV2Handler,
}

// serve is the server under test. The suite starts it as a process for each combination
// of protocol, HTTP version and TLS, which it names on stdin, and stops it by a signal.
func serve(stack, issuer string) error {
	config := &conformancev1.ServerCompatRequest{}
	if err := internal.NewCodec(false).NewDecoder(os.Stdin).DecodeNext(config); err != nil {
		return err
	}
	v, err := verifier.New(verifier.Config{Issuer: issuer, Audiences: []string{verifiertest.Audience}})
	if err != nil {
		return err
	}
	auth, err := interceptor.New(v, interceptor.WithRealm(realm))
	if err != nil {
		return err
	}
	handler := halfDuplex(handlers[stack](auth, int(config.GetMessageReceiveLimit())))
	security, err := security(config)
	if err != nil {
		return err
	}
	addr, err := listenAndServe(config.GetHttpVersion(), handler, security)
	if err != nil {
		return err
	}
	err = internal.NewCodec(false).NewEncoder(os.Stdout).Encode(&conformancev1.ServerCompatResponse{
		Host:    addr.IP.String(),
		Port:    uint32(addr.Port),
		PemCert: config.GetServerCreds().GetCert(),
	})
	if err != nil {
		return err
	}
	select {}
}

// halfDuplex lets bidi streams pass over HTTP/1.1, which the suite asks for and
// connect-go refuses, as the suite's own server does.
func halfDuplex(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == conformancev1connect.ConformanceServiceBidiStreamProcedure && r.ProtoMajor == 1 {
			r.ProtoMajor, r.ProtoMinor = 2, 0
		}
		handler.ServeHTTP(w, r)
	})
}

func security(config *conformancev1.ServerCompatRequest) (*tls.Config, error) {
	if !config.GetUseTls() {
		return nil, nil
	}
	certificate, err := internal.ParseServerCert(config.GetServerCreds().GetCert(), config.GetServerCreds().GetKey())
	if err != nil {
		return nil, err
	}
	ask := tls.NoClientCert
	if len(config.GetClientTlsCert()) > 0 {
		ask = tls.RequireAndVerifyClientCert
	}
	return internal.NewServerTLSConfig(certificate, ask, config.GetClientTlsCert())
}

func listenAndServe(
	version conformancev1.HTTPVersion, handler http.Handler, security *tls.Config,
) (*net.UDPAddr, error) {
	if version == conformancev1.HTTPVersion_HTTP_VERSION_3 {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, err
		}
		server := &http3.Server{Handler: handler, TLSConfig: http3.ConfigureTLSConfig(security)}
		go func() { _ = server.Serve(conn) }()
		return conn.LocalAddr().(*net.UDPAddr), nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler:           handler,
		TLSConfig:         security,
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // of handshakes that the client gave up
	}
	server.Protocols.SetHTTP1(version == conformancev1.HTTPVersion_HTTP_VERSION_1)
	server.Protocols.SetHTTP2(version == conformancev1.HTTPVersion_HTTP_VERSION_2)
	server.Protocols.SetUnencryptedHTTP2(version == conformancev1.HTTPVersion_HTTP_VERSION_2)
	go func() {
		if security == nil {
			_ = server.Serve(listener)
		} else {
			_ = server.ServeTLS(listener, "", "")
		}
	}()
	addr := listener.Addr().(*net.TCPAddr)
	return &net.UDPAddr{IP: addr.IP, Port: addr.Port}, nil
}
