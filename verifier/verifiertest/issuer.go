// Package verifiertest provides an OpenID Connect issuer for tests. The issuer lives in the
// test's process and needs no network:
//
//	issuer := verifiertest.NewIssuer()
//	v, err := verifier.New(issuer.Config())
//	token := issuer.Token(map[string]any{"scope": "orders:read"})
//
// It works inside a [testing/synctest] bubble, where tokens and keys age without real waiting:
//
//	synctest.Test(t, func(t *testing.T) {
//		issuer := verifiertest.NewIssuer()
//		v, err := verifier.New(issuer.Config())
//		token := issuer.Token(nil)
//		_, err = v.Verify(t.Context(), token) // accepted
//		time.Sleep(5 * time.Minute)           // takes no time
//		_, err = v.Verify(t.Context(), token) // token_expired
//	})
//
// For handlers that only read claims, [Claims] is enough.
package verifiertest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// Audience is the default aud in tokens, and the only audience [Issuer.Config] accepts.
const Audience = "https://api.test"

const (
	defaultURL   = "https://issuer.test"
	metadataPath = "/.well-known/openid-configuration"
	jwksPath     = "/jwks"
)

// An Issuer signs tokens and publishes its metadata and keys. Serve it over HTTP as an
// [http.Handler], or use it as a client's [http.RoundTripper] without a network. It is safe for
// concurrent use.
type Issuer struct {
	url  string
	algs []string

	mu       sync.Mutex
	rotation int
	keys     map[string]signingKey // by algorithm
	failure  error
	fetches  int
}

// An IssuerOption configures [NewIssuer].
type IssuerOption interface{ apply(*Issuer) }

type issuerOption func(*Issuer)

func (o issuerOption) apply(i *Issuer) { o(i) }

// WithURL sets the issuer's URL. The default is "https://issuer.test". If you serve the issuer
// over HTTP, set it to the server's URL.
func WithURL(url string) IssuerOption {
	return issuerOption(func(i *Issuer) { i.url = url })
}

// WithAlgorithms gives the issuer one key for each JWS algorithm. Tokens are signed with the
// first unless [WithAlgorithm] says otherwise. The default is ES256 alone, whose keys are
// generated quickly.
func WithAlgorithms(algs ...string) IssuerOption {
	return issuerOption(func(i *Issuer) { i.algs = slices.Clone(algs) })
}

// NewIssuer returns an issuer with new keys. It panics if an algorithm is unknown.
func NewIssuer(options ...IssuerOption) *Issuer {
	i := &Issuer{url: defaultURL, algs: []string{"ES256"}}
	for _, option := range options {
		option.apply(i)
	}
	i.Rotate()
	return i
}

// URL returns the issuer's URL, which is also its tokens' iss.
func (i *Issuer) URL() string { return i.url }

// Config returns the configuration for a verifier that trusts this issuer. It accepts [Audience],
// needs no network, and has no leeway because both use the same clock.
func (i *Issuer) Config() verifier.Config {
	return verifier.Config{
		Leeway:     -1,
		Issuer:     i.url,
		Audiences:  []string{Audience},
		Algorithms: slices.Clone(i.algs),
		HTTPClient: &http.Client{Transport: i},
	}
}

// Rotate replaces all keys. The issuer then signs with the new keys and publishes only them.
func (i *Issuer) Rotate() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rotation++
	i.keys = make(map[string]signingKey, len(i.algs))
	for _, alg := range i.algs {
		i.keys[alg] = newSigningKey(alg, i.rotation)
	}
}

// Fail makes every request to the issuer fail with err, or with status 503 if it is served over
// HTTP. Nil ends the failure. A verifier that has seen it fail asks again only after its
// [verifier.KeysError.RetryAfter].
func (i *Issuer) Fail(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failure = err
}

// Fetches returns how often the keys have been requested, including failed requests.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// JWKS returns the published JWK Set, which also suits [verifier.Config].JWKS.
func (i *Issuer) JWKS() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, alg := range i.algs {
		key := i.keys[alg]
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: key.signer.Public(), KeyID: key.kid, Algorithm: alg, Use: "sig",
		})
	}
	return mustJSON(set)
}

// RoundTrip implements [http.RoundTripper]. It answers by path alone, for any host.
func (i *Issuer) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	status, body, err := i.answer(req.URL.Path)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status:        strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(strings.NewReader(string(body))),
		ContentLength: int64(len(body)),
		Request:       req,
	}, nil
}

// ServeHTTP implements [http.Handler].
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, body, err := i.answer(r.URL.Path)
	if err != nil {
		status, body = http.StatusServiceUnavailable, nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (i *Issuer) answer(path string) (status int, body []byte, err error) {
	base := strings.TrimSuffix(i.url, "/")
	basePath := ""
	if u, err := url.Parse(base); err == nil {
		basePath = u.Path
	}
	switch path {
	case basePath + metadataPath:
		if err := i.currentFailure(); err != nil {
			return 0, nil, err
		}
		return http.StatusOK, mustJSON(map[string]any{
			"issuer":                                i.url,
			"jwks_uri":                              base + jwksPath,
			"response_types_supported":              []string{"code"},
			"subject_types_supported":               []string{"public"},
			"id_token_signing_alg_values_supported": i.algs,
		}), nil
	case basePath + jwksPath:
		i.mu.Lock()
		i.fetches++
		i.mu.Unlock()
		if err := i.currentFailure(); err != nil {
			return 0, nil, err
		}
		return http.StatusOK, i.JWKS(), nil
	default:
		return http.StatusNotFound, nil, i.currentFailure()
	}
}

func (i *Issuer) currentFailure() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.failure
}

// key returns the signing key for alg, or for the first algorithm if alg is empty.
func (i *Issuer) key(alg string) signingKey {
	if alg == "" {
		alg = i.algs[0]
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	key, ok := i.keys[alg]
	if !ok {
		panic(errors.New("verifiertest: the issuer has no key for " + alg))
	}
	return key
}

func mustJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("verifiertest: " + err.Error())
	}
	return raw
}
