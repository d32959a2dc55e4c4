//go:build go1.27

package jws_test

import (
	"crypto"
	"crypto/mldsa"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// RFC 9964: a key fits the algorithm that it names, and no other.
func TestMLDSAKeysFitTheAlgorithmTheyName(t *testing.T) {
	t.Parallel()
	for name, parameters := range map[string]mldsa.Parameters{
		"ML-DSA-44": mldsa.MLDSA44(), "ML-DSA-65": mldsa.MLDSA65(), "ML-DSA-87": mldsa.MLDSA87(),
	} {
		private, err := mldsa.GenerateKey(parameters)
		if err != nil {
			t.Fatal(err)
		}
		text := jwk(t, jose.JSONWebKey{Key: private.PublicKey(), Algorithm: name, KeyID: "a"})
		key := parseKey(text)
		if key == nil {
			t.Fatalf("%s: the key is refused", name)
		}
		signature, err := private.Sign(nil, []byte("signed"), crypto.Hash(0))
		if err != nil {
			t.Fatal(err)
		}
		for _, alg := range []string{"ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "EdDSA", "ES256"} {
			if got := key.Verify(alg, "signed", signature); got != (alg == name) {
				t.Errorf("%s as %s: Verify = %v", name, alg, got)
			}
		}
		signature[7] ^= 1
		if key.Verify(name, "signed", signature) {
			t.Errorf("%s: a bad signature is good", name)
		}
		for what, broken := range map[string]string{
			"without alg":       strings.Replace(string(text), fmt.Sprintf(`"alg":%q`, name), `"x":"y"`, 1),
			"with another alg":  strings.Replace(string(text), name, "EdDSA", 1),
			"with its private":  `{"priv":"AAAA",` + string(text)[1:],
			"of another length": strings.Replace(string(text), `"pub":"`, `"pub":"AAAA`, 1),
		} {
			if parseKey([]byte(broken)) != nil {
				t.Errorf("%s %s: the key is taken", name, what)
			}
		}
		if !jws.IsAlgorithm(name) {
			t.Errorf("IsAlgorithm(%q) is false", name)
		}
	}
}
