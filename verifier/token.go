package verifier

import (
	"encoding/base64"
	"strings"
	"sync"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

// MaxTokenBytes is the length up to which a token is looked at. A longer one is
// refused unread.
const MaxTokenBytes = 16 << 10

const (
	maxKidBytes     = 512
	maxHeaderDepth  = 16
	maxPayloadDepth = 64
)

// token is a JWT in JWS compact serialization (RFC 7515, section 7.1), taken apart
// but not yet believed.
type token struct {
	alg, kid, typ string
	signed        string // the bytes under the signature, as received
	payload       string
	signature     []byte // in the buffer that parseToken was given
}

var segmentEncoding = base64.RawURLEncoding.Strict()

// buffers hold decoded tokens for as long as they are looked at, and then the next
// ones: what is kept of a token is a copy.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// parseToken checks the form of a token, and nothing that needs a key.
func parseToken(raw string, buffer *[]byte) (t token, refusal *AuthError) {
	if len(raw) > MaxTokenBytes {
		return t, refuse(CodeMalformedToken, "the token is too long")
	}
	if strings.Count(raw, ".") != 2 {
		return t, notCompact()
	}
	// The base64 decoder skips line breaks; no other byte gets past it.
	if strings.ContainsRune(raw, '\r') || strings.ContainsRune(raw, '\n') {
		return t, notCompact()
	}
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	if header == "" || payload == "" || signature == "" {
		return t, notCompact()
	}
	decoded, headerErr := segmentEncoding.AppendDecode((*buffer)[:0], []byte(header))
	headerEnd := len(decoded)
	decoded, payloadErr := segmentEncoding.AppendDecode(decoded, []byte(payload))
	payloadEnd := len(decoded)
	decoded, signatureErr := segmentEncoding.AppendDecode(decoded, []byte(signature))
	*buffer = decoded
	if headerErr != nil || payloadErr != nil || signatureErr != nil {
		return t, notCompact()
	}
	t.signed = raw[:len(header)+1+len(payload)]
	text := string(decoded[:payloadEnd])
	t.payload = text[headerEnd:]
	t.signature = decoded[payloadEnd:]
	return t, t.parseHeader(text[:headerEnd])
}

func notCompact() *AuthError {
	return refuse(CodeMalformedToken, "the token is not a compact JWS")
}

func (t *token) parseHeader(raw string) *AuthError {
	var forbidden, badAlg, badTyp bool
	wellFormed := strictjson.Members(raw, maxHeaderDepth, func(name, value string) {
		var ok bool
		switch name {
		case "alg":
			t.alg, ok = strictjson.Text(value)
			badAlg = !ok
		case "kid":
			t.kid, _ = strictjson.Text(value)
			t.kid = strings.Clone(t.kid) // whoever keeps it must not keep the token
		case "typ":
			t.typ, ok = strictjson.Text(value)
			badTyp = !ok || t.typ == ""
		// What could name another key, another place to find one, or another way
		// to read the token. "cty" announces a nested JWT.
		case "crit", "b64", "jku", "x5u", "jwk", "x5c", "zip", "enc", "p2c", "epk", "cty":
			forbidden = true
		}
	})
	switch {
	case !wellFormed:
		return refuse(CodeMalformedToken, "the token header is not a valid JSON object")
	case forbidden:
		return refuse(CodeForbiddenHeader, "the token header has a forbidden parameter")
	case t.alg == "" || badAlg:
		return refuse(CodeMalformedToken, "the token header has no valid alg")
	case badTyp:
		return refuse(CodeInvalidToken, "the token is not an access token")
	}
	return nil
}

// isAccessToken reports whether the token's type, if it has one, is that of an
// access token: no other kind of JWT may stand in for one (RFC 8725, section 3.11).
func (t *token) isAccessToken() bool {
	return t.typ == "" || t.hasType("jwt") || t.hasType("at+jwt")
}

// hasType compares media types without regard to case, with or without their
// "application/" (RFC 7515, section 4.1.9).
func (t *token) hasType(typ string) bool {
	return strings.EqualFold(t.typ, typ) || strings.EqualFold(t.typ, "application/"+typ)
}
