package verifier_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// raw is a JSON value that is sent as it stands.
func raw(value string) json.RawMessage { return json.RawMessage(value) }

func TestVerifyReturnsWhatTheTokenSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		config := offline(issuer)
		config.Leeway = time.Minute
		v := newVerifier(t, config)
		now := time.Now()
		claims := accept(t, v, issuer.Token(map[string]any{
			"sub":         "alice",
			"client_id":   "web",
			"azp":         "other",
			"jti":         "42",
			"sid":         "s1",
			"aud":         []string{"https://other.test", verifiertest.Audience},
			"exp":         now.Unix() + 100,
			"nbf":         now.Unix() - 10,
			"iat":         now.Unix() - 20,
			"scope":       "orders:read orders:write",
			"permissions": []string{"orders:delete"},
		}))
		texts := []struct{ name, got, want string }{
			{"Issuer", claims.Issuer(), issuer.URL()},
			{"Subject", claims.Subject(), "alice"},
			{"ClientID", claims.ClientID(), "web"},
			{"ID", claims.ID(), "42"},
			{"SessionID", claims.SessionID(), "s1"},
		}
		for _, test := range texts {
			if test.got != test.want {
				t.Errorf("%s = %q, want %q", test.name, test.got, test.want)
			}
		}
		lists := []struct {
			name      string
			got, want []string
		}{
			{"Audience", claims.Audience(), []string{"https://other.test", verifiertest.Audience}},
			{"Scopes", claims.Scopes(), []string{"orders:read", "orders:write"}},
			{"Permissions", claims.Permissions(), []string{"orders:delete"}},
		}
		for _, test := range lists {
			if !slices.Equal(test.got, test.want) {
				t.Errorf("%s = %q, want %q", test.name, test.got, test.want)
			}
		}
		times := []struct {
			name      string
			got, want time.Time
		}{
			{"Expiry", claims.Expiry(), now.Add(100 * time.Second)},
			{"ValidUntil", claims.ValidUntil(), now.Add(160 * time.Second)},
			{"NotBefore", claims.NotBefore(), now.Add(-10 * time.Second)},
			{"IssuedAt", claims.IssuedAt(), now.Add(-20 * time.Second)},
		}
		for _, test := range times {
			if !test.got.Equal(test.want) {
				t.Errorf("%s = %v, want %v", test.name, test.got, test.want)
			}
		}
	})
}

func TestAbsentClaimsAreZero(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	claims := accept(t, v, issuer.Token(map[string]any{
		"sub": nil, "client_id": nil, "jti": nil, "iat": nil,
	}))
	if claims.Subject() != "" || claims.ClientID() != "" || claims.ID() != "" {
		t.Error("an absent string is not empty")
	}
	if !claims.NotBefore().IsZero() || !claims.IssuedAt().IsZero() {
		t.Error("an absent time is not zero")
	}
	if len(claims.Scopes()) != 0 || len(claims.Permissions()) != 0 {
		t.Error("absent grants grant something")
	}
	if claims.HasScope("") || claims.HasPermission("") {
		t.Error("absent grants grant the empty name")
	}
}

func TestAzpIsTheClientWhereThereIsNoClientID(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	claims := accept(t, v, issuer.Token(map[string]any{"client_id": nil, "azp": "web"}))
	if got := claims.ClientID(); got != "web" {
		t.Errorf("ClientID = %q, want azp", got)
	}
}

func TestActChangesNoSubject(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	claims := accept(t, v, issuer.Token(map[string]any{
		"sub": "alice", "act": map[string]any{"sub": "agent", "act": map[string]any{"sub": "first"}},
	}))
	if got := claims.Subject(); got != "alice" {
		t.Errorf("Subject = %q, want the outermost", got)
	}
}

func TestVerifyJudgesEachClaim(t *testing.T) {
	t.Parallel()
	const (
		missing   = verifier.CodeMissingClaim
		malformed = verifier.CodeMalformedToken
		issuer    = verifier.CodeInvalidIssuer
		audience  = verifier.CodeInvalidAudience
		expired   = verifier.CodeTokenExpired
		early     = verifier.CodeTokenNotYetValid
		invalid   = verifier.CodeInvalidToken
		accepted  = verifier.Code("")
	)
	const url = "https://issuer.test"
	tests := []struct {
		claim string
		value any // nil: absent
		want  verifier.Code
	}{
		{"iss", url, accepted},
		{"iss", nil, missing},
		{"iss", "", missing},
		{"iss", url + "/", issuer},
		{"iss", "http://issuer.test", issuer},
		{"iss", "https://ISSUER.test", issuer},
		{"iss", "https://issuer.test:443", issuer},
		{"iss", "https://issuer.tes", issuer},
		{"iss", url + ".evil.example", issuer},
		{"iss", " " + url, issuer},
		{"iss", url + "\x00", issuer},
		{"iss", url + "#", issuer},
		{"iss", verifiertest.Null, malformed},
		{"iss", []string{url}, malformed},
		{"iss", map[string]any{url: true}, malformed},
		{"iss", 1, malformed},
		{"iss", true, malformed},

		{"aud", verifiertest.Audience, accepted},
		{"aud", []string{verifiertest.Audience}, accepted},
		{"aud", []string{"https://other.test", verifiertest.Audience}, accepted},
		{"aud", nil, missing},
		{"aud", "", audience},
		{"aud", []string{}, audience},
		{"aud", []string{""}, audience},
		{"aud", "https://other.test", audience},
		{"aud", []string{"https://other.test", "https://another.test"}, audience},
		{"aud", verifiertest.Audience + "/", audience},
		{"aud", verifiertest.Audience[:len(verifiertest.Audience)-1], audience},
		{"aud", strings.ToUpper(verifiertest.Audience), audience},
		{"aud", verifiertest.Audience + " https://other.test", audience},
		{"aud", "*", audience},
		{"aud", verifiertest.Null, malformed},
		{"aud", raw(`[null]`), malformed},
		{"aud", raw(`["` + verifiertest.Audience + `", 1]`), malformed},
		{"aud", raw(`["` + verifiertest.Audience + `", ["x"]]`), malformed},
		{"aud", map[string]any{verifiertest.Audience: true}, malformed},
		{"aud", 1, malformed},
		{"aud", true, malformed},

		{"exp", nil, missing},
		{"exp", 0, expired},
		{"exp", -1, expired},
		{"exp", raw(`-9007199254740991`), expired},
		{"exp", raw(`9007199254740991`), accepted}, // 2^53 - 1
		{"exp", raw(`4e9`), accepted},
		{"exp", raw(`9007199254740992`), accepted},  // 2^53
		{"exp", raw(`9007199254740993`), malformed}, // 2^53 + 1
		{"exp", raw(`9007199254740992.5`), malformed},
		{"exp", raw(`-9007199254740993`), malformed},
		{"exp", raw(`9007199254740994`), malformed},
		{"exp", raw(`9223372036854775807`), malformed},
		{"exp", raw(`18446744073709551615`), malformed},
		{"exp", raw(`1e16`), malformed},
		{"exp", raw(`1e308`), malformed},
		{"exp", raw(`1e400`), malformed},
		{"exp", raw(`-1e400`), malformed},
		{"exp", "4000000000", malformed},
		{"exp", "2100-01-01T00:00:00Z", malformed},
		{"exp", verifiertest.Null, malformed},
		{"exp", true, malformed},
		{"exp", raw(`[4000000000]`), malformed},
		{"exp", raw(`{"seconds":4000000000}`), malformed},

		{"nbf", 0, accepted},
		{"nbf", -1, accepted},
		{"nbf", raw(`-9007199254740991`), accepted},
		{"nbf", raw(`9007199254740991`), early},
		{"nbf", raw(`9007199254740992`), early},
		{"nbf", raw(`9007199254740993`), malformed},
		{"nbf", raw(`9223372036854775807`), malformed},
		{"nbf", raw(`9223372036854775808`), malformed},
		{"nbf", raw(`18446744073709551615`), malformed},
		{"nbf", raw(`-9223372036854775808`), malformed},
		{"nbf", raw(`1e400`), malformed},
		{"nbf", "0", malformed},
		{"nbf", verifiertest.Null, malformed},
		{"nbf", false, malformed},
		{"nbf", raw(`[0]`), malformed},
		{"nbf", raw(`{}`), malformed},

		{"iat", nil, accepted},
		{"iat", 0, accepted},
		{"iat", int64(4_000_000_000), accepted},    // in the future
		{"iat", raw(`9007199254740993`), accepted}, // as if absent, like any claim that nothing needs
		{"iat", raw(`1e400`), accepted},
		{"iat", "0", accepted},
		{"iat", verifiertest.Null, accepted},
		{"iat", true, accepted},
		{"iat", raw(`[0]`), accepted},

		{"sub", "", accepted},
		{"sub", verifiertest.Null, accepted},
		{"sub", 1, accepted},
		{"sub", []string{"user"}, accepted},
		{"jti", verifiertest.Null, accepted},
		{"jti", 1, accepted},
		{"client_id", verifiertest.Null, accepted},
		{"client_id", []string{"client"}, accepted},
		{"azp", 1, accepted},
		{"azp", verifiertest.Null, accepted},
		{"acr", 1, accepted},
		{"auth_time", "2026-10-01T00:00:00Z", accepted},

		{"cnf", map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}, invalid},
		{"cnf", map[string]any{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}, invalid},
		{"cnf", map[string]any{"kid": "1"}, invalid},
		{"cnf", map[string]any{}, invalid},
		{"cnf", verifiertest.Null, invalid},
		{"cnf", false, invalid},
		{"Cnf", map[string]any{"jkt": "x"}, accepted},

		{"unknown", raw(`{"nested":[null,true,1e400]}`), accepted},
	}
	for _, test := range tests {
		value, err := json.Marshal(test.value)
		if err != nil {
			t.Fatal(err)
		}
		if test.value == nil {
			value = []byte("absent")
		}
		t.Run(fmt.Sprintf("%s %s", test.claim, value), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := verifiertest.NewIssuer()
				v := newVerifier(t, offline(issuer))
				token := issuer.Token(map[string]any{test.claim: test.value})
				if got := verdict(t, v, token); got != test.want {
					t.Errorf("code = %q, want %q", got, test.want)
				}
			})
		})
	}
}

func TestClaimNamesAreCaseSensitive(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	tests := []struct{ name, instead string }{
		{"iss", "ISS"}, {"iss", "i\u017fs"}, {"iss", "is\u017f"},
		{"exp", "EXP"}, {"exp", "Exp"},
		{"aud", "Aud"},
	}
	now := time.Now().Unix()
	for _, test := range tests {
		claims := map[string]any{"iss": issuer.URL(), "aud": verifiertest.Audience, "exp": now + 60}
		claims[test.instead] = claims[test.name]
		claims[test.name] = nil
		if got := verdict(t, v, issuer.Token(claims)); got != verifier.CodeMissingClaim {
			t.Errorf("%s for %s: code = %q, want %q", test.instead, test.name, got, verifier.CodeMissingClaim)
		}
	}
	// A look-alike beside the claim changes nothing.
	claims := accept(t, v, issuer.Token(map[string]any{
		"Iss": "https://evil.example", "i\u017fs": "https://evil.example", "EXP": 0, "Nbf": int64(4_000_000_000),
		"Sub": "root", "\u017fub": "root", "Scope": "admin", "\u017fcope": "admin",
	}))
	if claims.Subject() != "user" || len(claims.Scopes()) != 0 {
		t.Errorf("subject %q and scopes %q were taken from a look-alike", claims.Subject(), claims.Scopes())
	}
}

func TestVerifyRefusesAPayloadThatIsNoStrictJSONObject(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	good := fmt.Sprintf(`"iss":%q,"aud":%q,"exp":%d`, issuer.URL(), verifiertest.Audience, time.Now().Unix()+60)
	accept(t, v, issuer.Token(nil, verifiertest.WithRawPayload(`{`+good+`}`)))
	accept(t, v, issuer.Token(nil, verifiertest.WithRawPayload(" {"+good+"\r\n}\t")))
	accept(t, v, issuer.Token(nil, verifiertest.WithRawPayload(`{`+good+`,"x":`+nested(63)+`}`)))
	accept(t, v, issuer.Token(nil, verifiertest.WithRawPayload(`{`+good+`,"x":"`+strings.Repeat("[", 100)+`"}`)))

	tests := map[string]string{
		"an array":                  `[{` + good + `}]`,
		"a string":                  `"x"`,
		"null":                      `null`,
		"a number":                  `1`,
		"spaces alone":              `   `,
		"no JSON":                   `iss=x`,
		"cut short":                 `{` + good,
		"a second object":           `{` + good + `}{}`,
		"trailing garbage":          `{` + good + `}x`,
		"a NUL at the end":          "{" + good + "}\x00",
		"a byte-order mark":         "\ufeff{" + good + "}",
		"a comma too many":          `{` + good + `,}`,
		"a plus before a number":    `{` + good + `,"x":+1}`,
		"a zero before a number":    `{` + good + `,"x":01}`,
		"infinity":                  `{` + good + `,"x":Infinity}`,
		"a control character":       "{" + good + ",\"x\":\"\n\"}",
		"invalid UTF-8":             "{" + good + ",\"x\":\"\xff\"}",
		"an overlong encoding":      "{" + good + ",\"x\":\"\xc0\xaf\"}",
		"a surrogate in UTF-8":      "{" + good + ",\"x\":\"\xed\xa0\x80\"}",
		"a lone surrogate":          `{` + good + `,"x":"\ud800"}`,
		"iss twice":                 `{` + good + `,"iss":"` + issuer.URL() + `"}`,
		"iss twice, escaped":        `{` + good + `,"\u0069ss":"` + issuer.URL() + `"}`,
		"an unknown name twice":     `{` + good + `,"x":1,"x":1}`,
		"a name twice, deeper":      `{` + good + `,"x":{"y":{"z":1,"z":1}}}`,
		"a name twice, in an array": `{` + good + `,"x":[[{"y":1,"y":1}]]}`,
		"nested 65 deep":            `{` + good + `,"x":` + nested(64) + `}`,
		"nested 5 000 deep":         `{` + good + `,"x":` + nested(5_000) + `}`,
	}
	for name, payload := range tests {
		t.Run(name, func(t *testing.T) {
			refuse(t, v, issuer.Token(nil, verifiertest.WithRawPayload(payload)), verifier.CodeMalformedToken)
		})
	}
}

func TestTokenDiesAtItsExpiry(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		exp    string // relative to now, whose seconds are whole
		leeway time.Duration
		dies   time.Duration
	}{
		{"no leeway", "100", -1, 100 * time.Second},
		{"no leeway, said otherwise", "100", -time.Hour, 100 * time.Second},
		{"the default leeway", "100", 0, 130 * time.Second},
		{"a leeway", "100", time.Minute, 160 * time.Second},
		{"the longest leeway", "100", 5 * time.Minute, 400 * time.Second},
		{"a fraction, which is cut off", "100.9", -1, 100 * time.Second},
		{"a fraction and a leeway", "100.5", 1500 * time.Millisecond, 101500 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := verifiertest.NewIssuer()
				config := offline(issuer)
				config.Leeway = test.leeway
				v := newVerifier(t, config)
				token := issuer.Token(map[string]any{"exp": fromNow(t, test.exp)})
				start := time.Now()

				time.Sleep(test.dies - 1)
				claims := accept(t, v, token)
				if got := claims.ValidUntil().Sub(start); got != test.dies {
					t.Errorf("ValidUntil is %v from the start, want %v", got, test.dies)
				}
				if got := claims.Expiry().Sub(start); got != 100*time.Second {
					t.Errorf("Expiry is %v from the start, want 1m40s", got)
				}
				time.Sleep(1)
				refuse(t, v, token, verifier.CodeTokenExpired)
			})
		})
	}
}

func TestTokenLivesFromItsNotBefore(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		nbf    string
		leeway time.Duration
		lives  time.Duration
	}{
		{"no leeway", "10", -1, 10 * time.Second},
		{"the default leeway", "40", 0, 10 * time.Second},
		{"a fraction, which is not cut off", "10.5", -1, 10500 * time.Millisecond},
		{"a leeway", "100", time.Minute, 40 * time.Second},
		{"a fraction and a leeway", "60.25", time.Minute, 250 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := verifiertest.NewIssuer()
				config := offline(issuer)
				config.Leeway = test.leeway
				v := newVerifier(t, config)
				token := issuer.Token(map[string]any{"nbf": fromNow(t, test.nbf)})

				time.Sleep(test.lives - 1)
				refuse(t, v, token, verifier.CodeTokenNotYetValid)
				time.Sleep(1)
				accept(t, v, token)
			})
		})
	}
}

// fromNow returns a NumericDate so many seconds after now, which must be whole.
func fromNow(t testing.TB, seconds string) json.RawMessage {
	t.Helper()
	now := time.Now()
	if now.Nanosecond() != 0 {
		t.Fatal("now is not a whole second")
	}
	whole, fraction, found := strings.Cut(seconds, ".")
	var offset int64
	if _, err := fmt.Sscan(whole, &offset); err != nil {
		t.Fatal(err)
	}
	date := fmt.Sprint(now.Unix() + offset)
	if found {
		date += "." + fraction
	}
	return raw(date)
}

func TestLeewayDoesNotReviveWhatIsBad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		config := offline(issuer)
		config.Leeway = 5 * time.Minute
		v := newVerifier(t, config)
		refuse(t, v, issuer.Token(map[string]any{"exp": raw(`-9007199254740991`)}), verifier.CodeTokenExpired)
		refuse(t, v, issuer.Token(map[string]any{"nbf": raw(`9007199254740991`)}), verifier.CodeTokenNotYetValid)
		claims := accept(t, v, issuer.Token(map[string]any{"exp": raw(`9007199254740991`)}))
		if !claims.ValidUntil().After(claims.Expiry()) {
			t.Errorf("ValidUntil = %v, want it after %v", claims.ValidUntil(), claims.Expiry())
		}
	})
}

func TestClientIDsAdmitOnlyTokensWithoutAnAudience(t *testing.T) {
	t.Parallel()
	both := func(c *verifier.Config) { c.ClientIDs = []string{"web", "cli"} }
	only := func(c *verifier.Config) { c.Audiences, c.ClientIDs = nil, []string{"web"} }
	tests := []struct {
		name   string
		change func(*verifier.Config)
		claims map[string]any
		want   verifier.Code
	}{
		{"a listed client", only, map[string]any{"aud": nil, "client_id": "web"}, ""},
		{"the second listed client", both, map[string]any{"aud": nil, "client_id": "cli"}, ""},
		{"a listed azp", only, map[string]any{"aud": nil, "client_id": nil, "azp": "web"}, ""},
		{"a client that is not listed", only, map[string]any{"aud": nil, "client_id": "evil"}, verifier.CodeInvalidAudience},
		{"a client in another case", only, map[string]any{"aud": nil, "client_id": "WEB"}, verifier.CodeInvalidAudience},
		{"a listed azp beside another client", only, map[string]any{"aud": nil, "client_id": "evil", "azp": "web"}, verifier.CodeInvalidAudience},
		{"no client", only, map[string]any{"aud": nil, "client_id": nil}, verifier.CodeMissingClaim},
		{"an empty client", only, map[string]any{"aud": nil, "client_id": ""}, verifier.CodeMissingClaim},
		{"an audience, where none is configured", only, map[string]any{"client_id": "web"}, verifier.CodeInvalidAudience},
		{"an audience that is the client", only, map[string]any{"aud": "web", "client_id": "web"}, verifier.CodeInvalidAudience},
		{"another audience", both, map[string]any{"aud": "https://other.test", "client_id": "web"}, verifier.CodeInvalidAudience},
		{"an empty list of audiences", both, map[string]any{"aud": []string{}, "client_id": "web"}, verifier.CodeInvalidAudience},
		{"a null audience", both, map[string]any{"aud": verifiertest.Null, "client_id": "web"}, verifier.CodeMalformedToken},
		{"our audience, of any client", both, map[string]any{"client_id": "evil"}, ""},
		{"no audience, where no client is configured", func(*verifier.Config) {}, map[string]any{"aud": nil}, verifier.CodeMissingClaim},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			issuer := verifiertest.NewIssuer()
			config := offline(issuer)
			test.change(&config)
			v := newVerifier(t, config)
			if got := verdict(t, v, issuer.Token(test.claims)); got != test.want {
				t.Errorf("code = %q, want %q", got, test.want)
			}
		})
	}
}

func TestAnyOfTheAudiencesWillDo(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.Audiences = []string{"one", "two"}
	v := newVerifier(t, config)
	accept(t, v, issuer.Token(map[string]any{"aud": "two"}))
	accept(t, v, issuer.Token(map[string]any{"aud": []string{"three", "one"}}))
	refuse(t, v, issuer.Token(map[string]any{"aud": "three"}), verifier.CodeInvalidAudience)
}

func TestRFC9068AsksForItsTypeAndClaims(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.RFC9068 = true
	config.ClientIDs = []string{"client"}
	v := newVerifier(t, config)
	accept(t, v, issuer.Token(nil))
	accept(t, v, issuer.Token(nil, verifiertest.WithHeader("typ", "application/AT+JWT")))

	for _, claim := range []string{"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} {
		if got := verdict(t, v, issuer.Token(map[string]any{claim: nil})); got != verifier.CodeMissingClaim {
			t.Errorf("without %s: code = %q, want %q", claim, got, verifier.CodeMissingClaim)
		}
	}
	for _, claim := range []string{"sub", "client_id", "jti"} {
		if got := verdict(t, v, issuer.Token(map[string]any{claim: ""})); got != verifier.CodeMissingClaim {
			t.Errorf("with an empty %s: code = %q, want %q", claim, got, verifier.CodeMissingClaim)
		}
	}
	for _, typ := range []any{nil, "JWT", "application/jwt", "id_token", ""} {
		token := issuer.Token(nil, verifiertest.WithHeader("typ", typ))
		if got := verdict(t, v, token); got != verifier.CodeInvalidToken {
			t.Errorf("typ %v: code = %q, want %q", typ, got, verifier.CodeInvalidToken)
		}
	}
}

// RFC 9068, section 2.2, names client_id; azp belongs to ID tokens.
func TestRFC9068TakesNoAzpForAClientID(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.RFC9068 = true
	v := newVerifier(t, config)
	refuse(t, v, issuer.Token(map[string]any{"client_id": nil, "azp": "client"}), verifier.CodeMissingClaim)
}

func TestGrantsAreReadFromStringsAndArraysOfStrings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		value string
		want  []string
	}{
		{`"read"`, []string{"read"}},
		{`"read write"`, []string{"read", "write"}},
		{`" read  write "`, []string{"read", "write"}},
		{`"read read"`, []string{"read", "read"}},
		{`["read", "write"]`, []string{"read", "write"}},
		{`["read write"]`, []string{"read write"}},
		{`"read,write"`, []string{"read,write"}},
		{`"read\twrite"`, []string{"read\twrite"}},
		{`"read\nwrite"`, []string{"read\nwrite"}},
		{`"re\u0061d"`, []string{"read"}},
		{`["re\u0061d"]`, []string{"read"}},
		{`""`, nil},
		{`" "`, nil},
		{`[]`, nil},
		{`null`, nil},
		{`true`, nil},
		{`1`, nil},
		{`{"read":true}`, nil},
		{`{"read":{"1":"acme.test"},"write":{"1":"acme.test","2":"b.test"}}`, []string{"read", "write"}},
		{`{"re\u0061d":{"1":true}}`, []string{"read"}},
		{`{}`, nil},
		{`{"read":{}}`, nil},
		{`{"read":{"1":"acme.test"},"write":{}}`, nil},
		{`{"read":{"1":"acme.test"},"write":false}`, nil},
		{`{"write":[],"read":{"1":"acme.test"}}`, nil},
		{`[{"read":{"1":"acme.test"}}]`, nil},
		{`[["read"]]`, nil},
		{`["read", 1]`, nil},
		{`["read", null]`, nil},
		{`[1, "read"]`, nil},
	}
	for _, test := range tests {
		t.Run(test.value, func(t *testing.T) {
			issuer := verifiertest.NewIssuer()
			v := newVerifier(t, offline(issuer))
			claims := accept(t, v, issuer.Token(map[string]any{
				"scope": raw(test.value), "permissions": raw(test.value),
			}))
			if got := claims.Scopes(); !slices.Equal(got, test.want) {
				t.Errorf("Scopes = %q, want %q", got, test.want)
			}
			if got := claims.Permissions(); !slices.Equal(got, test.want) {
				t.Errorf("Permissions = %q, want %q", got, test.want)
			}
			if got, want := claims.HasScope("read"), slices.Contains(test.want, "read"); got != want {
				t.Errorf("HasScope = %v, want %v", got, want)
			}
			if got, want := claims.HasPermission("read"), slices.Contains(test.want, "read"); got != want {
				t.Errorf("HasPermission = %v, want %v", got, want)
			}
		})
	}
}

func TestGrantsAreComparedExactly(t *testing.T) {
	t.Parallel()
	claims := verifiertest.Claims(map[string]any{"scope": "orders:read", "permissions": "orders:read"})
	for _, other := range []string{"", "orders", "orders:rea", "orders:read ", "ORDERS:READ", "orders:read:all", "*"} {
		if claims.HasScope(other) {
			t.Errorf("HasScope(%q) is true", other)
		}
		if claims.HasPermission(other) {
			t.Errorf("HasPermission(%q) is true", other)
		}
	}
}

func TestGrantsAreFoundWhereTheConfigSays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		where, payload string
		want           []string
	}{
		{"scp", `"scp":"read"`, []string{"read"}},
		{"scp", `"scope":"read"`, nil},
		{"https://x.example/roles", `"https://x.example/roles":["read"]`, []string{"read"}},
		{"a.b", `"a.b":"read","a":{"b":"write"}`, []string{"read"}},
		{"/realm_access/roles", `"realm_access":{"other":["x"],"roles":["read"]}`, []string{"read"}},
		{"/realm_access/roles", `"/realm_access/roles":["read"]`, nil},
		{"/realm_access/roles", `"realm_access":{"Roles":["read"]}`, nil},
		{"/realm_access/roles", `"realm_access":["roles"]`, nil},
		{"/realm_access/roles", `"realm_access":"roles"`, nil},
		{"/realm_access/roles", `"realm_access":null`, nil},
		{"/realm_access/roles", `"roles":["read"]`, nil},
		{"/realm_access", `"realm_access":{"roles":["read"]}`, nil},
		{"/a/b/c", `"a":{"b":{"c":"read"}}`, []string{"read"}},
		{"/a/b/c", `"a":{"b":{"d":"read"}}`, nil},
		{"/a/0", `"a":["read"]`, nil},
		{"/a~1b/c~0d", `"a/b":{"c~d":"read"}`, []string{"read"}},
		{"/~01", `"~1":"read","/":"write"`, []string{"read"}},
		{"/a b", `"a b":"read"`, []string{"read"}},
		{"/a/", `"a":{"":"read"}`, []string{"read"}},
		{"/", `"":"read"`, []string{"read"}},
		{"/\u00e9", `"\u00e9":"read"`, []string{"read"}},
		{"/a/b", `"\u0061":{"\u0062":"read"}`, []string{"read"}},
		{"iss", ``, []string{"https://issuer.test"}},
	}
	for _, test := range tests {
		t.Run(test.where+" in "+test.payload, func(t *testing.T) {
			n := newNotary(t)
			config := n.config(t)
			config.ScopeClaim, config.PermissionsClaim = test.where, test.where
			v := newVerifier(t, config)
			payload := notaryPayload()
			if test.payload != "" {
				payload = strings.TrimSuffix(payload, "}") + "," + test.payload + "}"
			}
			claims := accept(t, v, n.sign(t, segment(notaryHeader), segment(payload)))
			if got := claims.Scopes(); !slices.Equal(got, test.want) {
				t.Errorf("Scopes = %q, want %q", got, test.want)
			}
			if got := claims.Permissions(); !slices.Equal(got, test.want) {
				t.Errorf("Permissions = %q, want %q", got, test.want)
			}
		})
	}
}

func TestScopesAndPermissionsAreFoundApart(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.ScopeClaim, config.PermissionsClaim = "/grants/scp", "/grants/roles"
	v := newVerifier(t, config)
	claims := accept(t, v, issuer.Token(map[string]any{
		"grants": map[string]any{"scp": "read", "roles": []string{"admin"}},
	}))
	if !slices.Equal(claims.Scopes(), []string{"read"}) || !slices.Equal(claims.Permissions(), []string{"admin"}) {
		t.Errorf("scopes %q and permissions %q, want read and admin", claims.Scopes(), claims.Permissions())
	}
}

func TestClaimsCannotBeChanged(t *testing.T) {
	t.Parallel()
	claims := verifiertest.Claims(map[string]any{
		"aud": []string{verifiertest.Audience}, "scope": "read", "permissions": []string{"delete"},
		"object": map[string]any{"k": "v"},
	})
	claims.Audience()[0] = "changed"
	claims.Scopes()[0] = "changed"
	claims.Permissions()[0] = "changed"
	if claims.Audience()[0] != verifiertest.Audience || !claims.HasScope("read") || !claims.HasPermission("delete") {
		t.Error("a change to a copy changed the claims")
	}

	var all struct {
		Object json.RawMessage `json:"object"`
	}
	if err := claims.Decode(&all); err != nil {
		t.Fatal(err)
	}
	clear(all.Object)
	var again map[string]any
	if err := claims.Decode(&again); err != nil {
		t.Fatal(err)
	}
	if want := map[string]any{"k": "v"}; !reflect.DeepEqual(again["object"], want) {
		t.Errorf("object = %v after a change to what Decode gave, want %v", again["object"], want)
	}
}

func TestClaimsPrintNothingAboutPeople(t *testing.T) {
	t.Parallel()
	claims := verifiertest.Claims(map[string]any{"sub": "alice", "jti": "t-1", "email": "alice@example.com"})
	want := `token "t-1" of https://issuer.test`
	for _, format := range []string{"%v", "%+v", "%s"} {
		if got := fmt.Sprintf(format, claims); got != want {
			t.Errorf("%s prints %s, want %s", format, got, want)
		}
	}
}

func TestDecodeStoresEveryClaim(t *testing.T) {
	t.Parallel()
	claims := verifiertest.Claims(map[string]any{
		"sub": "alice", "tenant": "acme", "Tenant": "evil", "\u017fub": "evil", "level": 3,
		"groups": []string{"a", "b"}, "address": map[string]any{"country": "CH"},
	})
	var got struct {
		Subject string   `json:"sub"`
		Tenant  string   `json:"tenant"`
		Level   int      `json:"level"`
		Groups  []string `json:"groups"`
		Address struct {
			Country string `json:"country"`
		} `json:"address"`
		LEVEL string `json:"LEVEL"`
	}
	if err := claims.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Subject != "alice" || got.Tenant != "acme" || got.Level != 3 || got.LEVEL != "" ||
		!slices.Equal(got.Groups, []string{"a", "b"}) || got.Address.Country != "CH" {
		t.Errorf("Decode stored %+v", got)
	}
	var all map[string]any
	if err := claims.Decode(&all); err != nil {
		t.Fatal(err)
	}
	if all["Tenant"] != "evil" || all["aud"] != verifiertest.Audience {
		t.Errorf("Decode stored %v", all)
	}
}

func TestDecodeReportsAWrongType(t *testing.T) {
	t.Parallel()
	claims := verifiertest.Claims(map[string]any{"level": "high"})
	var dst struct {
		Level int `json:"level"`
	}
	if err := claims.Decode(&dst); err == nil {
		t.Errorf("Decode stored %+v, want an error", dst)
	}
	if err := claims.Decode(nil); err == nil {
		t.Error("Decode into nil succeeded")
	}
}
