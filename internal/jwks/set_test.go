package jwks

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// The keys of RFC 8032, section 7.1, tests 1 and 2, and others that are no good.
const (
	ed1 = `"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	ed2 = `"kty":"OKP","crv":"Ed25519","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"`

	offCurve  = `"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`
	encrypted = ed2 + `,"use":"enc"`
	private   = ed2 + `,"d":"AA"`
)

// entry writes a key under a name, if it has one.
func entry(kid, members string) string {
	if kid == "" {
		return "{" + members + "}"
	}
	return fmt.Sprintf(`{"kid":%q,%s}`, kid, members)
}

func document(entries ...string) []byte {
	return []byte(`{"keys":[` + strings.Join(entries, ",") + `]}`)
}

const issuer = "https://issuer.test"

func parse(entries ...string) (*Set, error) { return ParseSet(document(entries...), issuer) }

func mustParseSet(t testing.TB, entries ...string) *Set {
	t.Helper()
	set, err := parse(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestSetSaysWhyItHasNoKey(t *testing.T) {
	t.Parallel()
	many := slices.Repeat([]string{entry("many", ed1)}, 17)
	set := mustParseSet(t, append(many,
		entry("good", ed1), entry("twice", ed1), entry("twice", ed1),
		entry("both", ed1), entry("both", `"kty":"OKP","crv":"Ed25519","x":"_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU"`),
		entry("broken", offCurve), entry("enc", encrypted), entry("secret", `"kty":"oct","k":"AA"`),
		entry("short", `"kty":"RSA","n":"`+strings.Repeat("_", 171)+`","e":"AQAB"`),
		entry("", ed1+`,"x5t":"print"`), entry("kid-print", ed1),
	)...)
	for _, test := range []struct {
		name Name
		alg  string
		want string // "": there is a key
	}{
		{ByKid("good"), "EdDSA", ""},
		{ByKid("good"), "Ed25519", ""},
		{ByKid("twice"), "EdDSA", ""},
		{ByThumbprint("print"), "EdDSA", ""},
		{ByThumbprint("kid-print"), "EdDSA", ""},
		{ByKid("print"), "EdDSA", ErrNotListed.Error()},
		{ByKid("GOOD"), "EdDSA", ErrNotListed.Error()},
		{ByThumbprint("other"), "EdDSA", ErrNotListed.Error()},
		{ByAlgorithm("RS512"), "RS512", "the issuer lists the key, but it's unusable: it's shorter than 2048 bits"},
		{ByAlgorithm("ES384"), "ES384", ErrNotListed.Error()},
		{ByAlgorithm("EdDSA"), "EdDSA", ErrUnnamed.Error()},
		{ByKid("both"), "EdDSA", ErrAmbiguous.Error()},
		{ByKid("many"), "EdDSA", "the issuer lists 17 keys with that kid, which is too many"},
		{ByKid("good"), "ES256", "the issuer lists the key, but it's unusable: it's for another algorithm"},
		{ByKid("broken"), "ES256", "the issuer lists the key, but it's unusable: it can't be decoded"},
		{ByKid("enc"), "EdDSA", "the issuer lists the key, but it's unusable: it's not for signatures (use)"},
		{ByKid("secret"), "EdDSA", "the issuer lists the key, but it's unusable: it's a shared secret"},
		{ByKid("short"), "RS256", "the issuer lists the key, but it's unusable: it's shorter than 2048 bits"},
	} {
		key := set.Key(test.name, test.alg)
		if (key != nil) != (test.want == "") {
			t.Errorf("%v for %s: key = %v", test.name, test.alg, key)
		}
		if test.want == "" {
			continue
		}
		if got := set.Why(test.name, test.alg).Error(); got != test.want {
			t.Errorf("%v for %s: %q, want %q", test.name, test.alg, got, test.want)
		}
		if isListed := test.want != ErrNotListed.Error(); set.Has(test.name) != isListed {
			t.Errorf("%v for %s: Has = %v, want %v", test.name, test.alg, !isListed, isListed)
		}
	}
	if got, want := [2]int{set.Len(), set.Usable()}, [2]int{28, 26}; got != want {
		t.Errorf("%d keys, of them usable %d; want %d and %d", got[0], got[1], want[0], want[1])
	}
}

// Holds is asked each time a remembered token is used, and must find the very object.
func TestSetHoldsOnlyTheKeyThatItReturned(t *testing.T) {
	t.Parallel()
	set := mustParseSet(t, entry("a", ed1), entry("b", ed2))
	key := set.Key(ByKid("a"), "EdDSA")
	same := mustParseSet(t, entry("a", ed1)).Key(ByKid("a"), "EdDSA")
	if !set.Holds(ByKid("a"), key) || set.Key(ByKid("a"), "EdDSA") != key {
		t.Error("the key isn't held")
	}
	if set.Holds(ByKid("b"), key) || set.Holds(ByThumbprint("a"), key) || set.Holds(ByAlgorithm("EdDSA"), key) || set.Holds(ByKid("a"), same) {
		t.Error("a key is held under a name that it wasn't found by")
	}
}

// WSO2 writes n with a leading zero, and other issuers e in four bytes.
func TestPublishedPrivateKeyIsKnownHoweverItIsSpelled(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	spell := func(n []byte, e string) string {
		return fmt.Sprintf(`"kty":"RSA","n":%q,"e":%q`, encode(n), e)
	}
	plain, zero := spell(key.N.Bytes(), "AQAB"), spell(append([]byte{0}, key.N.Bytes()...), "AQAB")
	for name, spelled := range map[string][2]string{
		"alike":                 {plain, plain},
		"a zero in the private": {plain, zero},
		"a zero in the public":  {zero, plain},
		"e in four bytes":       {plain, spell(key.N.Bytes(), "AAEAAQ")},
	} {
		set := mustParseSet(t, entry("public", spelled[0]), entry("private", spelled[1]+`,"d":"AA"`), entry("good", ed1))
		if set.Key(ByKid("public"), "RS256") != nil {
			t.Errorf("%s: the public twin verifies", name)
		}
	}
	if mustParseSet(t, entry("public", zero)).Key(ByKid("public"), "RS256") == nil {
		t.Error("a key with a leading zero doesn't verify")
	}
}

func TestPublishedPrivateKeysSpoilTheirTwins(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]string{
		"beside it":        {entry("a", ed2), entry("b", private)},
		"before it":        {entry("b", private), entry("a", ed2)},
		"under its kid":    {entry("a", ed2), entry("a", private)},
		"without a kid":    {entry("a", ed2), entry("", private)},
		"for another use":  {entry("a", ed2), entry("b", private+`,"use":"enc"`)},
		"of another order": {entry("a", ed2), entry("b", `"d":"AA","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw","crv":"Ed25519","kty":"OKP"`)},
	} {
		set := mustParseSet(t, append(entries, entry("good", ed1))...)
		if set.Key(ByKid("a"), "EdDSA") != nil {
			t.Errorf("%s: its public twin verifies", name)
		}
		if set.Key(ByKid("good"), "EdDSA") == nil {
			t.Errorf("%s: another key doesn't verify", name)
		}
	}
}

// To decode a point off its curve takes as long as to check a signature, so the search for a
// good key tries no more than 64.
func TestSearchForAUsableKeyIsGivenUp(t *testing.T) {
	t.Parallel()
	broken := func(n int) []string {
		var all []string
		for i := range n {
			all = append(all, entry(fmt.Sprint(i), offCurve))
		}
		return all
	}
	if _, err := parse(append(broken(63), entry("good", ed1))...); err != nil {
		t.Errorf("63 broken keys before a good one: %v", err)
	}
	if _, err := parse(append(broken(64), entry("good", ed1))...); err == nil || !strings.Contains(err.Error(), "can't be decoded") {
		t.Errorf("64 broken keys before a good one: %v, want an error", err)
	}
	if _, err := parse(append([]string{entry("good", ed1)}, broken(4095)...)...); err != nil {
		t.Errorf("4095 broken keys after a good one: %v", err)
	}
	// Keys that call themselves unfit cost nothing.
	var unfit []string
	for i := range 4095 {
		unfit = append(unfit, entry(fmt.Sprint(i), encrypted))
	}
	if _, err := parse(append(unfit, entry("good", ed1))...); err != nil {
		t.Errorf("4095 keys for encryption before a good one: %v", err)
	}
}

// A whole document full costs what it costs to read it.
func TestHostileSetCostsLittle(t *testing.T) {
	cost := func(entries []string) uint64 {
		text := document(entries...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = ParseSet(text, issuer)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	var broken, unfit []string
	for i := range 4095 {
		broken = append(broken, entry(fmt.Sprint(i), offCurve))
		unfit = append(unfit, entry(fmt.Sprint(i), offCurve+`,"use":"enc"`))
	}
	if hostile, plain := cost(broken), cost(unfit); hostile > 2*plain {
		t.Errorf("4095 points off their curve cost %d bytes, want no more than twice the %d of keys that aren't decoded", hostile, plain)
	}
}

func TestSetThatSaysTheSameIsTheSame(t *testing.T) {
	t.Parallel()
	set := mustParseSet(t, entry("a", ed1), entry("b", ed2), entry("", ed1))
	key := set.Key(ByKid("a"), "EdDSA")
	for name, next := range map[string][]string{
		"the same":         {entry("a", ed1), entry("b", ed2), entry("", ed1)},
		"another order":    {entry("", ed1), entry("b", ed2), entry("a", ed1)},
		"meaningless ones": {entry("a", ed1+`,"iat":1,"x5c":[1],"d":null`), entry("b", ed2), entry("", ed1+`,"kid":null`)},
	} {
		if got := set.merge(mustParseSet(t, next...)); got != set {
			t.Errorf("%s: another set", name)
		}
	}
	for name, next := range map[string][]string{
		"one less":     {entry("a", ed1), entry("b", ed2)},
		"one more":     {entry("a", ed1), entry("b", ed2), entry("", ed1), entry("c", ed1)},
		"one twice":    {entry("a", ed1), entry("b", ed2), entry("", ed1), entry("a", ed1)},
		"one other":    {entry("a", ed1), entry("b", ed1), entry("", ed1)},
		"another name": {entry("a", ed1), entry("b", ed2), entry("", ed1+`,"x5t":"x"`)},
	} {
		got := set.merge(mustParseSet(t, next...))
		if got == set {
			t.Errorf("%s: the same set", name)
		}
		if isSame := name != "one twice"; got.Holds(ByKid("a"), key) != isSame {
			t.Errorf("%s: the key that is unchanged is held: %v", name, !isSame)
		}
	}
}

func TestSetOfTooManyKeysIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := ParseSet([]byte(`{"keys":[`+strings.Repeat("{},", 4096)+entry("a", ed1)+`]}`), issuer); err == nil || !strings.Contains(err.Error(), "too many keys") {
		t.Errorf("4097 keys: %v", err)
	}
}

// A key is decoded once, however many look for it.
func TestKeyIsOneObjectForAll(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	set := mustParseSet(t, entry("a", fmt.Sprintf(`"kty":"EC","crv":"P-256","x":%q,"y":%q`, encode(point[1:33]), encode(point[33:]))))
	found := make(chan *jws.Key)
	for range 100 {
		go func() { found <- set.Key(ByKid("a"), "ES256") }()
	}
	first := <-found
	for range 99 {
		if another := <-found; another == nil || another != first {
			t.Error("two calls got two objects")
		}
	}
}

func TestWhyIsAnErrorThatCanBeTold(t *testing.T) {
	t.Parallel()
	set := mustParseSet(t, entry("a", ed1), entry("b", ed2))
	if err := set.Why(ByKid("c"), "EdDSA"); !errors.Is(err, ErrNotListed) {
		t.Errorf("Why = %v, want %v", err, ErrNotListed)
	}
	if err := set.Why(ByAlgorithm("EdDSA"), "EdDSA"); !errors.Is(err, ErrUnnamed) {
		t.Errorf("Why = %v, want %v", err, ErrUnnamed)
	}
}
