package introspection_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

// A signer is a server whose metadata name keys, and whose answers are signed.
type signer struct {
	*server

	kid     string
	private ed25519.PrivateKey
	down    bool // the keys are
	reads   int  // of the keys

	header, payload map[string]any // replace what is signed; nil removes
	spoil           func(response string) string
	contentType     string
}

func newSigner() *signer {
	s := &signer{server: newServer(), contentType: "application/token-introspection+jwt"}
	s.fallback = s.signed(map[string]any{"active": false}, false)
	s.rotate("a")
	return s
}

func (s *signer) rotate(kid string) {
	_, s.private, _ = ed25519.GenerateKey(rand.Reader)
	s.kid = kid
}

func (s *signer) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		return respond(r, func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, map[string]any{"issuer": issuer, "jwks_uri": issuer + "/jwks", "introspection_endpoint": endpoint})
		})
	case r.URL.Path == "/jwks":
		s.reads++
		if s.down {
			return respond(r, status(http.StatusServiceUnavailable))
		}
		return respond(r, func(w http.ResponseWriter, _ *http.Request) {
			public, _ := s.private.Public().(ed25519.PublicKey)
			writeJSON(w, map[string]any{"keys": []any{map[string]any{
				"kty": "OKP", "crv": "Ed25519", "kid": s.kid, "x": base64.RawURLEncoding.EncodeToString(public),
			}}})
		})
	}
	return s.server.RoundTrip(r)
}

func respond(r *http.Request, h http.HandlerFunc) (*http.Response, error) {
	inner := newServer()
	inner.suffer(h)
	return inner.RoundTrip(r)
}

// sign has the server answer about a token with a signed response.
func (s *signer) sign(token string, answer map[string]any) string {
	return s.answerWith(token, s.signed(answer, true))
}

// signed answers with a signed response, changed or not.
func (s *signer) signed(answer map[string]any, isChanged bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "application/token-introspection+jwt" {
			w.WriteHeader(http.StatusNotAcceptable)
			return
		}
		header := map[string]any{"alg": "EdDSA", "kid": s.kid, "typ": "token-introspection+jwt"}
		payload := map[string]any{
			"iss": issuer, "aud": "api", "iat": time.Now().Unix(), "token_introspection": answer,
		}
		if isChanged {
			change(header, s.header)
			change(payload, s.payload)
		}
		signed := encode(header) + "." + encode(payload)
		response := signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(s.private, []byte(signed)))
		if s.spoil != nil && isChanged {
			response = s.spoil(response)
		}
		w.Header().Set("Content-Type", s.contentType)
		_, _ = w.Write([]byte(response))
	}
}

// change replaces members. A nil removes one.
func change(all, changes map[string]any) {
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
}

func encode(value map[string]any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func (s *signer) verifier(t *testing.T) *introspection.Verifier {
	t.Helper()
	return s.server.verifier(t, func(c *introspection.Config) {
		c.SignedResponses = true
		c.Algorithms = []string{"EdDSA"}
		c.HTTPClient = &http.Client{Transport: s}
	})
}

func good() map[string]any {
	return map[string]any{"active": true, "iss": issuer, "aud": audience, "sub": "alice", "exp": int64(4102444800)}
}

func TestSignedResponsesAreJudgedByTheSameRules(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSigner()
		v := s.verifier(t)
		if got := accept(t, v, s.sign("opaque", good())).Subject(); got != "alice" {
			t.Errorf("subject = %q, want alice", got)
		}
		refuse(t, v, s.sign("revoked", map[string]any{"active": false}), verifier.CodeInvalidToken)
		other := good()
		other["aud"] = "https://other.test"
		refuse(t, v, s.sign("elsewhere", other), verifier.CodeInvalidAudience)
	})
}

// Each row breaks one rule.
func TestOnlyTheIssuersFreshResponseToUsCounts(t *testing.T) {
	t.Parallel()
	now := func(shift time.Duration) map[string]any { return map[string]any{"iat": time.Now().Add(shift).Unix()} }
	for name, test := range map[string]struct {
		change func(*signer)
		want   bool
	}{
		"as it should be":               {func(*signer) {}, true},
		"typ in full, in capitals":      {func(s *signer) { s.header = map[string]any{"typ": "Application/Token-Introspection+JWT"} }, true},
		"one of several audiences":      {func(s *signer) { s.payload = map[string]any{"aud": []string{"other", "api"}} }, true},
		"no kid, and one key":           {func(s *signer) { s.header = map[string]any{"kid": nil} }, true},
		"iat early within the leeway":   {func(s *signer) { s.payload = now(-30 * time.Second) }, true},
		"iat late within the leeway":    {func(s *signer) { s.payload = now(30 * time.Second) }, true},
		"iat before the question":       {func(s *signer) { s.payload = now(-32 * time.Second) }, false},
		"iat in the future":             {func(s *signer) { s.payload = now(32 * time.Second) }, false},
		"no iat":                        {func(s *signer) { s.payload = map[string]any{"iat": nil} }, false},
		"iat is text":                   {func(s *signer) { s.payload = map[string]any{"iat": "now"} }, false},
		"another issuer":                {func(s *signer) { s.payload = map[string]any{"iss": issuer + "/"} }, false},
		"no issuer":                     {func(s *signer) { s.payload = map[string]any{"iss": nil} }, false},
		"another client's":              {func(s *signer) { s.payload = map[string]any{"aud": "other"} }, false},
		"no audience":                   {func(s *signer) { s.payload = map[string]any{"aud": nil} }, false},
		"no token_introspection":        {func(s *signer) { s.payload = map[string]any{"token_introspection": nil} }, false},
		"token_introspection is text":   {func(s *signer) { s.payload = map[string]any{"token_introspection": "active"} }, false},
		"typ of a token":                {func(s *signer) { s.header = map[string]any{"typ": "at+jwt"} }, false},
		"no typ":                        {func(s *signer) { s.header = map[string]any{"typ": nil} }, false},
		"alg Ed25519, which EdDSA is":   {func(s *signer) { s.header = map[string]any{"alg": "Ed25519"} }, true},
		"alg none":                      {func(s *signer) { s.header = map[string]any{"alg": "none"} }, false},
		"crit":                          {func(s *signer) { s.header = map[string]any{"crit": []string{"x"}} }, false},
		"a kid that isn't listed":       {func(s *signer) { s.header = map[string]any{"kid": "b"} }, false},
		"the media type of plain JSON":  {func(s *signer) { s.contentType = "application/json" }, false},
		"the media type of a token":     {func(s *signer) { s.contentType = "application/jwt" }, false},
		"a signature by another key":    {forge, false},
		"another payload":               {func(s *signer) { s.spoil = swapPayload }, false},
		"no signature":                  {func(s *signer) { s.spoil = func(r string) string { return r[:strings.LastIndex(r, ".")+1] } }, false},
		"a line break at the end":       {func(s *signer) { s.spoil = func(r string) string { return r + "\n" } }, false},
		"encrypted, from its form":      {func(s *signer) { s.spoil = func(r string) string { return r + ".a.a" } }, false},
		"padded base64url":              {func(s *signer) { s.spoil = func(r string) string { return r + "==" } }, false},
		"not a JWS":                     {func(s *signer) { s.spoil = func(string) string { return `{"active":true}` } }, false},
		"a payload with a name twice":   {func(s *signer) { s.spoil = nil; s.payload = map[string]any{"x": json.RawMessage(`{"a":1,"a":2}`)} }, false},
		"a header with a name twice":    {func(s *signer) { s.header = map[string]any{"x": json.RawMessage(`{"a":1,"a":2}`)} }, false},
		"members beside the known ones": {func(s *signer) { s.payload = map[string]any{"jti": "1", "active": false} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSigner()
				v := s.verifier(t)
				test.change(s)
				token := s.sign("opaque", good())
				if test.want {
					accept(t, v, token)
					return
				}
				unavailable(t, verify(t, v, token), verifier.CodeIntrospectionError)
			})
		})
	}
}

func TestSignedResponsesNeedAnAllowedAlgorithm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSigner()
		v := s.server.verifier(t, func(c *introspection.Config) {
			c.SignedResponses = true // by RS256
			c.HTTPClient = &http.Client{Transport: s}
		})
		unavailable(t, verify(t, v, s.sign("opaque", good())), verifier.CodeIntrospectionError)
	})
}

// forge signs with a key that isn't the listed one.
func forge(s *signer) {
	_, other, _ := ed25519.GenerateKey(rand.Reader)
	s.spoil = func(response string) string {
		signed := response[:strings.LastIndex(response, ".")]
		return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(other, []byte(signed)))
	}
}

func swapPayload(response string) string {
	parts := strings.Split(response, ".")
	parts[1] = encode(map[string]any{
		"iss": issuer, "aud": "api", "iat": time.Now().Unix(), "x": 1, "token_introspection": good(),
	})
	return strings.Join(parts, ".")
}

func TestPlainResponsesDontCountWhereSignedOnesAreAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSigner()
		unavailable(t, verify(t, s.verifier(t), s.issue("opaque", nil)), verifier.CodeIntrospectionError)
	})
}

func TestSignedResponsesFollowARotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSigner()
		v := s.verifier(t)
		accept(t, v, s.sign("first", good()))
		s.rotate("b")
		accept(t, v, s.sign("second", good()))
		if s.reads != 2 {
			t.Errorf("the keys were read %d times, want 2", s.reads)
		}
	})
}

// A server that names ever new keys must not have us read its keys for every question.
func TestUnlistedKeysOfSignedResponsesCostFewReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSigner()
		v := s.verifier(t)
		accept(t, v, s.sign("first", good()))
		s.header = map[string]any{"kid": "unlisted"}
		for range 20 {
			unavailable(t, verify(t, v, s.sign(rand.Text(), good())), verifier.CodeIntrospectionError)
		}
		if s.reads > 5 {
			t.Errorf("the keys were read %d times, want 5 at most", s.reads)
		}
	})
}

func TestSignedResponsesWaitForTheKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSigner()
		s.down = true
		v := s.verifier(t)
		token := s.sign("opaque", good())
		unavailable(t, verify(t, v, token), verifier.CodeIntrospectionFailed)
		s.down = false
		time.Sleep(time.Minute)
		accept(t, v, token)
	})
}
