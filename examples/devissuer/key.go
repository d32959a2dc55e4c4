package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// signingKey returns the key in the file, or a new one, which it writes there. It also fills in
// the algorithm.
func signingKey(o *options) (crypto.Signer, error) {
	if o.keyFile != "" {
		text, err := os.ReadFile(o.keyFile) //nolint:gosec // whose name is the developer's
		if err == nil {
			return readKey(text, o)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if o.algorithm == "" {
		o.algorithm = "RS256"
	}
	key, err := newKey(o.algorithm)
	if err != nil || o.keyFile == "" {
		return key, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return key, os.WriteFile(o.keyFile, text, 0o600) //nolint:gosec // as above
}

// readKey reads PKCS #8 in PEM.
func readKey(text []byte, o *options) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s isn't PEM", o.keyFile)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.keyFile, err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the key in %s can't sign", o.keyFile)
	}
	fitting := algorithmsFor(key.Public())
	if len(fitting) == 0 {
		return nil, fmt.Errorf("the key in %s is for no algorithm, or has fewer than 2048 bits", o.keyFile)
	}
	if o.algorithm == "" {
		o.algorithm = fitting[0]
	}
	if !slices.Contains(fitting, o.algorithm) {
		return nil, fmt.Errorf("the key in %s isn't for -alg %s, but for %s", o.keyFile, o.algorithm,
			strings.Join(fitting, ", "))
	}
	return key, nil
}

func algorithmsFor(public crypto.PublicKey) []string {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() >= 2048 && public.N.BitLen() <= 4096 {
			return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
		}
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return []string{"ES256"}
		case elliptic.P384():
			return []string{"ES384"}
		case elliptic.P521():
			return []string{"ES512"}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA", "Ed25519"}
	}
	return nil
}

func newKey(algorithm string) (crypto.Signer, error) {
	switch algorithm {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA", "Ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	default:
		return nil, fmt.Errorf("-alg %q is unknown, want RS256, PS256, ES256, EdDSA or the like", algorithm)
	}
}
