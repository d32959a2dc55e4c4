package verifier_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A hostileToken is one of the worst of its kind.
type hostileToken struct{ name, token string }

// BenchmarkHostileToken shows what the worst tokens cost. It fails if one takes 5 ms
// or allocates 1 MiB.
//
// Whatever has a payload here is signed by the issuer, so that most is done for it.
func BenchmarkHostileToken(b *testing.B) {
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms(hostileAlgorithms...))
	v, err := verifier.New(issuer.Config())
	if err != nil {
		b.Fatal(err)
	}
	for _, hostile := range hostileTokens(issuer) {
		b.Run(hostile.name, func(b *testing.B) { refuseWithinLimits(b, v, hostile.token) })
	}
}

var hostileAlgorithms = []string{"RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// room is the JSON that a token has room for, beside what else it needs.
const room = maxTokenBytes/4*3 - 512

func hostileTokens(issuer *verifiertest.Issuer) []hostileToken {
	header := func(raw string) string { return issuer.Token(nil, verifiertest.WithRawHeader(raw)) }
	payload := func(raw string) string { return issuer.Token(nil, verifiertest.WithRawPayload(raw)) }
	const small = room - 300 // beside the claims that every token has
	tokens := []hostileToken{
		{"form/16 MiB", strings.Repeat("a", 16<<20)},
		{"form/a million dots", strings.Repeat(".", 1<<20)},
		{"form/16 KiB of dots", strings.Repeat(".", maxTokenBytes)},
		{"form/16 KiB without a dot", strings.Repeat("a", maxTokenBytes)},
		{"form/a signature of 11 KiB", issuer.Token(nil, verifiertest.WithSignature(func([]byte) []byte {
			return make([]byte, 11<<10)
		}))},
		{"key/an unknown kid", issuer.Token(nil, verifiertest.WithHeader("kid", "unknown"))},

		{"payload/an audience of many", issuer.Token(map[string]any{"aud": strings.Split(strings.Repeat("a,", small/4), ","), "exp": 1})},
		{"payload/a scope of many", issuer.Token(map[string]any{"scope": strings.Repeat("a ", small/2), "exp": 1})},
		{"payload/a scope of spaces", issuer.Token(map[string]any{"scope": strings.Repeat(" ", small), "exp": 1})},
		{"payload/an array of scopes", issuer.Token(map[string]any{"scope": strings.Split(strings.Repeat("a,", small/4), ","), "exp": 1})},
		{"payload/an array of escaped scopes", payload(`{"scope":[` + repeated(`"\u0061"`, room-12) + "]}")},
		{"payload/a scope repeated in every level", payload(strings.Repeat(`{"scope":`, 63) + "1" + strings.Repeat("}", 63))},
	}
	for _, part := range []struct {
		name string
		sign func(raw string) string
		deep int
	}{{"header", header, 16}, {"payload", payload, 64}} {
		nested := strings.Repeat("[", part.deep-1) + strings.Repeat("]", part.deep-1)
		for _, raw := range []hostileToken{
			{"brackets", strings.Repeat("[", room)},
			{"open objects", strings.Repeat(`{"a":`, room/5)},
			{"many members", manyMembers(room) + "}"},
			{"many members and the first again", manyMembers(room-8) + `,"a":1}`},
			{"many members whose names are escaped", manyEscapedMembers(room)},
			{"nesting up to the limit, again and again", `{"a":[` + repeated(nested, room-8) + "]}"},
			{"nesting beyond the limit at the end", `{"a":"` + strings.Repeat("a", room-300) + `","b":` + strings.Repeat("[", 65)},
			{"one long string", `{"a":"` + strings.Repeat("a", room-8) + `"}`},
			{"one long name", `{"` + strings.Repeat("a", room-8) + `":1}`},
			{"escapes", `{"a":"` + strings.Repeat(`\u0041`, room/6-2) + `"}`},
			{"a long alg of escapes", `{"alg":"` + strings.Repeat(`\ud83d\ude00`, room/12-2) + `"}`},
			{"one long number", `{"exp":` + strings.Repeat("9", room-8) + "}"},
			{"one long fraction", `{"exp":1.` + strings.Repeat("3", room-10) + "}"},
			{"many numbers", `{"a":[` + repeated("1e308", room-8) + "]}"},
			{"white space", "{" + strings.Repeat(" ", room-8) + `"a":1}`},
		} {
			tokens = append(tokens, hostileToken{part.name + "/" + raw.name, part.sign(raw.token)})
		}
	}
	flip := verifiertest.WithSignature(func(signature []byte) []byte {
		signature[len(signature)-1] ^= 1
		return signature
	})
	for _, alg := range hostileAlgorithms {
		long := issuer.Token(map[string]any{"a": strings.Repeat("a", small-100)}, verifiertest.WithAlgorithm(alg), flip)
		tokens = append(tokens, hostileToken{"forged/" + alg + ", 16 KiB", long})
	}
	return tokens
}

// BenchmarkForgedSignatureOfALargeKey is about the largest keys that are taken.
func BenchmarkForgedSignatureOfALargeKey(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		b.Fatal(err)
	}
	for _, exponent := range []int{65537, 1<<31 - 1} {
		key.E = exponent
		v := newVerifier(b, verifier.Config{
			Issuer: "https://issuer.test", Audiences: []string{verifiertest.Audience},
			Algorithms: []string{"RS512", "PS512"},
			JWKS:       keySet(b, jwk(b, key.Public(), "large", nil)),
		})
		for _, alg := range []string{"RS512", "PS512"} {
			token := segment(`{"alg":"`+alg+`","kid":"large"}`) + "." + segment(strings.Repeat("a", room-1024)) + "." +
				segment(strings.Repeat("a", 512))
			b.Run(fmt.Sprintf("%s, e=%d", alg, exponent), func(b *testing.B) { refuseWithinLimits(b, v, token) })
		}
	}
}

// refuseWithinLimits fails if a refusal takes 5 ms or allocates 1 MiB. It is the
// quickest that counts: the others say what else the machine had to do.
func refuseWithinLimits(b *testing.B, v *verifier.Verifier, token string) {
	b.Helper()
	b.ReportAllocs()
	quickest := time.Hour
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		start := time.Now()
		claims, err := v.Verify(b.Context(), token)
		quickest = min(quickest, time.Since(start))
		if claims != nil || err == nil {
			b.Fatal("accepted")
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(quickest.Nanoseconds()), "min-ns/op")
	if quickest >= 5*time.Millisecond {
		b.Errorf("%v for one token, want less than 5ms", quickest)
	}
	if each := (after.TotalAlloc - before.TotalAlloc) / uint64(b.N); each >= 1<<20 {
		b.Errorf("%d bytes for one token, want less than 1 MiB", each)
	}
}

// BenchmarkLargeKeySet shows what 1 MiB of keys costs, once, when it is read: many
// that are usable, and many that are not before one that is.
func BenchmarkLargeKeySet(b *testing.B) {
	const size = 1<<20 - 1024
	notary := newNotary(b)
	good := string(keySet(b, jwk(b, notary.key.Public(), "good", nil)))
	good = strings.TrimSuffix(strings.TrimPrefix(good, `{"keys":[`), "]}")
	modulus := base64.RawURLEncoding.EncodeToString(new(big.Int).SetBit(big.NewInt(1), 4095, 1).Bytes())
	for _, set := range []struct{ name, jwk string }{
		{"usable keys", good},
		{"points off the curve", `{"kty":"EC","crv":"P-521","kid":"bad","x":"` + strings.Repeat("A", 88) + `","y":"` + strings.Repeat("A", 88) + `"}`},
		{"RSA keys of an even exponent", `{"kty":"RSA","kid":"bad","e":"AQAA","n":"` + modulus + `"}`},
		{"Ed25519 keys of low order", `{"kty":"OKP","crv":"Ed25519","kid":"bad","x":"` + strings.Repeat("A", 43) + `"}`},
		{"empty objects", "{}"},
		{"objects of unknown members", manyMembers(4<<10) + "}"},
	} {
		size := min(size, (len(set.jwk)+1)*4000) // of too many keys none is looked at
		raw := []byte(`{"keys":[` + repeated(set.jwk, size) + "," + good + "]}")
		b.Run(set.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := verifier.New(verifier.Config{
					Issuer: "https://issuer.test", Audiences: []string{verifiertest.Audience}, JWKS: raw,
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// manyMembers is the beginning of an object of about that many bytes, each member of
// another name.
func manyMembers(size int) string {
	var b strings.Builder
	b.WriteString(`{"a":1`)
	for i := 0; b.Len() < size-10; i++ {
		fmt.Fprintf(&b, `,"%x":1`, i)
	}
	return b.String()
}

func manyEscapedMembers(size int) string {
	var b strings.Builder
	b.WriteString(`{"a":1`)
	for i := 0x4e00; b.Len() < size-12; i++ {
		fmt.Fprintf(&b, `,"\u%04x":1`, i)
	}
	b.WriteByte('}')
	return b.String()
}

// repeated lists s as often as it fits into size.
func repeated(s string, size int) string {
	return strings.Repeat(s+",", max(size/(len(s)+1)-1, 0)) + s
}
