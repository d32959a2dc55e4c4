package conformance_test

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

var algorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
}

func TestKeysAgreeWithWycheproofOnSignatures(t *testing.T) {
	totals := make(map[string]int)
	for _, tt := range []struct {
		file, alg string
		cases     int
	}{
		{"ecdsa_secp256r1_sha256_p1363", "ES256", 262},
		{"ecdsa_secp384r1_sha384_p1363", "ES384", 280},
		{"ecdsa_secp521r1_sha512_p1363", "ES512", 318},
		{"ed25519", "EdDSA", 151},
		{"ed25519", "Ed25519", 151},
		{"rsa_signature_2048_sha256", "RS256", 259},
		{"rsa_signature_2048_sha384", "RS384", 258},
		{"rsa_signature_2048_sha512", "RS512", 259},
		{"rsa_signature_3072_sha256", "RS256", 259},
		{"rsa_signature_3072_sha384", "RS384", 259},
		{"rsa_signature_3072_sha512", "RS512", 260},
		{"rsa_signature_4096_sha256", "RS256", 258},
		{"rsa_signature_4096_sha384", "RS384", 259},
		{"rsa_signature_4096_sha512", "RS512", 259},
		{"rsa_pss_2048_sha256_mgf1_32", "PS256", 108},
		{"rsa_pss_2048_sha384_mgf1_48", "PS384", 141},
		{"rsa_pss_3072_sha256_mgf1_32", "PS256", 108},
		{"rsa_pss_4096_sha256_mgf1_32", "PS256", 108},
		{"rsa_pss_4096_sha384_mgf1_48", "PS384", 141},
		{"rsa_pss_4096_sha512_mgf1_64", "PS512", 179},
	} {
		t.Run(tt.file+"/"+tt.alg, func(t *testing.T) {
			c := comparison{t: t, file: tt.file}
			for _, g := range groupsOf(t, tt.file) {
				key := g.key(t)
				for _, v := range g.Tests {
					c.compare(v, key.Verify(tt.alg, string(v.Msg), v.Sig), v.isValid())
				}
			}
			c.finish(tt.cases)
			totals[tt.alg[:2]] += c.cases
		})
	}
	// What is in the list of files, too, must not become less.
	for alg, want := range map[string]int{"ES": 860, "Ed": 2 * 151, "RS": 2330, "PS": 785} {
		if totals[alg] != want {
			t.Errorf("%s: ran %d cases in all, want %d", alg, totals[alg], want)
		}
	}
}

// Signatures that are valid elsewhere are none in a JWS: ECDSA in DER, and whatever
// has a hash, a mask hash or a salt length other than those of RFC 7518.
//
// RS256, RS384 and RS512 are left out: the PSS files hold signatures of theirs, which
// are good ones, as examples of the wrong scheme.
func TestSignaturesOfOtherKindsAreRefused(t *testing.T) {
	tried := []string{"PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}
	for _, tt := range []struct {
		file  string
		cases int
	}{
		{"ecdsa_secp256r1_sha256", 484},
		{"ecdsa_secp384r1_sha384", 504},
		{"ecdsa_secp521r1_sha512", 542},
		{"ecdsa_secp256r1_sha512_p1363", 332},
		{"ecdsa_secp256r1_shake128_p1363", 258},
		{"ecdsa_secp384r1_sha512_p1363", 318},
		{"ecdsa_secp384r1_shake256_p1363", 314},
		{"ecdsa_secp521r1_shake256_p1363", 314},
		{"rsa_pss_2048_sha1_mgf1_20", 88},
		{"rsa_pss_2048_sha256_mgf1_0", 103},
		{"rsa_pss_2048_sha256_mgf1sha1_20", 108},
		{"rsa_pss_2048_sha512_224_mgf1_28", 100},
		{"rsa_pss_2048_sha512_256_mgf1_32", 115},
		{"rsa_pss_2048_shake128", 114},
		{"rsa_pss_2048_shake256", 184},
		{"rsa_pss_4096_sha512_mgf1_32", 177},
		{"rsa_pss_misc", 150},
	} {
		t.Run(tt.file, func(t *testing.T) {
			c := comparison{t: t, file: tt.file}
			for _, g := range groupsOf(t, tt.file) {
				key := g.key(t)
				for _, v := range g.Tests {
					accepted := slices.ContainsFunc(tried, func(alg string) bool {
						return key.Verify(alg, string(v.Msg), v.Sig)
					})
					c.compare(v, accepted, false)
				}
			}
			c.finish(tt.cases)
		})
	}
}

// A curve belongs to its algorithm (RFC 7518, section 3.4). These are good signatures
// by SHA-512 on smaller curves, brought to the length of ES512.
func TestSignaturesOfSmallerCurvesAreNoES512(t *testing.T) {
	for _, tt := range []struct {
		file  string
		cases int
	}{
		{"ecdsa_secp256r1_sha512_p1363", 242},
		{"ecdsa_secp384r1_sha512_p1363", 230},
	} {
		cases := 0
		for _, g := range groupsOf(t, tt.file) {
			key := g.key(t)
			for _, v := range g.Tests {
				if !v.isValid() {
					continue
				}
				cases++
				padding := make([]byte, 66-len(v.Sig)/2)
				r, s := v.Sig[:len(v.Sig)/2], v.Sig[len(v.Sig)/2:]
				if key.Verify("ES512", string(v.Msg), slices.Concat(padding, r, padding, s)) {
					t.Errorf("%s, tcId %d (%s): a good ES512 signature", tt.file, v.ID, v.Comment)
				}
			}
		}
		if cases != tt.cases {
			t.Errorf("%s: ran %d cases, want %d", tt.file, cases, tt.cases)
		}
	}
}

func TestKeysAbove4096BitsAreRefused(t *testing.T) {
	for _, file := range []string{
		"rsa_signature_8192_sha256", "rsa_signature_8192_sha384", "rsa_signature_8192_sha512",
	} {
		groups := groupsOf(t, file)
		if len(groups) != 1 {
			t.Errorf("%s: %d groups, want 1", file, len(groups))
		}
		for _, g := range groups {
			if parseKey(g.KeyJWK) != nil {
				t.Errorf("%s: Key took a key of 8192 bits", file)
			}
		}
	}
}

// key returns the group's key: of its JWK if it has one, which must be the same as
// that of the PEM, which every group has.
func (g group) key(t *testing.T) *jws.Key {
	t.Helper()
	block, _ := pem.Decode([]byte(g.PublicKeyPEM))
	if block == nil {
		t.Fatal("not a PEM block")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := jose.JSONWebKey{Key: public}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	key := mustParseKey(t, string(jwk))
	given := slices.Concat(g.PublicKeyJWK, g.KeyJWK) // never both
	if given == nil {
		return key
	}
	named := mustParseKey(t, string(given))
	if !named.Equal(key) {
		t.Fatalf("the JWK is not the key of the PEM: %s", given)
	}
	return named
}
