package verifier

import (
	"encoding/base64"
	"strings"
	"sync"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

const (
	maxTokenBytes   = 16 << 10 // a longer token is refused unread
	maxKidBytes     = 512
	maxHeaderDepth  = 16
	maxPayloadDepth = 64
)

// A token is a JWT in JWS compact serialization (RFC 7515, section 7.1), taken apart but
// not yet believed.
type token struct {
	alg, kid, typ string
	signed        string // the bytes under the signature, as received
	payload       string
	signature     []byte // in the buffer that parseToken was given
}

var segmentEncoding = base64.RawURLEncoding.Strict()

// A buffer holds a decoded token while it's looked at, and then the next one. What's kept
// of a token is a copy.
type buffer []byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

func newBuffer() *buffer {
	b, _ := buffers.Get().(*buffer)
	return b
}

// release leaves nothing of the token behind.
func (b *buffer) release() {
	clear((*b)[:cap(*b)])
	buffers.Put(b)
}

// parseToken checks the form of a token, and nothing that needs a key.
func parseToken(raw string, b *buffer) (t token, refusal *AuthError) {
	header, payload, signature, refusal := splitToken(raw)
	if refusal != nil {
		return t, refusal
	}
	decoded, headerErr := segmentEncoding.AppendDecode((*b)[:0], []byte(header))
	headerEnd := len(decoded)
	decoded, payloadErr := segmentEncoding.AppendDecode(decoded, []byte(payload))
	payloadEnd := len(decoded)
	decoded, signatureErr := segmentEncoding.AppendDecode(decoded, []byte(signature))
	*b = decoded
	if headerErr != nil || payloadErr != nil || signatureErr != nil {
		return t, notCompact()
	}
	t.signed = raw[:len(header)+1+len(payload)]
	t.payload = string(decoded[headerEnd:payloadEnd])
	t.signature = decoded[payloadEnd:]
	return t, t.parseHeader(string(decoded[:headerEnd]))
}

// splitToken returns the three segments of a token, which are not empty.
func splitToken(raw string) (header, payload, signature string, refusal *AuthError) {
	if len(raw) > maxTokenBytes {
		return "", "", "", refuse(CodeMalformedToken, "the token is too long")
	}
	// Dots are counted before anything is split. The base64 decoder skips line breaks; no
	// other byte gets past it.
	if strings.Count(raw, ".") != 2 || strings.ContainsRune(raw, '\r') || strings.ContainsRune(raw, '\n') {
		return "", "", "", notCompact()
	}
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ = strings.Cut(rest, ".")
	if header == "" || payload == "" || signature == "" {
		return "", "", "", notCompact()
	}
	return header, payload, signature, nil
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
		case "typ":
			t.typ, ok = strictjson.Text(value)
			badTyp = !ok || t.typ == ""
		// What could name another key, another place to find one, or another way to read
		// the token. "cty" announces a nested JWT.
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

// isAccessToken reports whether the token's type, if it has one, is an access token's: no
// other kind of JWT may stand in for one (RFC 8725, section 3.11).
func (t *token) isAccessToken() bool {
	return t.typ == "" || t.hasType("jwt") || t.hasType("at+jwt")
}

// hasType compares media types without regard to case, with or without their
// "application/" (RFC 7515, section 4.1.9).
func (t *token) hasType(typ string) bool {
	return strings.EqualFold(t.typ, typ) || strings.EqualFold(t.typ, "application/"+typ)
}

// claimedIssuer returns the iss of a token that no one has verified. It serves to choose
// the verifier, which looks at the whole token and asks for that iss again once it
// believes it.
func claimedIssuer(raw string) (string, *AuthError) {
	_, segment, _, refusal := splitToken(raw)
	if refusal != nil {
		return "", refusal
	}
	b := newBuffer()
	defer b.release()
	payload, err := segmentEncoding.AppendDecode((*b)[:0], []byte(segment))
	*b = payload
	if err != nil {
		return "", notCompact()
	}
	var issuer string
	isText := true
	wellFormed := strictjson.Members(string(payload), maxPayloadDepth, func(name, value string) {
		if name == "iss" {
			issuer, isText = strictjson.Text(value)
		}
	})
	switch {
	case !wellFormed:
		return "", refuse(CodeMalformedToken, "the token payload is not a valid JSON object")
	case !isText:
		return "", refuse(CodeMalformedToken, "a registered claim has the wrong type")
	case issuer == "":
		return "", refuse(CodeMissingClaim, "the token has no iss")
	}
	return strings.Clone(issuer), nil
}
