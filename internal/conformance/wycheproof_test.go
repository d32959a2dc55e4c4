package conformance_test

import (
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
)

// A group is the vectors of one key.
type group struct {
	// In the files json_web_*: a JWK, or a JWK Set.
	Public  json.RawMessage `json:"public"` // absent when the key is symmetric
	Private json.RawMessage `json:"private"`

	// In the other files.
	PublicKeyPEM string          `json:"publicKeyPem"`
	PublicKeyJWK json.RawMessage `json:"publicKeyJwk"`
	KeyJWK       json.RawMessage `json:"keyJwk"` // the same, in the files rsa_signature_*

	Tests []vector `json:"tests"`
}

// A vector is one test case.
type vector struct {
	ID      int    `json:"tcId"`
	Comment string `json:"comment"`
	Result  string `json:"result"` // valid, invalid or acceptable

	// In the files json_web_*: a string, or an object in JSON serialization.
	JWS json.RawMessage `json:"jws"`
	JWE json.RawMessage `json:"jwe"`

	// In the other files.
	Msg hexBytes `json:"msg"`
	Sig hexBytes `json:"sig"`
}

// isValid takes "acceptable" for valid. Where we are stricter, exceptions says so.
func (v vector) isValid() bool { return v.Result != "invalid" }

type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

func groupsOf(t *testing.T, file string) []group {
	t.Helper()
	raw, err := fs.ReadFile(wycheproof.TestVectors, file+"_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var content struct {
		TestGroups []group `json:"testGroups"`
	}
	if err := json.Unmarshal(raw, &content); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return content.TestGroups
}

// A comparison sets what we say of a file's vectors against what was to be said.
type comparison struct {
	t          *testing.T
	file       string
	cases      int
	exceptions int // met so far
}

// compare fails the test when we are of another opinion and no exception says why,
// and also when one does without need.
func (c *comparison) compare(v vector, accepted, want bool) {
	c.t.Helper()
	c.cases++
	reason, isException := exceptions[c.file][v.ID]
	if isException {
		c.exceptions++
	}
	switch {
	case accepted != want && !isException:
		c.t.Errorf("%s, tcId %d (%s): accepted = %t, want %t", c.file, v.ID, v.Comment, accepted, want)
	case accepted == want && isException:
		c.t.Errorf("%s, tcId %d (%s): accepted = %t, as it should be; no longer an exception because %q",
			c.file, v.ID, v.Comment, accepted, reason)
	}
}

// finish fails the test when a vector has vanished, or an exception's has.
func (c *comparison) finish(cases int) {
	c.t.Helper()
	if c.cases != cases {
		c.t.Errorf("%s: ran %d cases, want %d", c.file, c.cases, cases)
	}
	if want := len(exceptions[c.file]); c.exceptions != want {
		c.t.Errorf("%s: met %d exceptions, want %d", c.file, c.exceptions, want)
	}
}
