package introspection

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// assertionLife is how long an assertion is valid. It's sent at once, and clocks may differ.
const assertionLife = time.Minute

// PrivateKeyJWT authenticates with an assertion signed by a private key, a new one for each
// request (private_key_jwt, RFC 7523, section 2.2). Its audience is Config.Issuer alone, so no
// other authorization server accepts it. ClientID and Key are required.
type PrivateKeyJWT struct {
	ClientID string

	// Key signs. It may be an [*rsa.PrivateKey], an [*ecdsa.PrivateKey], an [ed25519.PrivateKey],
	// or a signer elsewhere, which may take FetchTimeout at most. It must be safe for
	// concurrent use.
	Key crypto.Signer

	// KeyID is the kid under which the authorization server knows the key. It may be empty.
	KeyID string

	// Algorithm is a JWS name. The default is RS256, ES256, ES384, ES512 or EdDSA, as the key is.
	Algorithm string
}

func (c PrivateKeyJWT) prepare(issuer string) (authentication, error) {
	if c.ClientID == "" || c.Key == nil {
		return nil, errors.New("Config.Client needs a ClientID and a Key")
	}
	alg := c.Algorithm
	if alg == "" {
		alg = defaultAlgorithm(c.Key.Public())
	}
	if !jws.IsAlgorithm(alg) {
		return nil, fmt.Errorf("Config.Client: %q is not the name of an asymmetric JWS algorithm", alg)
	}
	key := jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: cryptosigner.Opaque(shortSalt{c.Key})}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if c.KeyID != "" {
		options.WithHeader("kid", c.KeyID)
	}
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		return nil, fmt.Errorf("Config.Client: the Key can't sign with %s: %w", alg, err)
	}
	return func(_ context.Context, p *jwks.Post) error {
		assertion, err := assert(signer, c.ClientID, issuer)
		if err != nil {
			return fmt.Errorf("PrivateKeyJWT: %w", err)
		}
		p.Form.Set("client_id", c.ClientID)
		p.Form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		p.Form.Set("client_assertion", assertion)
		return nil
	}, nil
}

// shortSalt has a PSS signature's salt be as long as the hash (RFC 7518, section 3.5). go-jose leaves
// the length to the key, and strict servers refuse the result.
type shortSalt struct{ crypto.Signer }

func (s shortSalt) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, ok := opts.(*rsa.PSSOptions); ok {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: opts.HashFunc()}
	}
	return s.Signer.Sign(random, digest, opts)
}

func (c PrivateKeyJWT) clientID() string { return c.ClientID }

// defaultAlgorithm returns "" for a key of another kind.
func defaultAlgorithm(key crypto.PublicKey) string {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return "RS256"
	case *ecdsa.PublicKey:
		return map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[key.Params().BitSize]
	case ed25519.PublicKey:
		return "EdDSA"
	default:
		return ""
	}
}

// assert signs an assertion (RFC 7523, section 3).
func assert(signer jose.Signer, clientID, issuer string) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": clientID, "sub": clientID, "aud": issuer, "jti": strings.ToLower(rand.Text()),
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
