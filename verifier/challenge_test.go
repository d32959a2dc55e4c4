package verifier_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestChallengeStringQuotesEveryValue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		challenge verifier.Challenge
		want      string
	}{
		{"a scheme alone", verifier.Challenge{Scheme: "Negotiate"}, `Negotiate`},
		{"a parameter", bearer("realm", "api"), `Bearer realm="api"`},
		{"several, in their order", bearer("b", "2", "a", "1"), `Bearer b="2", a="1"`},
		{"a token68", verifier.Challenge{Scheme: "Negotiate", Token68: "a-._~+/9=="}, `Negotiate a-._~+/9==`},
		{"a token68 excludes parameters", verifier.Challenge{
			Scheme: "X", Token68: "YQ", Params: []verifier.Param{{Name: "a", Value: "b"}},
		}, `X YQ`},
		{"an empty value", bearer("realm", ""), `Bearer realm=""`},
		{"a comma and an equals sign", bearer("realm", `a, b="c"`), `Bearer realm="a, b=\"c\""`},
		{"a quotation mark", bearer("realm", `"`), `Bearer realm="\""`},
		{"a backslash", bearer("realm", `\`), `Bearer realm="\\"`},
		{"a backslash at the end", bearer("realm", `a\`), `Bearer realm="a\\"`},
		{"the edges of what is printable", bearer("realm", " ~"), `Bearer realm=" ~"`},
		{"CR and LF", bearer("realm", "a\r\nSet-Cookie: b"), `Bearer realm="a??Set-Cookie: b"`},
		{"NUL, tab and DEL", bearer("realm", "\x00\t\x1f\x7f"), `Bearer realm="????"`},
		{"a letter beyond ASCII", bearer("realm", "Zürich"), `Bearer realm="Z?rich"`},
		{"a byte that is no UTF-8", bearer("realm", "\xff\x80"), `Bearer realm="??"`},
		{"a line separator", bearer("realm", "\u2028\u0085"), `Bearer realm="??"`},
		{"a name that is no token", bearer("re alm\r\n=\"é", "x"), `Bearer re_alm_____="x"`},
		{"a scheme that is no token", verifier.Challenge{Scheme: "Bea rer\n,é"}, `Bea_rer___`},
		{"a token68 that is none", verifier.Challenge{Scheme: "X", Token68: "a b\r\n,\"é"}, `X a_b_____`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.challenge.String(); got != test.want {
				t.Errorf("String() = %s, want %s", got, test.want)
			}
		})
	}
}

// bearer takes names and values in turn.
func bearer(pairs ...string) verifier.Challenge {
	challenge := verifier.Challenge{Scheme: "Bearer"}
	for pair := range slices.Chunk(pairs, 2) {
		challenge.Params = append(challenge.Params, verifier.Param{Name: pair[0], Value: pair[1]})
	}
	return challenge
}

// Whatever stands in a challenge, no field and no trailer is broken by it.
func TestChallengeStringIsPrintableASCII(t *testing.T) {
	t.Parallel()
	var every strings.Builder
	for r := range rune(0x180) {
		every.WriteRune(r)
	}
	for c := range 256 {
		every.WriteByte(byte(c))
	}
	hostile := every.String()
	for _, challenge := range []verifier.Challenge{
		{Scheme: hostile},
		{Scheme: "Bearer", Token68: hostile},
		bearer(hostile, "x"),
		bearer("realm", hostile),
		(&verifier.AuthError{Code: verifier.CodeTokenExpired, Message: hostile}).Challenge(hostile),
		(&verifier.AuthError{Code: verifier.CodeInsufficientScope, Scopes: []string{hostile}}).Challenge(hostile),
	} {
		for i, c := range []byte(challenge.String()) {
			if c < 0x20 || c > 0x7E {
				t.Errorf("byte %d of %q is %#x", i, challenge.String(), c)
			}
		}
	}
}

func TestParamFindsANameInAnyCase(t *testing.T) {
	t.Parallel()
	challenge := bearer("Realm", "one", "realm", "two", "error", "x")
	for name, want := range map[string]string{"realm": "one", "REALM": "one", "Error": "x", "scope": ""} {
		if got := challenge.Value(name); got != want {
			t.Errorf("Param(%q) = %q, want %q", name, got, want)
		}
	}
}
