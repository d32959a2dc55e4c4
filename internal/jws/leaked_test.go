package jws

import (
	"encoding/json"
	"os"
	"testing"
)

// The public halves, each under the name of its package as kid.
func TestEveryLeakedKeyIsKnownByItsPackage(t *testing.T) {
	text, err := os.ReadFile("testdata/leaked.json")
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	seen := make(map[JWK]bool)
	for _, text := range set.Keys {
		listed := ReadJWK(string(text))
		key, err := listed.Key()
		if err != nil {
			t.Errorf("the key of %s is unusable anyway: %v", listed.Kid, err)
			continue
		}
		if got := key.LeakedIn(); got != listed.Kid {
			t.Errorf("the key of %s is said to be in %q", listed.Kid, got)
		}
		seen[listed] = true
	}
	if len(seen) != len(leaked) {
		t.Errorf("%d keys were tried, and the table has %d", len(seen), len(leaked))
	}
}

func TestKeyOfNoPackageIsNotLeaked(t *testing.T) {
	listed := ReadJWK(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)
	key, err := listed.Key()
	if err != nil {
		t.Fatal(err)
	}
	if got := key.LeakedIn(); got != "" {
		t.Errorf("the key is said to be in %q", got)
	}
}
