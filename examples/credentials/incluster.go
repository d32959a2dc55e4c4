package credentials

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"strings"
)

// Where Kubernetes puts a pod's own credential.
const (
	ClusterCA = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
	PodToken  = "/var/run/secrets/kubernetes.io/serviceaccount/token" //nolint:gosec // a file's name
)

// InCluster returns a client that trusts the authority in caFile and sends the token in tokenFile,
// which is read for every request, since Kubernetes replaces it.
func InCluster(caFile, tokenFile string) (*http.Client, error) {
	text, err := os.ReadFile(caFile) //nolint:gosec // whose name is the operator's
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New(caFile + " has no certificate in PEM")
	}
	trusting := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	return &http.Client{
		Transport:     podTransport{trusting, tokenFile},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// A podTransport would send the token to any host, so its client follows no redirect.
type podTransport struct {
	trusting  *http.Transport
	tokenFile string
}

func (t podTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := os.ReadFile(t.tokenFile)
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	return t.trusting.RoundTrip(req)
}
