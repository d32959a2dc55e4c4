package verifiertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

type signingKey struct {
	alg, kid string
	signer   crypto.Signer
}

func newSigningKey(alg string, rotation int) signingKey {
	key := signingKey{alg: alg, kid: fmt.Sprintf("%s-%d", alg, rotation)}
	var err error
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		key.signer, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		key.signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		key.signer, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		key.signer, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA", "Ed25519":
		_, key.signer, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("unknown algorithm %q", alg)
	}
	if err != nil {
		panic("verifiertest: " + err.Error())
	}
	return key
}

// thumbprint returns a kid that says which key it is (RFC 7638).
func thumbprint(key crypto.Signer) string {
	sum, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		panic("verifiertest: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// fits reports whether a verifier would use the key for alg.
func fits(alg string, key crypto.Signer) bool {
	text, err := json.Marshal(jose.JSONWebKey{Key: key.Public()})
	if err != nil {
		return false
	}
	jwk := jws.ReadJWK(string(text))
	public, err := jwk.Key()
	return err == nil && public.Fits(alg)
}

// sign returns a JWS signature (RFC 7518, section 3; RFC 8037, section 3.1).
func sign(alg string, signer crypto.Signer, signed string) []byte {
	var signature []byte
	var err error
	switch key := signer.(type) {
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, key, digest(hashOf(alg), signed))
		if err = signErr; err == nil {
			size := (key.Params().BitSize + 7) / 8
			signature = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		}
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(signed))
	default:
		hash := hashOf(alg)
		var options crypto.SignerOpts = hash
		if alg[0] == 'P' {
			options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
		}
		signature, err = signer.Sign(rand.Reader, digest(hash, signed), options)
	}
	if err != nil {
		panic("verifiertest: " + err.Error())
	}
	return signature
}

func hashOf(alg string) crypto.Hash {
	switch alg[len(alg)-3:] {
	case "384":
		return crypto.SHA384
	case "512":
		return crypto.SHA512
	default:
		return crypto.SHA256
	}
}

func digest(hash crypto.Hash, signed string) []byte {
	h := hash.New()
	h.Write([]byte(signed))
	return h.Sum(nil)
}
