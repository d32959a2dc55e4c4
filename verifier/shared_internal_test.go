package verifier

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"
)

// A registry resolves any issuer that key a signs for, until its answer changes.
type registry struct {
	mu        sync.Mutex
	audience  string
	isUnknown bool
}

func (r *registry) resolve(_ context.Context, issuer string) (Config, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isUnknown {
		return Config{}, ErrUnknownIssuer
	}
	x, _ := signedByA("")
	return Config{
		Issuer: issuer, Audiences: []string{r.audience}, Algorithms: []string{"EdDSA"},
		JWKS: []byte(`{"keys":[{"kid":"a","kty":"OKP","crv":"Ed25519","x":"` + x + `"}]}`),
	}, nil
}

func (r *registry) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// dynamicOf returns a Dynamic with room for one tenant.
func dynamicOf(t *testing.T) (*Dynamic, *registry) {
	t.Helper()
	r := &registry{audience: "api"}
	d, err := NewDynamic(DynamicConfig{Capacity: 1, Resolve: r.resolve})
	if err != nil {
		t.Fatal(err)
	}
	return d, r
}

func mustVerify(t *testing.T, d *Dynamic, token string) *Claims {
	t.Helper()
	claims, err := d.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// leaveTenant has a token of a.test remembered, and returns the tenant's verifier when the tenant
// has left, or has another configuration.
func leaveTenant(t *testing.T, how string) (d *Dynamic, token string, v *Verifier, held remembered) {
	t.Helper()
	_, a := signedByA("https://a.test")
	_, b := signedByA("https://b.test")
	d, r := dynamicOf(t)
	mustVerify(t, d, a)
	entry := d.index.Get(a)
	if entry == nil {
		t.Fatal("there is no token to lose")
	}
	v = d.held()[0]
	switch how {
	case "forgotten":
		d.Forget("https://a.test")
	case "evicted":
		mustVerify(t, d, b)
	case "replaced":
		r.change(func() { r.audience = "another" })
	case "removed":
		r.change(func() { r.isUnknown = true })
	}
	if how == "replaced" || how == "removed" {
		time.Sleep(tenantTTL)
		if _, err := d.Verify(t.Context(), a); err == nil {
			t.Error("the token is still accepted")
		}
		synctest.Wait()
	}
	return d, a, v, entry.Value
}

// The tokens of a tenant that is gone would take the memory of a configuration that's gone.
func TestTokensLeaveWithTheirTenant(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"forgotten", "evicted", "replaced", "removed"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d, token, v, held := leaveTenant(t, how)
				if d.index.Get(token) != nil {
					t.Error("the token is held")
				}
				// A call may have found the tenant before it left, and remember its token after.
				v.remember(token, held.claims, held.signer.name, held.signer.key)
				if d.index.Get(token) != nil {
					t.Error("a token is held that came late")
				}
				if v.holder.inUse(&v.memory, time.Now()) {
					t.Error("a token would be accepted")
				}
			})
		})
	}
}

func TestATenantThatIsForgottenLeavesMemory(t *testing.T) {
	t.Parallel()
	d, _ := dynamicOf(t)
	_, token := signedByA("https://a.test")
	mustVerify(t, d, token)
	v := weak.Make(d.held()[0])
	d.Forget("https://a.test")
	for deadline := time.Now().Add(20 * time.Second); v.Value() != nil; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("its verifier is still in memory")
		}
	}
	runtime.KeepAlive(d)
}

// Only what was verified is remembered, and only once its issuer is a tenant.
func TestRefusedTokensAreNotRemembered(t *testing.T) {
	t.Parallel()
	d, r := dynamicOf(t)
	_, good := signedByA("https://a.test")
	for _, isTenant := range []bool{false, true} {
		if isTenant {
			mustVerify(t, d, good)
		}
		forged := good[:len(good)-20] + strings.Repeat("A", 20)
		if _, err := d.Verify(t.Context(), forged); err == nil {
			t.Error("a forged token is accepted")
		}
		if d.index.Get(forged) != nil {
			t.Error("a forged token is held")
		}
	}
	r.change(func() { r.audience = "another" })
	_, other := signedByA("https://b.test")
	if _, err := d.Verify(t.Context(), other); CodeOf(err) != CodeInvalidAudience || d.index.Get(other) != nil {
		t.Errorf("Verify: %v; want a token for another audience refused, and not held", err)
	}
	if d.index.Get(good) == nil {
		t.Error("a stranger's token has evicted a tenant's")
	}
}

// It was pushed out, or forgotten, while its first token was verified. Forget couldn't reach it.
func TestATokenIsNotRememberedForOneThatIsNoTenant(t *testing.T) {
	t.Parallel()
	d, r := dynamicOf(t)
	_, token := signedByA("https://a.test")
	r.change(func() { r.audience = "another" })
	_, _ = d.Verify(t.Context(), token) // a stranger, so far
	stranger, v, err := d.find(t.Context(), "https://a.test")
	if err != nil {
		t.Fatal(err)
	}
	d.Forget("https://a.test")
	if d.admit(stranger, v) {
		t.Error("a forgotten stranger has become a tenant")
	}
	if v.holder.inUse(&v.memory, time.Now()) {
		t.Error("what it accepted would be used")
	}
}

// Cores would wait for each other.
func TestARememberedTokenNeedsNoMutex(t *testing.T) {
	t.Parallel()
	d, _ := dynamicOf(t)
	_, token := signedByA("https://a.test")
	claims := mustVerify(t, d, token)
	d.mu.Lock()
	defer d.mu.Unlock()
	done := make(chan bool)
	go func() {
		again, _ := d.Verify(context.Background(), token)
		done <- again == claims
	}()
	select {
	case isSame := <-done:
		if !isSame {
			t.Error("the token was verified again")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the call waits for the mutex")
	}
}

func TestATokenBelongsToTheIssuerThatAcceptedIt(t *testing.T) {
	t.Parallel()
	r := &registry{audience: "api"}
	a, _ := r.resolve(t.Context(), "https://a.test")
	b, _ := r.resolve(t.Context(), "https://b.test") // its keys are the same
	m, err := NewMulti(a, b)
	if err != nil {
		t.Fatal(err)
	}
	_, token := signedByA("https://a.test")
	if _, err := m.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if claims, ok := m.byIssuer["https://b.test"].recall(token); ok {
		t.Errorf("the other issuer's verifier recalls it: %v", claims.Issuer())
	}
	if claims, ok := recallAny(m.index, token); !ok || claims.Issuer() != "https://a.test" {
		t.Errorf("recall: %v, %t, want the claims from a.test", claims, ok)
	}
}
