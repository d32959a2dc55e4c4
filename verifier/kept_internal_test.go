package verifier

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// What a remembered token counts for is at least the memory it takes, and not much more for a
// typical one. It isn't parallel, since others would allocate.
func TestRememberedTokensCountForTheMemoryTheyTake(t *testing.T) {
	const n = 400
	for _, test := range []struct {
		name    string
		claims  func(i int) string
		header  int // bytes
		atMost  int // in all
		clients int
	}{
		{name: "typical", atMost: 1700 * n, claims: func(i int) string {
			return fmt.Sprintf(`"sub":"auth0|%036d","jti":"%036[1]d","sid":"%036[1]d","client_id":"%032d","azp":"%032[2]d",`+
				`"scope":"openid profile email offline_access orders:read orders:write","permissions":["orders:read","orders:write"],`+
				`"more":"%s"`, i, 7, strings.Repeat("x", 160))
		}},
		{name: "small", claims: func(i int) string { return fmt.Sprintf(`"sub":"%d"`, i) }},
		{name: "a client each", claims: func(i int) string { return fmt.Sprintf(`"client_id":"%d","scope":"a b c d e f"`, i) }},
		{name: "many scopes each", claims: func(i int) string {
			return fmt.Sprintf(`"scope":"%d %s"`, i, strings.Repeat("a ", 500))
		}},
		{name: "bound and delegated", claims: func(i int) string {
			return fmt.Sprintf(`"sub":"%d","act":{"sub":"%s"},"cnf":{"jkt":"%[2]s"}`, i, strings.Repeat("A", 43))
		}},
		{name: "a large header", header: 3000, claims: func(i int) string { return fmt.Sprintf(`"sub":"%d"`, i) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			index := newTokenIndex()
			m := &memory{keys: new(keys), cache: index.NewCache(100 * n)}
			rules := &claimRules{scopeClaim: "scope", permissionsClaim: "permissions"}
			if err := rules.compile("Config"); err != nil {
				t.Fatal(err)
			}
			key, counted, length := new(jws.Key), 0, 0
			before := heap()
			for i := range n {
				payload := `{"iss":"https://issuer.test","aud":["https://api.test","https://issuer.test/userinfo"],` +
					`"exp":4000000000,` + test.claims(i) + `}`
				claims, refusal := rules.read(payload, nil)
				if refusal != nil {
					t.Fatal(refusal)
				}
				token := strings.Repeat("h", max(test.header, 62)) + "." + jws.Encoding.EncodeToString([]byte(payload)) + "." +
					strings.Repeat("s", 342-43) + fmt.Sprintf("%043d", i)
				kept := m.remember(token, claims, jws256, key)
				length = len(token)
				counted += kept.get().bytes(token)
			}
			took := int(heap() - before)
			runtime.KeepAlive(m)
			t.Logf("%d bytes: takes %d, counts for %d", length, took/n, counted/n)
			if took > counted {
				t.Errorf("%d bytes were counted for a token that takes %d", counted/n, took/n)
			}
			if test.atMost > 0 && (took > test.atMost || counted > 2*took) {
				t.Errorf("a token takes %d bytes and counts for %d, want at most %d and twice as much", took/n, counted/n, test.atMost/n)
			}
		})
	}
}

var jws256 = jwks.ByKid("a")

// An issuer could change what its tokens share with each of them, and the keys it signs with in
// turn. What's kept to be shared then stays bounded, when the tokens are forgotten.
func TestProfilesOfForgottenTokensTakeLittle(t *testing.T) {
	const n = 200
	index := newTokenIndex()
	m := &memory{keys: new(keys), cache: index.NewCache(n)}
	rules := &claimRules{scopeClaim: "scope", permissionsClaim: "permissions"}
	if err := rules.compile("Config"); err != nil {
		t.Fatal(err)
	}
	key := new(jws.Key)
	before := heap()
	for i := range n {
		for j := range 64 {
			claims, refusal := rules.read(fmt.Sprintf(`{"iss":"i","scope":"%d-%d %s"}`, i, j, strings.Repeat("x", 650)), nil)
			if refusal != nil {
				t.Fatal(refusal)
			}
			token := fmt.Sprintf("h.%d.%d", i, j)
			m.remember(token, claims, jwks.ByKid(fmt.Sprint(i%8)), key)
			if j > 0 {
				m.cache.Remove(m.cache.Get(token))
			}
		}
	}
	if took := int(heap() - before); took > n*4<<10 {
		t.Errorf("%d tokens take %d bytes, more than 4 KiB each", n, took)
	}
	runtime.KeepAlive(m)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc) //nolint:gosec // it's small
}

// Claims that are kept for long hold no large header or signature.
func TestClaimsHoldLittleOfATokenBesideItsPayload(t *testing.T) {
	t.Parallel()
	rules := &claimRules{scopeClaim: "scope", permissionsClaim: "permissions"}
	if err := rules.compile("Config"); err != nil {
		t.Fatal(err)
	}
	const payload = `{"sub":"user"}`
	claims, refusal := rules.read(payload, nil)
	if refusal != nil {
		t.Fatal(refusal)
	}
	segment := jws.Encoding.EncodeToString([]byte(payload))
	for beside, wantEncoded := range map[int]bool{500: true, maxBeside: true, maxBeside + 1: false, 10_000: false} {
		token := strings.Repeat("h", beside/2-1) + "." + segment + "." + strings.Repeat("s", beside-beside/2-1)
		kept := claims.get().keep(token, new(profiles)).get()
		object, err := kept.object()
		if kept.isEncoded != wantEncoded || string(object) != payload || err != nil {
			t.Errorf("with %d bytes beside the payload, claims hold the token: %v, and decode to %s, %v",
				beside, kept.isEncoded, object, err)
		}
	}
}

// Tokens share a profile only if all of it is the same.
func TestProfilesThatDifferAreNotShared(t *testing.T) {
	t.Parallel()
	shared := new(profiles)
	full := profile{
		issuer: "i", acr: "a", clientID: "c", authorizedParty: "p", audience: []string{"d", "e"}, scopes: []string{"r", "w"},
		permissions: []string{"m", "n"}, hasScopes: true, hasPermissions: true, hasSCP: true,
	}
	for name, change := range map[string]func(p *profile){
		"issuer":             func(p *profile) { p.issuer = "" },
		"acr":                func(p *profile) { p.acr = "b" },
		"client_id":          func(p *profile) { p.clientID = "d" },
		"azp":                func(p *profile) { p.authorizedParty = "c" },
		"audience":           func(p *profile) { p.audience = []string{"d", "f"} },
		"order of audiences": func(p *profile) { p.audience = []string{"e", "d"} },
		"no audience":        func(p *profile) { p.audience = nil },
		"scope":              func(p *profile) { p.scopes = []string{"r", "x"} },
		"one scope less":     func(p *profile) { p.scopes = []string{"r"} },
		"one scope":          func(p *profile) { p.scopes = []string{"rw"} },
		"permission":         func(p *profile) { p.permissions = []string{"m", "o"} },
		"hasScopes":          func(p *profile) { p.hasScopes = false },
		"hasPermissions":     func(p *profile) { p.hasPermissions = false },
		"hasSCP":             func(p *profile) { p.hasSCP = false },
	} {
		one, other := full, full
		change(&other)
		if one.equals(&other) || other.equals(&one) || shared.find(&one) == shared.find(&other) {
			t.Errorf("profiles that differ in %s are taken for the same", name)
		}
		if again := full; shared.find(&again) == &again || !shared.find(&again).equals(&full) {
			t.Errorf("the profile that was found isn't a copy of the one that was read")
		}
	}
	first := full.clone()
	if got := shared.find(first); got != shared.find(&full) || got == first {
		t.Error("equal profiles are not shared")
	}
	none, empty := profile{}, profile{audience: []string{}, scopes: []string{}, permissions: []string{}}
	if none.equals(&empty) || shared.find(&empty).audience == nil || shared.find(&none).audience != nil {
		t.Error("an absent list is taken for an empty one")
	}
}
