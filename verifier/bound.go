package verifier

import (
	"crypto/sha256"

	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

// A Confirmation says what the holder of a bound token must prove, as the token's cnf does (RFC
// 7800, section 3.1). If both fields are set, both must be proven. The zero Confirmation belongs
// to a bearer token, whose holder has nothing to prove.
type Confirmation struct {
	// KeyThumbprint is jkt, which names the client's public key (RFC 9449, section 6.1). It is a
	// SHA-256 hash in base64url without padding, always 43 characters, or "".
	KeyThumbprint string

	// CertificateThumbprint is x5t#S256, which names the client's certificate (RFC 8705, section
	// 3.1). It has the form of KeyThumbprint.
	CertificateThumbprint string
}

// IsZero reports whether there is nothing to prove.
func (c Confirmation) IsZero() bool { return c == Confirmation{} }

// readConfirmation reads cnf, and returns false if nothing that we know can prove it. Other members
// beside those we know are ignored (RFC 7800, section 3.1).
func readConfirmation(value string) (c Confirmation, ok bool) {
	wellFormed := true
	isObject := strictjson.Members(value, maxPayloadDepth, func(name, value string) {
		var read bool
		switch name {
		case "jkt":
			c.KeyThumbprint, read = readThumbprint(value)
		case "x5t#S256":
			c.CertificateThumbprint, read = readThumbprint(value)
		default:
			return
		}
		wellFormed = wellFormed && read
	})
	if !isObject || !wellFormed || c.IsZero() {
		return Confirmation{}, false
	}
	return c, true
}

// readThumbprint reads a SHA-256 hash in base64url.
func readThumbprint(value string) (thumbprint string, ok bool) {
	thumbprint, _ = strictjson.Text(value)
	if len(thumbprint) != jws.Encoding.EncodedLen(sha256.Size) { // the decoder skips line breaks
		return "", false
	}
	hash, err := jws.Encoding.DecodeString(thumbprint)
	return thumbprint, err == nil && len(hash) == sha256.Size
}

// bearerOnly is a proof for Verify, which has none: it accepts only a token that isn't bound (RFC
// 9449, section 7.2; RFC 8705, section 3).
func bearerOnly(c Confirmation) error {
	if !c.IsZero() {
		return boundToProof()
	}
	return nil
}
