package jws

import (
	"crypto"
	"encoding/base64"

	"github.com/go-jose/go-jose/v4"
)

// Thumbprint returns the key's SHA-256 thumbprint in base64url (RFC 7638), which a proof's key and
// a token's cnf.jkt have in common (RFC 9449, section 6.1). Key IDs and algorithms don't change it.
func (k *Key) Thumbprint() string {
	thumbprint, err := (&jose.JSONWebKey{Key: k.public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "" // newKey has let no such key through
	}
	return base64.RawURLEncoding.EncodeToString(thumbprint)
}
