package verifier_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestVerifyRefusesWhatIsNotACompactJWS(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, issuer.Config())
	good := issuer.Token(nil)
	parts := strings.Split(good, ".")
	header, payload, signature := parts[0], parts[1], parts[2]
	tests := map[string]string{
		"nothing":                 "",
		"no dot":                  header,
		"one dot":                 header + "." + payload,
		"dots alone":              "..",
		"no header":               "." + payload + "." + signature,
		"no payload (detached)":   header + ".." + signature,
		"no signature":            header + "." + payload + ".",
		"four parts":              good + "." + signature,
		"a fourth part, empty":    good + ".",
		"five parts (JWE)":        good + "." + payload + "." + signature,
		"a leading dot":           "." + good,
		"JSON serialization":      `{"protected":"` + header + `","payload":"` + payload + `","signature":"` + signature + `"}`,
		"a scheme before it":      "Bearer " + good,
		"a space before it":       " " + good,
		"a space after it":        good + " ",
		"a tab after it":          good + "\t",
		"a line feed after it":    good + "\n",
		"a NUL after it":          good + "\x00",
		"a comma after it":        good + ",",
		"another after it":        good + "," + good,
		"quotes around it":        `"` + good + `"`,
		"a full-width dot in it":  header + "．" + payload + "." + signature,
		"a non-ASCII letter":      header + "." + payload + "é." + signature,
		"percent-encoding":        header + "%2E" + payload + "." + signature,
		"a byte-order mark":       "\ufeff" + good,
		"a zero-width space":      header + "\u200b." + payload + "." + signature,
		"the two dots as one run": header + payload + ".." + signature,
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			refuse(t, v, token, verifier.CodeMalformedToken)
		})
	}
	if got := issuer.Fetches(); got != 0 {
		t.Errorf("%d fetches for tokens that are none", got)
	}
	accept(t, v, good)
}

// The signature is over the segments as they are sent, so that nothing but their
// encoding is wrong.
func TestVerifyRefusesAnyOtherBase64(t *testing.T) {
	t.Parallel()
	n := newNotary(t)
	v := newVerifier(t, n.config(t))
	// Of a length that leaves unused bits in the last character, and of a content
	// that needs the two characters in which the alphabets differ.
	header := segment(pad(`{"alg":"ES256","kid":"notary","x":"~~~???>>>"}`, 1))
	payload := segment(pad(strings.Replace(notaryPayload(), "{", `{"x":"~~~???>>>",`, 1), 1))
	if !strings.ContainsAny(header, "-_") || !strings.ContainsAny(payload, "-_") {
		t.Fatal("the segments do not tell the alphabets apart")
	}
	accept(t, v, n.sign(t, header, payload))

	tests := []struct {
		name   string
		change func(segment string) string
	}{
		{"padding", func(s string) string { return s + strings.Repeat("=", (4-len(s)%4)%4) }},
		{"the standard alphabet", func(s string) string { return strings.NewReplacer("-", "+", "_", "/").Replace(s) }},
		{"a line feed inside", func(s string) string { return s[:4] + "\n" + s[4:] }},
		{"a carriage return inside", func(s string) string { return s[:4] + "\r" + s[4:] }},
		{"a line break inside", func(s string) string { return s[:4] + "\r\n" + s[4:] }},
		{"a line feed at the end", func(s string) string { return s + "\n" }},
		{"a space inside", func(s string) string { return s[:4] + " " + s[4:] }},
		{"a tab inside", func(s string) string { return s[:4] + "\t" + s[4:] }},
		{"set trailing bits", setTrailingBits},
		{"a character too many", func(s string) string { return s + strings.Repeat("A", (5-len(s)%4)%4) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			refuse(t, v, n.sign(t, test.change(header), payload), verifier.CodeMalformedToken)
			refuse(t, v, n.sign(t, header, test.change(payload)), verifier.CodeMalformedToken)

			// A signature is as its bytes are: try until they need what is changed.
			for range 1000 {
				good := n.sign(t, header, payload)
				cut := strings.LastIndexByte(good, '.') + 1
				if changed := test.change(good[cut:]); changed != good[cut:] {
					refuse(t, v, good[:cut]+changed, verifier.CodeMalformedToken)
					return
				}
			}
			t.Error("no signature was changed")
		})
	}
}

// pad appends spaces until the length of a JSON text modulo 3 is rest.
func pad(text string, rest int) string {
	for len(text)%3 != rest {
		text += " "
	}
	return text
}

// setTrailingBits changes the last character to one that a lenient decoder reads as
// the same byte.
func setTrailingBits(segment string) string {
	lenient := base64.RawURLEncoding
	want, err := lenient.DecodeString(segment)
	if err != nil {
		return segment
	}
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		changed := segment[:len(segment)-1] + string(c)
		if got, err := lenient.DecodeString(changed); err == nil && string(got) == string(want) && changed != segment {
			return changed
		}
	}
	return segment
}

func TestVerifyRefusesEveryChangeOfOneByte(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	good := issuer.Token(nil)
	accept(t, v, good)
	for i := range len(good) {
		changes := map[string]string{
			"cut off":  good[:i],
			"left out": good[:i] + good[i+1:],
			"doubled":  good[:i+1] + good[i:],
		}
		for _, c := range []byte{good[i] ^ 1, good[i] ^ 0x20, good[i] ^ 0x80, '.', '=', '\n', 'A'} {
			changes[fmt.Sprintf("replaced by %q", c)] = good[:i] + string([]byte{c}) + good[i+1:]
		}
		for change, token := range changes {
			if token == good {
				continue
			}
			if claims, err := v.Verify(t.Context(), token); err == nil || claims != nil {
				t.Errorf("accepted with byte %d %s", i, change)
			}
		}
	}
}

func TestVerifyRefusesATokenOverTheCap(t *testing.T) {
	t.Parallel()
	n := newNotary(t)
	v := newVerifier(t, n.config(t))
	if maxTokenBytes != 16<<10 {
		t.Errorf("MaxTokenBytes = %d, want 16 KiB", maxTokenBytes)
	}
	accept(t, v, n.signOfLength(t, maxTokenBytes))
	refuse(t, v, n.signOfLength(t, maxTokenBytes+1), verifier.CodeMalformedToken)
}

// signOfLength pads header and payload with spaces, until together they make a
// token of exactly this length.
func (n *notary) signOfLength(t testing.TB, length int) string {
	t.Helper()
	payload := notaryPayload()
	for extra := range 4 {
		header := segment(notaryHeader + strings.Repeat(" ", extra))
		left := length - len(header) - len("..") - base64.RawURLEncoding.EncodedLen(64)
		padded := payload + strings.Repeat(" ", left/4*3+left%4-len(payload))
		for ; base64.RawURLEncoding.EncodedLen(len(padded)) >= left; padded = padded[:len(padded)-1] {
			if base64.RawURLEncoding.EncodedLen(len(padded)) == left {
				return n.sign(t, header, segment(padded))
			}
		}
	}
	t.Fatalf("no token of %d bytes", length)
	return ""
}

func TestVerifyRefusesAHeaderThatIsNoStrictJSONObject(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, issuer.Config())
	const alg, kid = `"alg":"ES256"`, `"kid":"ES256-1"`
	tests := map[string]string{
		"an array":                     `["ES256"]`,
		"an object in an array":        `[{` + alg + `,` + kid + `}]`,
		"a string":                     `"ES256"`,
		"null":                         `null`,
		"no JSON":                      `alg=ES256`,
		"spaces alone":                 `  `,
		"cut short":                    `{` + alg + `,` + kid,
		"a comma too many":             `{` + alg + `,` + kid + `,}`,
		"a name without quotes":        `{alg:"ES256",` + kid + `}`,
		"single quotes":                `{'alg':'ES256',` + kid + `}`,
		"a comment":                    `{` + alg + `,` + kid + `/**/}`,
		"NaN":                          `{` + alg + `,` + kid + `,"x":NaN}`,
		"a second object":              `{` + alg + `,` + kid + `}{}`,
		"trailing garbage":             `{` + alg + `,` + kid + `}x`,
		"a byte-order mark":            "\ufeff{" + alg + `,` + kid + `}`,
		"a control character":          "{" + alg + "," + kid + ",\"x\":\"\x01\"}",
		"invalid UTF-8":                "{" + alg + "," + kid + ",\"x\":\"\xff\"}",
		"invalid UTF-8 in a name":      "{" + alg + "," + kid + ",\"\xff\":1}",
		"a lone surrogate":             `{` + alg + `,` + kid + `,"x":"\ud800"}`,
		"alg twice":                    `{` + alg + `,` + kid + `,` + alg + `}`,
		"alg twice, escaped":           `{` + alg + `,` + kid + `,"\u0061lg":"ES256"}`,
		"kid twice":                    `{` + alg + `,` + kid + `,` + kid + `}`,
		"an unknown name twice":        `{` + alg + `,` + kid + `,"x":1,"x":1}`,
		"a name twice, deeper":         `{` + alg + `,` + kid + `,"x":{"y":1,"y":1}}`,
		"a name twice, in an array":    `{` + alg + `,` + kid + `,"x":[{"y":1,"y":1}]}`,
		"nested 17 deep":               `{` + alg + `,` + kid + `,"x":` + nested(16) + `}`,
		"nested 17 deep, with objects": `{` + alg + `,` + kid + `,"x":` + strings.Repeat(`{"x":`, 16) + `1` + strings.Repeat(`}`, 16) + `}`,
		"nested 10 000 deep":           `{` + alg + `,` + kid + `,"x":` + nested(10_000/2) + `}`,
		"an open nest":                 strings.Repeat(`[`, 10_000),
	}
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			refuse(t, v, issuer.Token(nil, verifiertest.WithRawHeader(header)), verifier.CodeMalformedToken)
		})
	}
	if got := issuer.Fetches(); got != 0 {
		t.Errorf("%d fetches for headers that are none", got)
	}
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func TestVerifyAcceptsAnyHeaderThatIsAStrictJSONObject(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	const alg, kid = `"alg":"ES256"`, `"kid":"ES256-1"`
	tests := map[string]string{
		"no type":                    `{` + alg + `,` + kid + `}`,
		"white space":                " {\r\n\t" + alg + " , " + kid + " }\n",
		"escapes":                    `{"\u0061lg":"ES\u0032\u0035\u0036","k\u0069d":"ES256-1"}`,
		"unknown parameters":         `{` + alg + `,` + kid + `,"x":null,"y":[1,{"z":true}]}`,
		"a forbidden name's capital": `{` + alg + `,` + kid + `,"JKU":"https://evil.example","Crit":[],"B64":false}`,
		"a forbidden name, deeper":   `{` + alg + `,` + kid + `,"x":{"jku":"https://evil.example"}}`,
		"nested 16 deep":             `{` + alg + `,` + kid + `,"x":` + nested(15) + `}`,
		"one name at two levels":     `{` + alg + `,` + kid + `,"x":{"alg":"none"}}`,
		"brackets in strings":        `{` + alg + `,` + kid + `,"x":"\"` + strings.Repeat("[{", 40) + `\\"}`,
		"names that differ in case":  `{` + alg + `,` + kid + `,"ALG":"none","KID":"x","aLg":1,"Typ":"x"}`,
	}
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			accept(t, v, issuer.Token(nil, verifiertest.WithRawHeader(header)))
		})
	}
}

func TestVerifyRefusesEachForbiddenHeader(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, issuer.Config())
	names := []string{"crit", "b64", "jku", "x5u", "jwk", "x5c", "zip", "enc", "p2c", "epk", "cty"}
	values := []string{`null`, `false`, `0`, `""`, `"x"`, `[]`, `["x"]`, `{}`, `{"kty":"EC","kid":"ES256-1"}`}
	for _, name := range names {
		for _, value := range values {
			token := issuer.Token(nil, verifiertest.WithHeader(name, json.RawMessage(value)))
			if got := verdict(t, v, token); got != verifier.CodeForbiddenHeader {
				t.Errorf("%s: %s: code = %q, want %q", name, value, got, verifier.CodeForbiddenHeader)
			}
		}
		escaped := fmt.Sprintf(`{"alg":"ES256","kid":"ES256-1","\u%04x%s":1}`, name[0], name[1:])
		refuse(t, v, issuer.Token(nil, verifiertest.WithRawHeader(escaped)), verifier.CodeForbiddenHeader)
	}
	if got := issuer.Fetches(); got != 0 {
		t.Errorf("%d fetches for forbidden headers", got)
	}
}

func TestVerifyRefusesAnAlgOutsideTheList(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms("ES256", "ES384"))
	config := issuer.Config()
	config.Algorithms = []string{"ES256"}
	v := newVerifier(t, config)
	disallowed := []any{
		"HS256", "HS384", "HS512", "es256", "Es256", "ES256 ", " ES256", "ES256\n", "ES256,ES384", "ES\u00b256",
		"ES512", "RS256", "ES256K", "ESP256", "dir", "A128KW", "null",
	}
	for bits := range 16 { // none, in every case
		none := []byte("none")
		for i := range none {
			if bits&(1<<i) != 0 {
				none[i] -= 'a' - 'A'
			}
		}
		disallowed = append(disallowed, string(none))
	}
	for _, alg := range disallowed {
		token := issuer.Token(nil, verifiertest.WithHeader("alg", alg))
		if got := verdict(t, v, token); got != verifier.CodeDisallowedAlg {
			t.Errorf("alg %q: code = %q, want %q", alg, got, verifier.CodeDisallowedAlg)
		}
	}
	// Good in every other respect.
	refuse(t, v, issuer.Token(nil, verifiertest.WithAlgorithm("ES384")), verifier.CodeDisallowedAlg)

	malformed := []any{nil, "", verifiertest.Null, true, 256, []string{"ES256"}, map[string]any{"alg": "ES256"}}
	for _, alg := range malformed {
		token := issuer.Token(nil, verifiertest.WithHeader("alg", alg))
		if got := verdict(t, v, token); got != verifier.CodeMalformedToken {
			t.Errorf("alg %v: code = %q, want %q", alg, got, verifier.CodeMalformedToken)
		}
	}
	misspelt := issuer.Token(nil, verifiertest.WithRawHeader(`{"ALG":"ES256","kid":"ES256-1"}`))
	refuse(t, v, misspelt, verifier.CodeMalformedToken)

	if got := issuer.Fetches(); got != 0 {
		t.Errorf("%d fetches before alg was found good", got)
	}
}

// One that is there and names nothing isn't read as absent: it may have been meant to name a key.
func TestVerifyRefusesAKidThatIsNoName(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, issuer.Config())
	for _, kid := range []any{"", verifiertest.Null, 1, false, []string{"ES256-1"}, map[string]any{}} {
		token := issuer.Token(nil, verifiertest.WithHeader("kid", kid))
		if got := verdict(t, v, token); got != verifier.CodeMissingKid {
			t.Errorf("kid %v: code = %q, want %q", kid, got, verifier.CodeMissingKid)
		}
	}
	if got := issuer.Fetches(); got != 0 {
		t.Errorf("%d fetches for no kid", got)
	}
}

func TestVerifyBoundsTheLengthOfAKid(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, issuer.Config())
	long := issuer.Token(nil, verifiertest.WithHeader("kid", strings.Repeat("k", 513)))
	refuse(t, v, long, verifier.CodeMalformedToken)
	if got := issuer.Fetches(); got != 0 {
		t.Errorf("%d fetches for a kid that is too long", got)
	}
	longest := issuer.Token(nil, verifiertest.WithHeader("kid", strings.Repeat("k", 512)))
	refuse(t, v, longest, verifier.CodeKeyNotFound)
}

func TestVerifyComparesAKidExactly(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	for _, kid := range []string{"es256-1", "ES256-1 ", " ES256-1", "ES256-", "ES256-1\x00", "../ES256-1", "*"} {
		token := issuer.Token(nil, verifiertest.WithHeader("kid", kid))
		if got := verdict(t, v, token); got != verifier.CodeKeyNotFound {
			t.Errorf("kid %q: code = %q, want %q", kid, got, verifier.CodeKeyNotFound)
		}
	}
}

func TestVerifyRefusesOtherTypesOfToken(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, issuer.Config())
	types := []any{
		"dpop+jwt", "logout+jwt", "secevent+jwt", "oauth-authz-req+jwt", "entity-statement+jwt", "vc+sd-jwt",
		"JWS", "JOSE", "JWE", "id_token", "", " ", "JWT ", " JWT", "at+jwt;v=1", "jwt,at+jwt", "at jwt", "atjwt",
		"application/", "application", "application/dpop+jwt", "application/application/jwt", "text/jwt", "/jwt",
		"appl\u0130cation/jwt", // a capital I with a dot, which Unicode lowers to i
		verifiertest.Null, 1, true, []string{"JWT"}, map[string]any{},
	}
	for _, typ := range types {
		token := issuer.Token(nil, verifiertest.WithHeader("typ", typ))
		if got := verdict(t, v, token); got != verifier.CodeInvalidToken {
			t.Errorf("typ %q: code = %q, want %q", typ, got, verifier.CodeInvalidToken)
		}
	}
	if got := issuer.Fetches(); got > 1 {
		t.Errorf("%d fetches for other types of token", got)
	}
}

func TestVerifyAcceptsTheTypesOfAnAccessToken(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	types := []any{
		nil, "JWT", "jwt", "Jwt", "at+jwt", "AT+JWT", "at+JWT",
		"application/jwt", "application/at+jwt", "Application/At+Jwt", "APPLICATION/JWT",
	}
	for _, typ := range types {
		if got := verdict(t, v, issuer.Token(nil, verifiertest.WithHeader("typ", typ))); got != "" {
			t.Errorf("typ %v: code = %q, want acceptance", typ, got)
		}
	}
}

func TestHostileTokenCostsLittle(t *testing.T) {
	const limit = 64 << 10
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, issuer.Config())
	tests := map[string]string{
		"a value of 16 MiB":               strings.Repeat("A", 16<<20),
		"a header of 16 MiB":              segment(`{"alg":"`+strings.Repeat("A", 16<<20)+`"}`) + ".e30.AA",
		"a million dots":                  strings.Repeat(".", 1_000_000),
		"dots up to the cap":              strings.Repeat(".", maxTokenBytes),
		"parts up to the cap":             strings.Repeat("A.", maxTokenBytes/2),
		"10 000 brackets":                 segment(strings.Repeat("[", 10_000)) + ".e30.AA",
		"10 000 brackets in a member":     segment(`{"alg":`+strings.Repeat("[", 10_000)) + ".e30.AA",
		"10 000 objects in one another":   segment(strings.Repeat(`{"":`, 10_000/4)) + ".e30.AA",
		"a hostile jwk":                   segment(`{"alg":"ES256","jwk":{"kty":"RSA","e":"AQAB","n":"`+strings.Repeat("_", 9_000)+`"}}`) + ".e30.AA",
		"line breaks up to the cap":       strings.Repeat("\r\n", maxTokenBytes/2),
		"a kid up to the cap":             segment(`{"alg":"ES256","kid":"`+strings.Repeat("k", 10_000)+`"}`) + ".e30.AA",
		"a signature up to the cap":       "e30.e30." + strings.Repeat("A", maxTokenBytes-8),
		"an alg up to the cap":            segment(`{"alg":"`+strings.Repeat("A", 10_000)+`","kid":"k"}`) + ".e30.AA",
		"a forbidden header up to a cap":  segment(`{"x5c":["`+strings.Repeat("A", 10_000)+`"]}`) + ".e30.AA",
		"escapes in a name up to the cap": segment(`{"`+strings.Repeat(`\u0041`, 1_600)+`":1}`) + ".e30.AA",
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			if got := allocated(t, v, token); got > limit {
				t.Errorf("allocated %d bytes, want at most %d", got, limit)
			}
		})
	}
	if got := issuer.Fetches(); got != 0 {
		t.Errorf("%d fetches for hostile tokens", got)
	}

	signed := issuer.Token(nil, verifiertest.WithRawPayload(`{"exp":`+strings.Repeat("[", 10_000)))
	if got := allocated(t, newVerifier(t, offline(issuer)), signed); got > limit {
		t.Errorf("10 000 brackets in a signed payload allocated %d bytes, want at most %d", got, limit)
	}
}

// allocated returns the least that a refusal of token allocates, in bytes: other
// goroutines may add to what one measurement shows.
func allocated(t testing.TB, v *verifier.Verifier, token string) uint64 {
	t.Helper()
	var costs []uint64
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		claims, err := v.Verify(t.Context(), token)
		runtime.ReadMemStats(&after)
		if claims != nil || err == nil {
			t.Error("a hostile token was accepted")
		}
		costs = append(costs, after.TotalAlloc-before.TotalAlloc)
	}
	return slices.Min(costs)
}
