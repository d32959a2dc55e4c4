package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/oidcrpc/oidcrpc/verifier"
)

const (
	audience      = "https://greet.example"
	otherAudience = "https://orders.example"
)

// The clients. Each gets another kind of token.
const (
	robot     = "robot"     // for our audience, and greet:write if it asks
	visitor   = "visitor"   // for our audience, and never greet:write
	shortLife = "shortlife" // of 3 seconds
	stranger  = "stranger"  // for another audience
	opaque    = "opaque"    // not a JWT
)

func newClients() map[string]oauthClient {
	clients := make(map[string]oauthClient)
	for _, client := range []oauthClient{
		{id: robot, audience: audience, lifetime: time.Hour, tokenType: op.AccessTokenTypeJWT,
			scopes: []string{"greet:read", "greet:write"}},
		{id: visitor, audience: audience, lifetime: time.Hour, tokenType: op.AccessTokenTypeJWT,
			scopes: []string{"greet:read"}},
		{id: shortLife, audience: audience, lifetime: 3 * time.Second, tokenType: op.AccessTokenTypeJWT},
		{id: stranger, audience: otherAudience, lifetime: time.Hour, tokenType: op.AccessTokenTypeJWT},
		{id: opaque, audience: audience, lifetime: time.Hour, tokenType: op.AccessTokenTypeBearer},
	} {
		client.subject = "account-of-" + client.id
		clients[client.id] = client
	}
	return clients
}

// A provider is an OpenID provider on a loopback socket.
type provider struct {
	url        string
	addr       string
	storage    *storage
	handler    http.Handler
	rotations  int
	keyFetches atomic.Int64

	server *http.Server
	served chan error
}

// startProvider starts a provider whose issuer has this path, and whose key is for
// this algorithm. It stops with the test.
func startProvider(t *testing.T, path string, alg jose.SignatureAlgorithm) *provider {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{
		url:     "http://" + listener.Addr().String() + path,
		addr:    listener.Addr().String(),
		storage: &storage{clients: newClients()},
	}
	p.rotate(t, alg)
	handler, err := op.NewProvider(&op.Config{}, p.storage, op.StaticIssuer(p.url), op.WithAllowInsecure())
	if err != nil {
		t.Fatal(err)
	}
	p.handler = http.StripPrefix(strings.TrimSuffix(path, "/"), p.countKeyFetches(handler))
	p.serve(listener, p.handler)
	t.Cleanup(func() { p.stop(t) })
	return p
}

// countKeyFetches also promises that the keys stay the same for a day, as providers
// do who then rotate them all the same.
func (p *provider) countKeyFetches(next *op.Provider) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == next.KeysEndpoint().Relative() {
			p.keyFetches.Add(1)
			w.Header().Set("Cache-Control", "public, max-age=86400")
		}
		next.ServeHTTP(w, r)
	})
}

func (p *provider) serve(listener net.Listener, handler http.Handler) {
	p.server = &http.Server{Handler: handler}
	p.served = make(chan error, 1)
	go func() { p.served <- p.server.Serve(listener) }()
}

// start serves handler at the same address as before.
func (p *provider) start(t *testing.T, handler http.Handler) {
	t.Helper()
	listener, err := net.Listen("tcp", p.addr)
	for range 20 { // an outgoing connection may hold the port for a moment
		if err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
		listener, err = net.Listen("tcp", p.addr)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.serve(listener, handler)
}

// stop closes the listener and all connections.
func (p *provider) stop(t *testing.T) {
	t.Helper()
	if p.server == nil {
		return
	}
	if err := p.server.Close(); err != nil {
		t.Error(err)
	}
	<-p.served
	p.server = nil
}

// rotate adds a key, which signs from then on.
func (p *provider) rotate(t *testing.T, alg jose.SignatureAlgorithm) {
	t.Helper()
	p.rotations++
	key := newKey(t, fmt.Sprintf("key-%d", p.rotations), alg, p.rotations)
	p.storage.mu.Lock()
	defer p.storage.mu.Unlock()
	p.storage.keys = append([]signingKey{key}, p.storage.keys...)
}

// withdraw leaves only the key that signs.
func (p *provider) withdraw() {
	p.storage.mu.Lock()
	defer p.storage.mu.Unlock()
	p.storage.keys = p.storage.keys[:1]
}

// token has the provider issue a token to a client, who asks for these scopes.
func (p *provider) token(t *testing.T, client string, scopes ...string) string {
	t.Helper()
	config := clientcredentials.Config{
		ClientID:     client,
		ClientSecret: clientSecret,
		TokenURL:     strings.TrimSuffix(p.url, "/") + "/oauth/token",
		Scopes:       scopes,
		AuthStyle:    oauth2.AuthStyleInHeader,
	}
	token, err := config.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token.AccessToken
}

// config returns what a service that trusts the provider needs. There is no leeway, so
// that tokens expire soon.
func (p *provider) config() verifier.Config {
	return verifier.Config{Issuer: p.url, Audiences: []string{audience}, Leeway: -1}
}
