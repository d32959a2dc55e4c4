package verifier

import (
	"cmp"
	"encoding/base64"
	"strings"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

const (
	maxTokenBytes   = 64 << 10 // the upper limit for Config.MaxTokenBytes
	maxKeyNameBytes = 512
	maxHeaderDepth  = 16
	maxPayloadDepth = 64
)

// A token is a parsed but unverified JWT in JWS compact serialization (RFC 7515, section 7.1).
type token struct {
	alg, typ  string
	kid       string // "" if absent or invalid
	hasKid    bool
	x5t       string   // the certificate thumbprint, or ""
	forbidden string   // the last parameter no token may have, or ""
	hints     []string // parameters accepted only if configured
	signed    string   // the signed bytes, as received
	payload   string
	signature []byte // in the Buffer passed to parseToken

	members []member // the payload's, or nil until claimedIssuer has parsed it
}

// A member is part of an object, its value as written.
type member struct{ name, value string }

// hintHeaders lists parameters that could name another key or where to find one, and "cty", which
// announces a nested JWT.
var hintHeaders = []string{"jku", "x5u", "jwk", "x5c", "cty"}

// parseToken checks a token's form, which needs no key.
func parseToken(raw string, maxBytes int, b *jws.Buffer) (t token, refusal *AuthError) {
	if refusal := checkLength(raw, maxBytes); refusal != nil {
		return t, refusal
	}
	c, ok := jws.Decode(raw, b)
	if !ok {
		return t, notCompact(raw)
	}
	t.signed, t.payload, t.signature = c.Signed, c.Payload, c.Signature
	if refusal := t.parseHeader(c.Header); refusal != nil {
		return t, refusal
	}
	if len(c.Signature) == 0 && !strings.EqualFold(t.alg, "none") { // refused for its alg instead
		refusal := refuse(CodeMalformedToken, "the token is not a compact JWS")
		refusal.Err = errUnsigned
		return t, refusal
	}
	return t, nil
}

func checkLength(raw string, maxBytes int) *AuthError {
	if len(raw) > maxBytes {
		return refuse(CodeMalformedToken, "the token is too long").because(
			"it has %d bytes, more than the %d of Config.MaxTokenBytes", len(raw), maxBytes)
	}
	return nil
}

func (t *token) parseHeader(raw string) *AuthError {
	var badAlg, badTyp bool
	wellFormed := strictjson.Members(raw, maxHeaderDepth, func(name, value string) {
		var ok bool
		switch name {
		case "alg":
			t.alg, ok = strictjson.Text(value)
			badAlg = !ok
		case "kid":
			t.kid, _ = strictjson.Text(value)
			t.hasKid = true
		case "x5t#S256":
			t.x5t, _ = strictjson.Text(value)
		case "x5t":
			x5t, _ := strictjson.Text(value)
			t.x5t = cmp.Or(t.x5t, x5t)
		case "typ":
			t.typ, ok = strictjson.Text(value)
			badTyp = !ok || t.typ == ""
		case "jku", "x5u", "jwk", "x5c", "cty":
			t.hints = append(t.hints, strings.Clone(name))
		default:
			if jws.ChangesReading(name) {
				t.forbidden = strings.Clone(name)
			}
		}
	})
	switch {
	case !wellFormed:
		return notObject("header")
	case t.forbidden != "":
		return forbiddenHeader("its header has %s, which changes how a token is read", t.forbidden)
	case t.alg == "" || badAlg:
		return refuse(CodeMalformedToken, "the token header has no valid alg").because("alg is absent or not a string")
	case badTyp:
		return notAccessToken("its typ is empty or not a string")
	}
	return nil
}

// isAccessToken reports whether the token's typ is absent or an access token's. No other kind of
// JWT may be used as one (RFC 8725, section 3.11).
func (t *token) isAccessToken() bool {
	return t.typ == "" || t.hasType("jwt") || t.hasType("at+jwt")
}

// hasType compares media types, ignoring case and an optional "application/" prefix (RFC 7515,
// section 4.1.9).
func (t *token) hasType(typ string) bool {
	return strings.EqualFold(t.typ, typ) || strings.EqualFold(t.typ, "application/"+typ) ||
		strings.EqualFold("application/"+t.typ, typ)
}

// claimedIssuer returns an unverified token's iss, only to choose the verifier. That verifier
// checks the whole token, including the iss. An algorithm that no Config can list is refused before
// the payload is parsed, which costs more than all the rest. So the token keeps the members, and
// isn't parsed again.
func (t *token) claimedIssuer() (string, *AuthError) {
	if !jws.IsAlgorithm(t.alg) {
		return "", disallowedAlg().because("%s; no Config.Algorithms can list it", describeAlg(t.alg))
	}
	var issuer string
	isText := true
	members := make([]member, 0, 16)
	wellFormed := strictjson.Members(t.payload, maxPayloadDepth, func(name, value string) {
		members = append(members, member{name, value})
		if name == "iss" {
			issuer, isText = strictjson.Text(value)
		}
	})
	switch {
	case !wellFormed:
		return "", notObject("payload")
	case !isText:
		return "", refuse(CodeMalformedToken, "a registered claim has the wrong type").because("iss is not a string")
	case issuer == "":
		return "", refuse(CodeMissingClaim, "the token has no iss").because("iss is absent or empty")
	}
	t.members = members
	return issuer, nil
}

func disallowedAlg() *AuthError {
	return refuse(CodeDisallowedAlg, "the signature algorithm is not allowed")
}

// names reports whether an unverified token has an iss that isOurs accepts. It forgives what makes
// a token malformed: such a token is still ours to refuse.
func names(raw string, isOurs func(issuer string) bool) (found bool) {
	if strings.Count(raw, ".") != 2 {
		return false // without the cost of a refusal
	}
	_, segment, _, ok := jws.Split(raw)
	if !ok || len(raw) > maxTokenBytes {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(alphabets.Replace(segment))
	if err != nil {
		return false
	}
	strictjson.Members(string(payload), maxPayloadDepth, func(name, value string) {
		issuer, _ := strictjson.Text(value)
		found = found || name == "iss" && issuer != "" && isOurs(issuer)
	})
	return found
}

var alphabets = strings.NewReplacer("+", "-", "/", "_")

// keyName returns how the token names its key: by kid, by certificate thumbprint, or only by
// algorithm.
func (t *token) keyName() jwks.Name {
	switch {
	case t.kid != "":
		return jwks.ByKid(t.kid)
	case t.x5t != "":
		return jwks.ByThumbprint(t.x5t)
	default:
		return jwks.ByAlgorithm(t.alg)
	}
}
