// Package verifiertest provides an OpenID Connect issuer for tests. The issuer lives in the
// test's process and needs no network:
//
//	issuer := verifiertest.NewIssuer()
//	v, err := verifier.New(issuer.Config())
//	token := issuer.Token(map[string]any{"scope": "orders:read"})
//
// It works inside a [testing/synctest] bubble, with grpc-go over bufconn and with any client that
// takes an [http.RoundTripper]. Tokens and keys age there without real waiting, so a test can live
// through an expiry, a rotation or an outage in no time:
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
// A service in another process needs the issuer on a socket: see [NewServer]. Clients that fetch
// their tokens need [WithTokenEndpoint]. For handlers that only read claims, [Claims] is enough.
//
// Everything here is for tests and for development. An issuer for production must know who asks.
package verifiertest

import (
	"bytes"
	"crypto"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// Audience is the default aud in tokens, and the only audience [Issuer.Config] accepts.
const Audience = "https://api.test"

const (
	defaultURL   = "https://issuer.test"
	metadataPath = "/.well-known/openid-configuration"
	jwksPath     = "/jwks"
	tokenPath    = "/token"

	clientCredentials = "client_credentials" // grants (RFC 6749, sections 4.4 and 4.3)
	password          = "password"
)

// An Issuer signs tokens and publishes its metadata and keys. Serve it over HTTP as an
// [http.Handler], or use it as a client's [http.RoundTripper] without a network. It is safe for
// concurrent use.
type Issuer struct {
	url   string
	algs  []string
	given map[string]signingKey             // by algorithm, to start with
	grant func(req *http.Request) *response // nil without a token endpoint

	tokens atomic.Int64 // signed so far

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

// WithSigningKey gives the issuer a key for alg, one of its [WithAlgorithms], instead of a new
// one. So another issuer with the same key can sign as this one does, now or after a restart. The
// key's kid is its thumbprint (RFC 7638), and [Issuer.Rotate] replaces it with a new key.
func WithSigningKey(alg string, key crypto.Signer) IssuerOption {
	return issuerOption(func(i *Issuer) { i.given[alg] = signingKey{alg, thumbprint(key), key} })
}

// NewIssuer returns an issuer with new keys. It panics if an algorithm is unknown, or if a key
// doesn't fit its algorithm.
func NewIssuer(options ...IssuerOption) *Issuer {
	i := &Issuer{url: defaultURL, algs: []string{"ES256"}, given: make(map[string]signingKey)}
	for _, option := range options {
		option.apply(i)
	}
	for alg, key := range i.given {
		if !slices.Contains(i.algs, alg) || !fits(alg, key.signer) {
			panic("verifiertest: WithSigningKey: the issuer has no such algorithm, or the key doesn't fit: " + alg)
		}
	}
	i.replaceKeys(i.given)
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
func (i *Issuer) Rotate() { i.replaceKeys(nil) }

// replaceKeys uses the given keys, and new ones for the other algorithms.
func (i *Issuer) replaceKeys(given map[string]signingKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rotation++
	i.keys = make(map[string]signingKey, len(i.algs))
	for _, alg := range i.algs {
		key, ok := given[alg]
		if !ok {
			key = newSigningKey(alg, i.rotation)
		}
		i.keys[alg] = key
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
	if req.Body != nil {
		defer req.Body.Close()
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	res, err := i.respond(req.Clone(req.Context()))
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status:        strconv.Itoa(res.status) + " " + http.StatusText(res.status),
		StatusCode:    res.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        res.header,
		Body:          io.NopCloser(bytes.NewReader(res.body)),
		ContentLength: int64(len(res.body)),
		Request:       req,
	}, nil
}

// ServeHTTP implements [http.Handler].
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	res, err := i.respond(r)
	if err != nil {
		res = newResponse(http.StatusServiceUnavailable, nil)
	}
	maps.Copy(w.Header(), res.header)
	w.WriteHeader(res.status)
	_, _ = w.Write(res.body)
}

// A response is what the issuer answers, over HTTP or as a RoundTripper.
type response struct {
	status int
	header http.Header
	body   []byte
}

func newResponse(status int, body []byte) *response {
	return &response{status, http.Header{"Content-Type": {"application/json"}}, body}
}

func (i *Issuer) respond(req *http.Request) (*response, error) {
	basePath := ""
	if u, err := url.Parse(i.baseURL()); err == nil {
		basePath = u.Path
	}
	path, ok := strings.CutPrefix(req.URL.Path, basePath)
	if ok && path == jwksPath {
		i.countFetch()
	}
	if err := i.currentFailure(); err != nil {
		return nil, err
	}
	switch {
	case ok && path == metadataPath:
		return newResponse(http.StatusOK, mustJSON(i.metadata())), nil
	case ok && path == jwksPath:
		return newResponse(http.StatusOK, i.JWKS()), nil
	case ok && path == tokenPath && i.grant != nil:
		return i.grant(req), nil
	default:
		return newResponse(http.StatusNotFound, nil), nil
	}
}

// metadata are those of OpenID Connect Discovery 1.0, section 3.
func (i *Issuer) metadata() map[string]any {
	metadata := map[string]any{
		"issuer":                                i.url,
		"jwks_uri":                              i.baseURL() + jwksPath,
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": i.algs,
	}
	if i.grant != nil {
		metadata["token_endpoint"] = i.baseURL() + tokenPath
		metadata["grant_types_supported"] = []string{clientCredentials, password}
		metadata["token_endpoint_auth_methods_supported"] = []string{
			"client_secret_basic", "client_secret_post", "none",
		}
	}
	return metadata
}

// baseURL is what paths are appended to.
func (i *Issuer) baseURL() string { return strings.TrimSuffix(i.url, "/") }

func (i *Issuer) countFetch() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fetches++
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
