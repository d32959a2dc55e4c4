package dpop_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
)

const (
	origin    = "https://api.example.com"
	procedure = "/acme.v1.Orders/Get"
	token     = "the.access.token"
)

// A client has a key, and makes proofs with it.
type client struct {
	key        crypto.Signer
	alg        string
	jwk        map[string]any
	thumbprint string
}

func newClient(t testing.TB, alg string) *client {
	t.Helper()
	c := &client{alg: alg}
	var err error
	switch alg {
	case "ES256":
		c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA", "Ed25519":
		_, c.key, err = ed25519.GenerateKey(rand.Reader)
	default:
		c.key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	public := jose.JSONWebKey{Key: c.key.Public()}
	c.jwk = decode(t, public)
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	c.thumbprint = segment(thumbprint)
	return c
}

func decode(t testing.TB, value any) (members map[string]any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		t.Fatal(err)
	}
	return members
}

func (c *client) header() map[string]any {
	return map[string]any{"typ": "dpop+jwt", "alg": c.alg, "jwk": c.jwk}
}

// claims are new for each proof.
func claims() map[string]any {
	return map[string]any{
		"jti": rand.Text(),
		"htm": "POST",
		"htu": origin + procedure,
		"iat": time.Now().Unix(),
		"ath": athOf(token),
	}
}

func athOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return segment(sum[:])
}

// with returns a copy with a member changed, or removed if value is nil.
func with(members map[string]any, name string, value any) map[string]any {
	members = maps.Clone(members)
	members[name] = value
	if value == nil {
		delete(members, name)
	}
	return members
}

// proof returns a proof with these claims.
func (c *client) proof(claims map[string]any) string { return c.sign(text(c.header()), text(claims)) }

func (c *client) sign(header, payload string) string {
	signed := segment([]byte(header)) + "." + segment([]byte(payload))
	return signed + "." + segment(c.signature(signed))
}

func (c *client) signature(signed string) []byte {
	sum := sha256.Sum256([]byte(signed))
	var signature []byte
	var err error
	switch key := c.key.(type) {
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, key, sum[:])
		signature, err = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), signErr
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(signed))
	default:
		var options crypto.SignerOpts = crypto.SHA256
		if strings.HasPrefix(c.alg, "PS") {
			options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		}
		signature, err = key.Sign(rand.Reader, sum[:], options)
	}
	if err != nil {
		panic(err)
	}
	return signature
}

func segment(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func text(members map[string]any) string {
	data, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func newChecker(t testing.TB, changes ...func(*dpop.Config)) *dpop.Checker {
	t.Helper()
	config := dpop.Config{Origins: []string{origin}}
	for _, change := range changes {
		change(&config)
	}
	c, err := dpop.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// settled returns a checker that's old enough to take proofs without a nonce. Call it in a bubble.
func settled(t testing.TB, changes ...func(*dpop.Config)) *dpop.Checker {
	t.Helper()
	c := newChecker(t, changes...)
	time.Sleep(time.Minute)
	return c
}

// request is the one that proofs are made for, unless a test says otherwise.
func request(proofs ...string) dpop.Request {
	return dpop.Request{Proofs: proofs, Method: "POST", Path: procedure, Token: token}
}

// check makes all checks.
func check(t testing.TB, c *dpop.Checker, r dpop.Request, thumbprint string) error {
	t.Helper()
	proof, err := c.Read(r)
	if err != nil {
		return err
	}
	return proof.Check(t.Context(), thumbprint)
}

func mustPass(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("the proof was refused: %v", err)
	}
}

// mustRefuse wants a code, and a cause that says why.
func mustRefuse(t testing.TB, err error, code verifier.Code, cause string) {
	t.Helper()
	if verifier.CodeOf(err) != code || !strings.Contains(fmt.Sprint(err), cause) {
		t.Errorf("got %v, want %s with %q", err, code, cause)
	}
	if authErr, ok := errors.AsType[*verifier.AuthError](err); ok && authErr.StatusCode() != 401 {
		t.Errorf("the status is %d, want 401", authErr.StatusCode())
	}
}
