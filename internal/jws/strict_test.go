package jws_test

import (
	"strings"
	"testing"
)

// Another parser may read another key in it.
func TestKeyThatIsNotStrictJSONIsNoKey(t *testing.T) {
	t.Parallel()
	const members = `"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	if parseKey([]byte("{"+members+"}")) == nil {
		t.Fatal("the key is refused for something else")
	}
	for _, more := range []string{
		`"alg":"EdDSA","alg":"EdDSA"`,
		`"z":1,"z":1`,
		`"z":"` + "\xff" + `"`,
		`"z":` + strings.Repeat("[", 16) + strings.Repeat("]", 16),
	} {
		if parseKey([]byte("{"+members+","+more+"}")) != nil {
			t.Errorf("taken with %q", more)
		}
	}
}
