package introspection_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

// Each way to authenticate is used over a real socket, with a server that reads it by the book.
func TestEveryClientAuthenticatesAtTheEndpoint(t *testing.T) {
	t.Parallel()
	const id, secret = "the api:ä", "p+w &=%:\"€"
	for _, test := range []struct {
		name   string
		client introspection.Client
		isGood func(r *http.Request) bool
	}{
		{"SecretBasic", introspection.SecretBasic{ClientID: id, Secret: secret}, func(r *http.Request) bool {
			encodedID, encodedSecret, ok := r.BasicAuth()
			gotID, _ := url.QueryUnescape(encodedID)
			gotSecret, _ := url.QueryUnescape(encodedSecret)
			return ok && gotID == id && gotSecret == secret && len(r.PostForm) == 2
		}},
		{"SecretPost", introspection.SecretPost{ClientID: id, Secret: secret}, func(r *http.Request) bool {
			return r.PostForm.Get("client_id") == id && r.PostForm.Get("client_secret") == secret &&
				len(r.PostForm) == 4 && r.Header.Get("Authorization") == ""
		}},
		{"BearerToken", introspection.BearerToken(func(context.Context) (string, error) { return "mine", nil }),
			func(r *http.Request) bool {
				return r.Header.Get("Authorization") == "Bearer mine" && len(r.PostForm) == 2
			}},
		{"Unauthenticated", introspection.Unauthenticated{}, func(r *http.Request) bool {
			return r.Header.Get("Authorization") == "" && len(r.PostForm) == 2
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				if r.Method != http.MethodPost || r.URL.RawQuery != "" || !test.isGood(r) {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				s.ServeHTTP(w, r)
			}))
			v := s.verifier(t, func(c *introspection.Config) {
				c.HTTPClient, c.Endpoint, c.Client = transport(t), url, test.client
			})
			accept(t, v, s.issue("opaque", nil))
		})
	}
}

// transport returns a client whose connections end with the test.
func transport(t testing.TB) *http.Client {
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestTLSClientPresentsItsCertificateWhereTheMetadataSay(t *testing.T) {
	t.Parallel()
	s := newServer()
	certificates := make(chan string, 1)
	var base string
	mux := http.NewServeMux()
	server := httptest.NewUnstartedServer(mux)
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	base = server.URL
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{
			"issuer": base, "introspection_endpoint": base + "/public",
			"mtls_endpoint_aliases": map[string]any{"introspection_endpoint": base + "/mtls"},
		})
	})
	mux.HandleFunc("/mtls", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if len(r.TLS.PeerCertificates) == 1 && r.PostForm.Get("client_id") == "api" {
			certificates <- r.TLS.PeerCertificates[0].SerialNumber.String()
			s.ServeHTTP(w, r)
		}
	})
	mine := server.TLS.Certificates[0]
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		RootCAs: roots, Certificates: []tls.Certificate{mine},
	}}}
	v := s.verifier(t, func(c *introspection.Config) {
		c.Issuer, c.Endpoint, c.HTTPClient = base, "", client
		c.Client = introspection.TLSClient{ClientID: "api"}
	})
	accept(t, v, s.issue("opaque", map[string]any{"iss": base}))
	if got := <-certificates; got != server.Certificate().SerialNumber.String() {
		t.Errorf("the certificate is number %s", got)
	}
}

func TestTheEndpointComesFromTheIssuersMetadata(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		metadata func(base string) map[string]any
		path     string
		want     string // in the cause; "" means acceptance
	}{
		{"OpenID Connect", goodMetadata, "/.well-known/openid-configuration", ""},
		{"RFC 8414", goodMetadata, "/.well-known/oauth-authorization-server", ""},
		{"another issuer's", func(base string) map[string]any {
			return map[string]any{"issuer": base + "/", "introspection_endpoint": base + "/introspect"}
		}, "/.well-known/openid-configuration", "to the last slash"},
		{"without an endpoint", func(base string) map[string]any {
			return map[string]any{"issuer": base}
		}, "/.well-known/openid-configuration", "introspection_endpoint"},
		{"with an endpoint in plain text", func(base string) map[string]any {
			return map[string]any{"issuer": base, "introspection_endpoint": "http://issuer.example/introspect"}
		}, "/.well-known/openid-configuration", "Config.Endpoint can name it"},
		{"an alias isn't for us", func(base string) map[string]any {
			return map[string]any{
				"issuer": base, "introspection_endpoint": base + "/introspect",
				"mtls_endpoint_aliases": map[string]any{"introspection_endpoint": base + "/mtls"},
			}
		}, "/.well-known/openid-configuration", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			mux := http.NewServeMux()
			base := serve(t, mux)
			mux.HandleFunc(test.path, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, test.metadata(base)) })
			mux.Handle("/introspect", s)
			v := s.verifier(t, func(c *introspection.Config) {
				c.Issuer, c.Endpoint, c.HTTPClient = base, "", transport(t)
			})
			token := s.issue("opaque", map[string]any{"iss": base})
			if test.want == "" {
				accept(t, v, token)
				return
			}
			failure := unavailable(t, verify(t, v, token), verifier.CodeIntrospectionError)
			if !strings.Contains(failure.Error(), test.want) {
				t.Errorf("the cause is %v, want %q in it", failure, test.want)
			}
		})
	}
}

func goodMetadata(base string) map[string]any {
	return map[string]any{"issuer": base, "introspection_endpoint": base + "/introspect"}
}

func TestARemoteIssuerMayNotNameAPortOnThisHost(t *testing.T) {
	t.Parallel()
	s := newServer()
	var asked []string
	v := s.verifier(t, func(c *introspection.Config) {
		c.Endpoint = ""
		c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL.String())
			w := httptest.NewRecorder()
			writeJSON(w, map[string]any{"issuer": issuer, "introspection_endpoint": "http://127.0.0.1:8080/"})
			return w.Result(), nil
		})}
	})
	unavailable(t, verify(t, v, s.issue("opaque", nil)), verifier.CodeIntrospectionError)
	for _, url := range asked {
		if !strings.HasPrefix(url, issuer) {
			t.Errorf("%s was asked", url)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A client that isn't admitted says nothing about the caller's token.
func TestARefusedClientIsNotTheCallersFault(t *testing.T) {
	t.Parallel()
	for _, code := range []int{400, 401, 403, 404, 429, 500, 502, 503} {
		s := newServer()
		v := s.verifier(t, nil)
		s.suffer(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": "invalid_client", "error_description": "secret"})
		})
		failure := unavailable(t, verify(t, v, s.issue("opaque", nil)), verifier.CodeIntrospectionFailed)
		if text := failure.Error(); !strings.Contains(text, "status") || strings.Contains(text, "secret") {
			t.Errorf("status %d: the cause is %q", code, text)
		}
	}
}

func TestAFailingBearerTokenIsNotTheCallersFault(t *testing.T) {
	t.Parallel()
	refusal := &verifier.AuthError{Code: verifier.CodeTokenExpired, Message: "another token"}
	for name, source := range map[string]introspection.BearerToken{
		"an error":          func(context.Context) (string, error) { return "", errors.New("no token") },
		"an AuthError":      func(context.Context) (string, error) { return "", refusal },
		"a panic":           func(context.Context) (string, error) { panic("no token") },
		"no token":          func(context.Context) (string, error) { return "", nil },
		"more than a token": func(context.Context) (string, error) { return "a\r\nb: c", nil },
		"it hangs":          func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			v := s.verifier(t, func(c *introspection.Config) {
				c.Client, c.FetchTimeout = source, 10*time.Millisecond
			})
			unavailable(t, verify(t, v, s.issue("opaque", nil)), verifier.CodeIntrospectionFailed)
			if n := s.questions(); n != 0 {
				t.Errorf("%d questions were asked", n)
			}
		})
	}
}

// The secret and the token would be sent along.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, code := range []int{301, 302, 303, 307, 308} {
		s := newServer()
		mux := http.NewServeMux()
		base := serve(t, mux)
		mux.HandleFunc("/introspect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", code)
		})
		mux.Handle("/elsewhere", s)
		v := s.verifier(t, func(c *introspection.Config) { c.Endpoint, c.HTTPClient = base+"/introspect", transport(t) })
		failure := unavailable(t, verify(t, v, s.issue("opaque", nil)), verifier.CodeIntrospectionFailed)
		if n := s.questions(); n != 0 || !strings.Contains(failure.Error(), "redirect") {
			t.Errorf("status %d: %d questions elsewhere, and the cause is %v", code, n, failure)
		}
	}
}
