// Package dpoptest checks a client's DPoP proofs (RFC 9449) with go-jose, and none of our code.
package dpoptest

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// A Guard is both an authorization server and what stands in front of a resource server. It's safe
// for concurrent use.
type Guard struct {
	mu      sync.Mutex
	nonces  map[string]string // that each server wants now, by its name
	next    string            // that the resource will want after its next good call
	turns   int
	isNever bool              // the resource wants another nonce with each call
	keys    map[string]string // thumbprints, by the token that they're bound to
	revoked map[string]bool
	seen    map[string]int // how often each jti came
	faults  []error
	tokens  int
	methods []string // by which calls came
}

// NewGuard returns a Guard that wants no nonces.
func NewGuard() *Guard {
	return &Guard{
		nonces: make(map[string]string), keys: make(map[string]string), revoked: make(map[string]bool),
		seen: make(map[string]int),
	}
}

// The names of the two servers.
const (
	TokenEndpoint = "token endpoint"
	Resource      = "resource"
)

// WantNonce has a server want another nonce from now on.
func (g *Guard) WantNonce(server string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turns++
	g.nonces[server] = fmt.Sprintf("%.1s%d", server, g.turns)
}

// AnnounceNonce has the resource name a nonce in its next good answer, and want it from then on.
func (g *Guard) AnnounceNonce() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turns++
	g.next = fmt.Sprint("next", g.turns)
}

// NeverBeSatisfied has the resource want another nonce with each call.
func (g *Guard) NeverBeSatisfied() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isNever = true
}

// Revoke has the resource refuse all tokens issued so far.
func (g *Guard) Revoke() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for token := range g.keys {
		g.revoked[token] = true
	}
}

// Count returns how many tokens were issued, and how many calls came to the resource.
func (g *Guard) Count() (tokens, calls int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tokens, len(g.methods)
}

// Methods returns the HTTP methods by which calls came to the resource.
func (g *Guard) Methods() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.methods)
}

// Err returns what was wrong with any request, beside a missing nonce or a revoked token.
func (g *Guard) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return errors.Join(g.faults...)
}

// A Request is what a server sees of one.
type Request struct {
	Method, Target        string
	Authorization, Proofs []string
}

// An Answer is what the server says.
type Answer struct {
	Nonce     string // for the client's next proof, or ""
	Challenge string // or "" if the request is good
}

// Admit judges a call to the resource.
func (g *Guard) Admit(r Request) Answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.methods = append(g.methods, r.Method)
	if g.isNever {
		g.nonces[Resource] = fmt.Sprint("never", len(g.methods))
	}
	answer := Answer{Nonce: g.nonces[Resource]}
	token, ok := strings.CutPrefix(strings.Join(r.Authorization, "\n"), "DPoP ")
	if !ok {
		g.faults = append(g.faults, fmt.Errorf("authorization: %q", r.Authorization))
		answer.Challenge = `DPoP algs="ES256"`
		return answer
	}
	proof, err := g.check(r, Resource)
	sum := sha256.Sum256([]byte(token))
	switch {
	case errors.Is(err, errNonce):
		answer.Challenge = `Bearer realm="x", DPoP error="use_dpop_nonce", algs="ES256"`
	case err != nil:
	case proof.Hash != base64.RawURLEncoding.EncodeToString(sum[:]):
		err = fmt.Errorf("ath: %q", proof.Hash)
	case g.keys[token] != proof.key:
		err = fmt.Errorf("the token %q is bound to %q, not to %q", token, g.keys[token], proof.key)
	case g.revoked[token]:
		answer.Challenge = `DPoP error="invalid_token"`
	}
	if err != nil && answer.Challenge == "" {
		g.faults = append(g.faults, err)
		answer.Challenge = `DPoP error="invalid_dpop_proof"`
	}
	if answer.Challenge == "" && g.next != "" {
		answer.Nonce, g.nonces[Resource], g.next = g.next, g.next, ""
	}
	return answer
}

// ServeHTTP is the token endpoint.
func (g *Guard) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if nonce := g.nonces[TokenEndpoint]; nonce != "" {
		w.Header().Set("DPoP-Nonce", nonce)
	}
	w.Header().Set("Content-Type", "application/json")
	proof, err := g.check(Request{
		Method: req.Method, Target: "http://" + req.Host + req.URL.Path, Proofs: req.Header.Values("DPoP"),
	}, TokenEndpoint)
	switch {
	case errors.Is(err, errNonce):
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"use_dpop_nonce"}`))
	case err != nil || proof.Hash != "":
		g.faults = append(g.faults, fmt.Errorf("token endpoint: ath %q, %w", proof.Hash, err))
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_dpop_proof"}`))
	default:
		g.tokens++
		token := fmt.Sprint("token-", g.tokens)
		g.keys[token] = proof.key
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"DPoP","expires_in":300,"refresh_token":"r"}`, token)
	}
}

var errNonce = errors.New("another nonce is wanted")

type proof struct {
	ID     string  `json:"jti"`
	Method string  `json:"htm"`
	Target string  `json:"htu"`
	Time   float64 `json:"iat"`
	Hash   string  `json:"ath"`
	Nonce  string  `json:"nonce"`

	key string // its thumbprint
}

// check follows RFC 9449, section 4.3.
func (g *Guard) check(r Request, server string) (p proof, err error) {
	if len(r.Proofs) != 1 {
		return p, fmt.Errorf("%d proofs", len(r.Proofs))
	}
	signed, err := jose.ParseSignedCompact(r.Proofs[0], []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.PS256})
	if err != nil {
		return p, err
	}
	header := signed.Signatures[0].Protected
	if header.ExtraHeaders["typ"] != "dpop+jwt" || header.JSONWebKey == nil || !header.JSONWebKey.IsPublic() {
		return p, fmt.Errorf("header: %+v", header)
	}
	payload, err := signed.Verify(header.JSONWebKey)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		return p, err
	}
	thumbprint, err := header.JSONWebKey.Thumbprint(crypto.SHA256)
	p.key = base64.RawURLEncoding.EncodeToString(thumbprint)
	g.seen[p.ID]++
	age := time.Since(time.Unix(int64(p.Time), 0))
	switch {
	case err != nil:
		return p, err
	case p.Method != r.Method || p.Target != r.Target:
		return p, fmt.Errorf("%s %s, want %s %s", p.Method, p.Target, r.Method, r.Target)
	case age < -time.Second || age > time.Minute:
		return p, fmt.Errorf("it's from %v", time.Unix(int64(p.Time), 0))
	case len(p.ID) < 20 || g.seen[p.ID] > 1:
		return p, fmt.Errorf("jti %q came %d times", p.ID, g.seen[p.ID])
	case p.Nonce != g.nonces[server]:
		return p, errNonce
	default:
		return p, nil
	}
}
