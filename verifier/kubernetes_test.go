package verifier_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const serviceAccountToken = "the pod's own token"

// A cluster issues tokens to service accounts. Its metadata are on one host and name
// keys on another. Both have certificates of its own authority, answer only to a client
// with a token, and serve each document as one media type alone.
type cluster struct {
	*verifiertest.Issuer

	metadata, keys *httptest.Server
	redirectKeys   string // "": they are answered

	served atomic.Int32 // documents, to those who were let in
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{}
	c.keys = c.serve(t, "application/jwk-set+json", func(w http.ResponseWriter, r *http.Request) {
		if c.redirectKeys != "" {
			http.Redirect(w, r, c.redirectKeys, http.StatusFound)
			return
		}
		_, _ = w.Write(c.JWKS())
	})
	c.metadata = c.serve(t, "application/json", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"issuer":"` + c.URL() + `","jwks_uri":"` + c.keys.URL + `/openid/v1/jwks"}`))
	})
	c.Issuer = verifiertest.NewIssuer(verifiertest.WithURL(c.metadata.URL))
	return c
}

// serve answers only to a client with the token, and only if it accepts what is served.
func (c *cluster) serve(t *testing.T, served string, next http.HandlerFunc) *httptest.Server {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+serviceAccountToken {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if !accepts(r, served) {
			w.WriteHeader(http.StatusNotAcceptable)
			return
		}
		w.Header().Set("Content-Type", served)
		c.served.Add(1)
		next(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// client trusts the cluster's authority, and sends token with every request.
func (c *cluster) client(t *testing.T, token string) *http.Client {
	authorities := x509.NewCertPool()
	authorities.AddCert(c.metadata.Certificate())
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: authorities}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: podTransport{transport, token}}
}

type podTransport struct {
	http.RoundTripper

	token string
}

func (b podTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+b.token)
	return b.RoundTripper.RoundTrip(req)
}

func (c *cluster) config(client *http.Client) verifier.Config {
	config := c.Config()
	config.HTTPClient = client
	config.FetchTimeout = time.Minute // of a busy machine
	return config
}

func TestServiceAccountsOfAClusterAreVerified(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	v := newVerifier(t, c.config(c.client(t, serviceAccountToken)))
	accept(t, v, c.Token(map[string]any{"sub": "system:serviceaccount:default:orders"}))
	if got := c.served.Load(); got != 2 {
		t.Errorf("%d documents were served, want metadata and keys", got)
	}
}

func TestKeysOfAClusterNeedItsTokenAndItsAuthority(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for name, client := range map[string]*http.Client{
		"another token":     c.client(t, "another"),
		"another authority": {Transport: podTransport{http.DefaultTransport, serviceAccountToken}},
	} {
		t.Run(name, func(t *testing.T) {
			unavailable(t, newVerifier(t, c.config(client)), c.Token(nil), verifier.CodeJWKSFetchFailed)
		})
	}
	if got := c.served.Load(); got != 0 {
		t.Errorf("%d documents were served, want none", got)
	}
}

// The client's transport would send its token there, too.
func TestKeysOfAClusterAreNotFollowedToAnotherHost(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	elsewhere := newCluster(t)
	c.redirectKeys = elsewhere.keys.URL
	v := newVerifier(t, c.config(c.client(t, serviceAccountToken)))
	unavailable(t, v, c.Token(nil), verifier.CodeJWKSFetchFailed)
	if elsewhere.served.Load() != 0 {
		t.Error("the redirect was followed")
	}
}
