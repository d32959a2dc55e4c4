package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/rpc"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

const (
	issuerName = "issuer.test"
	issuerURL  = "https://" + issuerName

	retryAfter = 3 * time.Second // says a busy issuer
)

// A Server is the issuer's process. It's told what to be over its standard input and
// output, so no fault can reach the orders.
type Server struct {
	mu       sync.Mutex
	state    State
	released chan struct{} // closed when the state changes
	http     *http.Server
}

// A State is all a [Server] knows.
type State struct {
	JWKS   []byte
	Pair   pair
	HTTP1  bool
	Answer answer
	Hello  hello
}

// An answer is what's wrong with the answers to requests.
type answer string

const (
	answersSlowly    answer = "slowly" // after two seconds
	answersInDrops   answer = "in drops"
	answersHalf      answer = "cut short"
	answersTooMuch   answer = "too large"
	answersGarbage   answer = "garbage"
	answersWrongSize answer = "wrong length"
	answersBusy      answer = "503"
	answersTooOften  answer = "429"
)

// A hello is what's wrong with a new connection.
type hello string

const (
	helloHangs  hello = "hangs"
	helloGoAway hello = "GOAWAY"
)

// serveIssuer obeys until its standard input ends.
func serveIssuer() error {
	server := rpc.NewServer()
	if err := server.Register(&Server{released: make(chan struct{})}); err != nil {
		return err
	}
	server.ServeConn(stdio{os.Stdin, os.Stdout})
	return nil
}

type stdio struct {
	io.Reader
	io.WriteCloser
}

// Set changes the state. Connections live on, unless they began in another way than they
// would now.
func (s *Server) Set(state State, _ *struct{}) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.state
	s.state = state
	close(s.released)
	s.released = make(chan struct{})
	isSame := s.http != nil && string(old.Pair.Certificate) == string(state.Pair.Certificate) &&
		old.HTTP1 == state.HTTP1 && old.Hello == state.Hello
	if isSame {
		return nil
	}
	if s.http != nil {
		_ = s.http.Close()
	}
	return s.listen(state)
}

func (s *Server) listen(state State) error {
	certificate, err := state.Pair.forTLS()
	if err != nil {
		return err
	}
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp4", ":443")
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // handshakes fail on purpose
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	if state.HTTP1 {
		server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	}
	switch state.Hello {
	case helloHangs:
		released := s.released
		server.TLSConfig.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			<-released
			return nil, nil
		}
	case helloGoAway:
		server.TLSConfig.NextProtos = []string{"h2"}
		server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){"h2": goAway}
	}
	s.http = server
	go func() { _ = server.ServeTLS(listener, "", "") }()
	return nil
}

// goAway ends an HTTP/2 connection when the first request comes in.
func goAway(_ *http.Server, conn *tls.Conn, _ http.Handler) {
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	_ = framer.WriteSettings()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		if frame.Header().Type == http2.FrameHeaders {
			_ = framer.WriteGoAway(0, http2.ErrCodeNo, nil)
			_ = conn.Close()
		}
	}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	state, released := s.state, s.released
	s.mu.Unlock()
	body := state.JWKS
	if strings.HasPrefix(r.URL.Path, "/.well-known/") {
		body, _ = json.Marshal(map[string]string{"issuer": issuerURL, "jwks_uri": issuerURL + "/jwks"})
	}
	w.Header().Set("Content-Type", "application/json")
	switch state.Answer {
	case answersSlowly:
		select {
		case <-time.After(2 * time.Second):
		case <-r.Context().Done():
		}
	case answersInDrops:
		inDrops(w, body, released)
		return
	case answersHalf:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case answersWrongSize:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)+10))
	case answersTooMuch:
		body = append(body, strings.Repeat(" ", 8<<20)...)
	case answersGarbage:
		body = []byte("<title>Back soon</title>")
	case answersBusy, answersTooOften:
		status, _ := strconv.Atoi(string(state.Answer))
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
		w.WriteHeader(status)
		_, _ = fmt.Fprintln(w, "later, please")
		return
	}
	_, _ = w.Write(body)
}

// inDrops sends a few bytes a second, until the state changes.
func inDrops(w http.ResponseWriter, body []byte, released <-chan struct{}) {
	control := http.NewResponseController(w)
	for _, b := range body {
		if _, err := w.Write([]byte{b}); err != nil {
			return
		}
		if err := control.Flush(); err != nil {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-released:
		}
	}
}
