// Package verifiertest has an OpenID Connect issuer for tests. It lives in the
// test's process and needs no network:
//
//	issuer := verifiertest.NewIssuer()
//	v, err := verifier.New(issuer.Config())
//	token := issuer.Token(map[string]any{"scope": "orders:read"})
//
// It works inside a [testing/synctest] bubble, where hours of a token's or a key's
// life take no time:
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

// Audience is the audience of tokens, and that which [Issuer.Config] accepts.
const Audience = "https://api.test"

const (
	defaultURL   = "https://issuer.test"
	metadataPath = "/.well-known/openid-configuration"
	jwksPath     = "/jwks"
)

// An Issuer signs tokens and publishes its metadata and keys, over real HTTP as an
// [http.Handler], or without any network as the [http.RoundTripper] of a client.
// It is safe for concurrent use.
type Issuer struct {
	url  string
	algs []string

	mu       sync.Mutex
	rotation int
	keys     map[string]signingKey // by algorithm
	failure  error
	fetches  int
}

// An IssuerOption changes what [NewIssuer] makes.
type IssuerOption interface{ apply(*Issuer) }

type issuerOption func(*Issuer)

func (o issuerOption) apply(i *Issuer) { o(i) }

// WithURL sets the issuer's URL, "https://issuer.test" by default. An issuer that
// is served over HTTP needs the URL of its server.
func WithURL(url string) IssuerOption {
	return issuerOption(func(i *Issuer) { i.url = url })
}

// WithAlgorithms gives the issuer a key for each of these JWS algorithms. Tokens
// are signed with the first. The default is ES256 alone, whose keys are made
// quickly.
func WithAlgorithms(algs ...string) IssuerOption {
	return issuerOption(func(i *Issuer) { i.algs = slices.Clone(algs) })
}

// NewIssuer returns an issuer. It panics on an unknown algorithm.
func NewIssuer(options ...IssuerOption) *Issuer {
	i := &Issuer{url: defaultURL, algs: []string{"ES256"}}
	for _, option := range options {
		option.apply(i)
	}
	i.Rotate()
	return i
}

// URL returns the issuer's URL, which is the iss of its tokens.
func (i *Issuer) URL() string { return i.url }

// Config returns the configuration of a verifier that trusts this issuer, for [Audience],
// and that reaches it without a network. It has no leeway: the clocks are the same.
func (i *Issuer) Config() verifier.Config {
	return verifier.Config{
		Leeway:     -1,
		Issuer:     i.url,
		Audiences:  []string{Audience},
		Algorithms: slices.Clone(i.algs),
		HTTPClient: &http.Client{Transport: i},
	}
}

// Rotate makes new keys. From then on they sign, and they alone are published.
func (i *Issuer) Rotate() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rotation++
	i.keys = make(map[string]signingKey, len(i.algs))
	for _, alg := range i.algs {
		i.keys[alg] = newSigningKey(alg, i.rotation)
	}
}

// Fail makes every request to the issuer end with err, or with status 503 when it
// is served over HTTP. Nil heals it; a verifier that has seen it fail asks again only
// after its [verifier.KeysError.RetryAfter].
func (i *Issuer) Fail(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failure = err
}

// Fetches returns how often the keys have been asked for, failures included.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// JWKS returns the key set that is published.
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

// RoundTrip implements [http.RoundTripper].
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

// key returns the signing key for alg, or for the first algorithm when alg is "".
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
