package conformance_test

import "testing"

const (
	notClaims   = "an access token without a payload is malformed"
	otherAlg    = "the JWK names another alg than the header; json_web_key, tcId 19 and 20, call that invalid"
	roca        = "keys of the ROCA kind (CVE-2017-15361) are not looked for"
	missingNull = "acceptable, says Wycheproof; RFC 8017, section 9.2, has the NULL, and crypto/rsa insists on it"
	properPSS   = "hash, mask hash and salt length happen to be those of RFC 7518, section 3.5"
)

// exceptions are the vectors about which we are of another opinion, by file and
// tcId, each with its reason. There are no others.
//
// Vectors of symmetric keys are all refused, whatever they say. Among them are four
// that lost what they are about when they were written down: json_web_signature, 367,
// 370, 372 and 373.
var exceptions = map[string]map[int]string{
	"json_web_signature": {
		259: notClaims, 264: notClaims, 268: notClaims, 272: notClaims, 320: notClaims, 325: notClaims,
		346: otherAlg, 347: otherAlg, 350: otherAlg, 351: otherAlg, // RFC 7520; see also rfc_test.go
	},
	"json_web_key":    {7: roca},
	"json_web_crypto": {46: roca},

	"rsa_signature_2048_sha256": {8: missingNull},
	"rsa_signature_2048_sha384": {8: missingNull},
	"rsa_signature_2048_sha512": {8: missingNull},
	"rsa_signature_3072_sha256": {8: missingNull},
	"rsa_signature_3072_sha384": {8: missingNull},
	"rsa_signature_3072_sha512": {8: missingNull},
	"rsa_signature_4096_sha256": {8: missingNull},
	"rsa_signature_4096_sha384": {8: missingNull},
	"rsa_signature_4096_sha512": {8: missingNull},

	// Of the signatures that are not meant for a JWS, these are fit for one.
	"rsa_pss_2048_sha256_mgf1_0": {69: properPSS},
	"rsa_pss_misc":               {76: properPSS, 113: properPSS, 150: properPSS},
}

// An exception that no vector answers to would be a mistake that nobody meets.
func TestEveryExceptionIsAVector(t *testing.T) {
	for file, reasons := range exceptions {
		found := 0
		for _, g := range groupsOf(t, file) {
			for _, v := range g.Tests {
				if reasons[v.ID] != "" {
					found++
				}
			}
		}
		if found != len(reasons) {
			t.Errorf("%s: %d of %d exceptions are vectors, each with a reason", file, found, len(reasons))
		}
	}
}
