package dpop_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
)

const invalid = verifier.CodeInvalidDPoPProof

func TestProofIsAccepted(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"ES256", "EdDSA", "Ed25519", "PS256", "RS256"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			key := newClient(t, alg)
			synctest.Test(t, func(t *testing.T) {
				c := settled(t, func(c *dpop.Config) { c.Algorithms = []string{alg} })
				mustPass(t, check(t, c, request(key.proof(claims())), key.thumbprint))
			})
		})
	}
}

// The points of RFC 9449, section 4.3, that the proof's text decides. Each row breaks one.
func TestProofIsRefused(t *testing.T) {
	t.Parallel()
	key, other := newClient(t, "ES256"), newClient(t, "ES256")
	header := func(name string, value any) func() []string {
		return func() []string { return []string{key.sign(text(with(key.header(), name, value)), text(claims()))} }
	}
	payload := func(name string, value any) func() []string {
		return func() []string { return []string{key.proof(with(claims(), name, value))} }
	}
	raw := func(change func(proof string) string) func() []string {
		return func() []string { return []string{change(key.proof(claims()))} }
	}
	for name, row := range map[string]struct {
		proofs func() []string
		cause  string
	}{
		"no proof":     {func() []string { return nil }, "no DPoP proof"},
		"two proofs":   {func() []string { return []string{key.proof(claims()), key.proof(claims())} }, "several DPoP proofs"},
		"an empty one": {func() []string { return []string{""} }, "not a compact JWS"},
		"two in one value": {func() []string { return []string{key.proof(claims()) + ", " + key.proof(claims())} },
			"not a compact JWS"},
		"too long":        {payload("x", strings.Repeat("x", 16<<10)), "longer than 16384 bytes"},
		"two parts":       {raw(func(p string) string { return p[:strings.LastIndexByte(p, '.')] }), "not a compact JWS"},
		"no signature":    {raw(func(p string) string { return p[:strings.LastIndexByte(p, '.')+1] }), "not a compact JWS"},
		"padding":         {raw(func(p string) string { return p + "=" }), "not a compact JWS"},
		"a line break":    {raw(func(p string) string { return p + "\n" }), "not a compact JWS"},
		"leading space":   {raw(func(p string) string { return " " + p }), "not a compact JWS"},
		"another's":       {func() []string { return []string{forge(key, other)} }, "signature is not valid"},
		"changed payload": {raw(changePayload), "signature is not valid"},

		"typ JWT":           {header("typ", "JWT"), "its typ is not dpop+jwt"},
		"typ at+jwt":        {header("typ", "at+jwt"), "its typ is not dpop+jwt"},
		"no typ":            {header("typ", nil), "its typ is not dpop+jwt"},
		"typ is a list":     {header("typ", []string{"dpop+jwt"}), "its typ is not dpop+jwt"},
		"alg none":          {header("alg", "none"), "algorithm is not allowed"},
		"alg HS256":         {header("alg", "HS256"), "algorithm is not allowed"},
		"no alg":            {header("alg", nil), "algorithm is not allowed"},
		"an alg not listed": {header("alg", "RS256"), "algorithm is not allowed"},
		"another key's alg": {header("alg", "PS256"), "signature is not valid"},
		"crit":              {header("crit", []string{"x"}), "its header has crit"},
		"b64":               {header("b64", false), "its header has b64"},
		"jku":               {header("jku", "https://attacker.test"), "its header has jku"},
		"x5u":               {header("x5u", "https://attacker.test"), "its header has x5u"},
		"x5c":               {header("x5c", []string{}), "its header has x5c"},
		"cty":               {header("cty", "JWT"), "its header has cty"},
		"no jwk":            {header("jwk", nil), "no jwk"},
		"jwk is text":       {header("jwk", "key"), "no public key to use"},
		"a private jwk":     {header("jwk", with(key.jwk, "d", "AAAA")), "private key is published"},
		"a secret jwk":      {header("jwk", map[string]any{"kty": "oct", "k": "AAAA"}), "shared secret"},
		"a jwk for encryption": {header("jwk", with(key.jwk, "use", "enc")),
			"not for signatures"},
		"a point off the curve": {header("jwk", with(key.jwk, "x", key.jwk["y"])), "can't be decoded"},

		"no jti":        {payload("jti", nil), "its jti"},
		"an empty jti":  {payload("jti", ""), "its jti"},
		"a numeric jti": {payload("jti", 7), "its jti"},
		"a long jti":    {payload("jti", strings.Repeat("j", 257)), "its jti"},
		"no iat":        {payload("iat", nil), "its iat"},
		"iat is text":   {payload("iat", "1700000000"), "its iat"},
		"a huge iat":    {payload("iat", 1e300), "its iat"},
		"negative iat":  {payload("iat", -1), "its iat"},
		"no htm":        {payload("htm", nil), "its htm"},
		"htm GET":       {payload("htm", "GET"), "its htm"},
		"htm post":      {payload("htm", "post"), "its htm"},
		"no htu":        {payload("htu", nil), "its htu"},
		"no ath":        {payload("ath", nil), "its ath"},
		"another ath":   {payload("ath", athOf("another.access.token")), "its ath"},
		"a padded ath":  {payload("ath", athOf(token)+"="), "its ath"},

		"a repeated header name": {func() []string {
			return []string{key.sign(strings.Replace(text(key.header()), "{", `{"typ":"dpop+jwt",`, 1), text(claims()))}
		}, "header is not strict JSON"},
		"a repeated claim": {func() []string {
			return []string{key.sign(text(key.header()), strings.Replace(text(claims()), "{", `{"htm":"POST",`, 1))}
		}, "payload is not strict JSON"},
		"data after the payload": {func() []string { return []string{key.sign(text(key.header()), text(claims())+"{}")} },
			"payload is not strict JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				mustRefuse(t, check(t, settled(t), request(row.proofs()...), key.thumbprint), invalid, row.cause)
			})
		})
	}
}

// forge returns a proof that names one key, signed by another.
func forge(named, signer *client) string { return signer.sign(text(named.header()), text(claims())) }

func changePayload(proof string) string {
	parts := strings.Split(proof, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	parts[1] = segment([]byte(strings.Replace(string(payload), `"jti":"`, `"jti":"x`, 1)))
	return strings.Join(parts, ".")
}

// RFC 9449, section 4.2, allows them.
func TestOtherParametersAndClaimsAreIgnored(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		header := with(with(key.header(), "kid", "mine"), "x5t", 7)
		header["jwk"] = with(with(key.jwk, "kid", "mine"), "x5c", []string{"?"})
		claims := with(with(claims(), "aud", "api"), "exp", 1)
		mustPass(t, check(t, c, request(key.sign(text(header), text(claims))), key.thumbprint))
	})
}

func TestProofCountsOnlyForItsOwnKeysToken(t *testing.T) {
	t.Parallel()
	key, other := newClient(t, "ES256"), newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		for name, thumbprint := range map[string]string{
			"another key's": other.thumbprint,
			"none":          "",
			"in lower case": strings.ToLower(key.thumbprint),
			"a longer one":  key.thumbprint + "=",
		} {
			err := check(t, c, request(key.proof(claims())), thumbprint)
			mustRefuse(t, err, verifier.CodeInvalidToken, "not bound to the DPoP proof's key")
			if t.Failed() {
				t.Fatal(name)
			}
		}
	})
}

func TestProofForAnotherCallIsRefused(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	for name, change := range map[string]func(*dpop.Request){
		"another method":    func(r *dpop.Request) { r.Method = "GET" },
		"another procedure": func(r *dpop.Request) { r.Path = "/acme.v1.Orders/Delete" },
		"a longer path":     func(r *dpop.Request) { r.Path = procedure + "/x" },
		"another token":     func(r *dpop.Request) { r.Token = "another.access.token" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := request(key.proof(claims()))
				change(&r)
				mustRefuse(t, check(t, settled(t), r, key.thumbprint), invalid, "another call")
			})
		})
	}
}

// Neither end of the window is accepted a second longer.
func TestProofIsAcceptedOnlyAroundItsTime(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	for name, row := range map[string]struct {
		age  time.Duration
		want verifier.Code
	}{
		"at once":       {0, ""},
		"almost old":    {time.Minute - time.Second, ""},
		"old":           {time.Minute, verifier.CodeUseDPoPNonce},
		"days old":      {48 * time.Hour, verifier.CodeUseDPoPNonce},
		"a little new":  {-30 * time.Second, ""},
		"too new":       {-31 * time.Second, verifier.CodeUseDPoPNonce},
		"days from now": {-48 * time.Hour, verifier.CodeUseDPoPNonce},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newChecker(t)
				time.Sleep(72 * time.Hour)
				proof := key.proof(with(claims(), "iat", time.Now().Add(-row.age).Unix()))
				if err := check(t, c, request(proof), key.thumbprint); verifier.CodeOf(err) != row.want {
					t.Errorf("got %v, want %q", err, row.want)
				}
			})
		})
	}
}

// Time passes while the token is verified.
func TestTimeIsCheckedAgainAtTheEnd(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		proof, err := settled(t).Read(request(key.proof(claims())))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		mustRefuse(t, proof.Check(t.Context(), key.thumbprint), verifier.CodeUseDPoPNonce, "ago")
	})
}
