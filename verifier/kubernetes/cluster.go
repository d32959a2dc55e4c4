package kubernetes

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
)

const (
	mounted        = "/var/run/secrets/kubernetes.io/serviceaccount/"
	maxHeaderBytes = 64 << 10
)

// A Cluster says where a pod finds the API server and its own credential. The zero value is where
// Kubernetes puts them. Its methods read files, and ask the API server nothing.
type Cluster struct {
	// Server is the API server's https URL, without a path. By default it's in the environment, as
	// KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT.
	Server string

	// CAFile has the certificates of the cluster's authority in PEM, and TokenFile the pod's own
	// token. The defaults are ca.crt and token in /var/run/secrets/kubernetes.io/serviceaccount. Both
	// are read again for each request, because Kubernetes replaces them.
	CAFile    string
	TokenFile string
}

// Client returns a client for the API server. It trusts the cluster's authority alone, sends the
// pod's own token, and speaks to no other host: it follows no redirect, and uses no proxy. Errors
// say which file is missing or unusable.
func (c Cluster) Client() (*http.Client, error) {
	transport := &transport{cluster: c}
	if _, err := transport.trusting(); err != nil {
		return nil, err
	}
	if _, err := c.ownToken(); err != nil {
		return nil, err
	}
	server, err := c.server()
	if err != nil {
		return nil, err
	}
	transport.server = server
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// server returns the API server's URL.
func (c Cluster) server() (string, error) {
	if c.Server == "" {
		host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
		if host == "" || port == "" {
			return "", errors.New("kubernetes: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT aren't both set: " +
				"set Cluster.Server outside a cluster")
		}
		return "https://" + net.JoinHostPort(host, port), nil
	}
	u, err := url.Parse(c.Server)
	if err != nil || u.Scheme != "https" || u.Host == "" || c.Server != "https://"+u.Host {
		return "", errors.New("kubernetes: Cluster.Server must be an https URL with nothing behind the host and port")
	}
	return c.Server, nil
}

// A transport sends requests to the API server.
type transport struct {
	cluster Cluster
	server  string

	mu        sync.Mutex
	authority []byte          // as read last
	next      *http.Transport // which trusts it
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	next, authorization, err := t.prepare(req)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", authorization)
	return next.RoundTrip(req)
}

func (t *transport) prepare(req *http.Request) (next *http.Transport, authorization string, err error) {
	if to := req.URL.Scheme + "://" + req.URL.Host; to != t.server {
		return nil, "", fmt.Errorf("kubernetes: the pod's token is for %s alone, and not for %s", t.server, to)
	}
	token, err := t.cluster.ownToken()
	if err != nil {
		return nil, "", err
	}
	next, err = t.trusting()
	return next, "Bearer " + token, err
}

// trusting returns a transport that trusts the authority which the file has now.
func (t *transport) trusting() (*http.Transport, error) {
	file := cmp.Or(t.cluster.CAFile, mounted+"ca.crt")
	text, err := os.ReadFile(file) //nolint:gosec // whose name is the operator's
	if err != nil {
		return nil, fmt.Errorf("kubernetes: the cluster's authority: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next != nil && bytes.Equal(text, t.authority) {
		return t.next, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("kubernetes: %s has no certificate in PEM", file)
	}
	if t.next != nil {
		t.next.CloseIdleConnections()
	}
	t.authority, t.next = text, &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,

		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	return t.next, nil
}

// CloseIdleConnections lets [http.Client.CloseIdleConnections] work.
func (t *transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next != nil {
		t.next.CloseIdleConnections()
	}
}

// ownToken returns the pod's own token, as the file has it now.
func (c Cluster) ownToken() (string, error) {
	text, err := os.ReadFile(c.tokenFile())
	if err != nil {
		return "", fmt.Errorf("kubernetes: the pod's own token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("kubernetes: %s is empty", c.tokenFile())
	}
	return token, nil
}

func (c Cluster) tokenFile() string { return cmp.Or(c.TokenFile, mounted+"token") }
