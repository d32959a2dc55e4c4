package verifier

import (
	"context"
	"testing"
)

// dynamicOf returns the verifier of any issuer that key a signs for.
func dynamicOf(t *testing.T, capacity int) *Dynamic {
	t.Helper()
	x, _ := signedByA("")
	d, err := NewDynamic(DynamicConfig{Capacity: capacity, Resolve: func(_ context.Context, issuer string) (Config, error) {
		return Config{
			Issuer: issuer, Audiences: []string{"api"}, Algorithms: []string{"EdDSA"},
			JWKS: []byte(`{"keys":[{"kid":"a","kty":"OKP","crv":"Ed25519","x":"` + x + `"}]}`),
		}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustVerify(t *testing.T, d *Dynamic, token string) {
	t.Helper()
	if _, err := d.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

// What's left of a tenant would keep its verifier alive, with all its remembered tokens.
func TestTenantThatLeavesTakesItsHintsAlong(t *testing.T) {
	t.Parallel()
	_, a := signedByA("https://a.test")
	_, b := signedByA("https://b.test")
	for how, leave := range map[string]func(d *Dynamic){
		"forgotten": func(d *Dynamic) { d.Forget("https://a.test") },
		"evicted":   func(d *Dynamic) { mustVerify(t, d, b) },
	} {
		d := dynamicOf(t, 1)
		mustVerify(t, d, a)
		tenant := d.hints.get(a)
		if tenant == nil || tenant.current() == nil {
			t.Fatal("there is no hint to lose")
		}
		leave(d)
		for i := range d.hints.slots {
			if d.hints.slots[i].Load() == tenant {
				t.Errorf("%s: a hint is left", how)
			}
		}
	}
}

// A call may have found the tenant before it left, and leave a hint after.
func TestHintToATenantThatLeftIsNotFollowed(t *testing.T) {
	t.Parallel()
	_, token := signedByA("https://a.test")
	d := dynamicOf(t, 1)
	mustVerify(t, d, token)
	tenant := d.hints.get(token)
	d.Forget("https://a.test")
	d.hints.put(token, tenant)
	if tenant.current() != nil {
		t.Error("the tenant is still used")
	}
	mustVerify(t, d, token)
	if d.hints.get(token) == tenant {
		t.Error("the token was accepted by the tenant that left")
	}
}
