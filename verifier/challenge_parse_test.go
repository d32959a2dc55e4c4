package verifier_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestParseChallengesReadsWhatRFC9110Allows(t *testing.T) {
	t.Parallel()
	// As String writes them, one a line.
	tests := []struct {
		name   string
		values []string
		want   string
	}{
		{"no field", nil, ``},
		{"an empty field", []string{""}, ``},
		{"commas and white space alone", []string{" , ,\t,"}, ``},
		{"a scheme alone", []string{`Negotiate`}, `Negotiate`},
		{"a scheme and a space", []string{`Negotiate `}, `Negotiate`},
		{"a quoted parameter", []string{`Bearer realm="api"`}, `Bearer realm="api"`},
		{"a parameter that is a token", []string{`Bearer realm=api`}, `Bearer realm="api"`},
		{"every character of a token", []string{"!#$%&'*+-.^_`|~ !#$%&'*+-.^_`|~=!#$%&'*+-.^_`|~"},
			"!#$%&'*+-.^_`|~ !#$%&'*+-.^_`|~=\"!#$%&'*+-.^_`|~\""},
		{"an empty quoted parameter", []string{`Bearer realm=""`}, `Bearer realm=""`},
		{"escapes", []string{`Bearer realm="\"\\\a\ "`}, `Bearer realm="\"\\a "`},
		{"a challenge inside a quoted string", []string{`Bearer realm="x, Basic realm=\"y\""`},
			`Bearer realm="x, Basic realm=\"y\""`},
		{"a tab and a byte beyond ASCII, which are no longer written",
			[]string{"Bearer realm=\"\t\xe9\""}, `Bearer realm="??"`},
		{"several parameters", []string{`Bearer a=1, b="2",c=3`}, `Bearer a="1", b="2", c="3"`},
		{"one name twice", []string{`Bearer a=1, a=2`}, `Bearer a="1", a="2"`},
		{"white space around equals signs and commas", []string{"Bearer \ta\t = \t1 \t,\t b =\"2\"\t "},
			`Bearer a="1", b="2"`},
		{"several spaces after the scheme", []string{`Bearer    a=1`}, `Bearer a="1"`},
		{"names in any case", []string{`bEARER rEALM=x`}, `bEARER rEALM="x"`},

		{"a token68", []string{`Negotiate a-._~+/9`}, `Negotiate a-._~+/9`},
		{"a token68 with padding", []string{`Negotiate YQ==`}, `Negotiate YQ==`},
		{"a token68 like a parameter without a value", []string{`Negotiate realm=`}, `Negotiate realm=`},
		{"a token68 with white space after it", []string{"Negotiate YQ== \t, Basic a=b"},
			"Negotiate YQ==\nBasic a=\"b\""},

		{"several fields", []string{`Bearer a=1`, `Basic b=2`}, "Bearer a=\"1\"\nBasic b=\"2\""},
		{"several in one field", []string{`Bearer a=1, b=2, Basic c=3, Negotiate, DPoP d=4`},
			"Bearer a=\"1\", b=\"2\"\nBasic c=\"3\"\nNegotiate\nDPoP d=\"4\""},
		{"one scheme twice", []string{`Bearer a=1, Bearer a=2`}, "Bearer a=\"1\"\nBearer a=\"2\""},
		{"a token68 between parameters", []string{`Bearer a=1, Negotiate YQ==, Basic b=2`},
			"Bearer a=\"1\"\nNegotiate YQ==\nBasic b=\"2\""},
		{"schemes alone", []string{"Negotiate\t, NTLM ,Basic"}, "Negotiate\nNTLM\nBasic"},

		{"empty elements before", []string{` ,, Bearer a=1`}, `Bearer a="1"`},
		{"empty elements after", []string{`Bearer a=1,, ,`}, `Bearer a="1"`},
		{"empty elements between parameters", []string{`Bearer a=1, ,,b=2`}, `Bearer a="1", b="2"`},
		{"empty elements between challenges", []string{`Bearer a=1,,Basic b=2`}, "Bearer a=\"1\"\nBasic b=\"2\""},
		{"empty elements before the first parameter", []string{`Bearer , a=1`, `Basic ,,b="2"`},
			"Bearer a=\"1\"\nBasic b=\"2\""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			challenges, err := verifier.ParseChallenges(test.values)
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(challenges); got != test.want {
				t.Errorf("ParseChallenges(%q) =\n%s\nwant\n%s", test.values, got, test.want)
			}
		})
	}
}

func lines(challenges []verifier.Challenge) string {
	var all []string
	for _, challenge := range challenges {
		all = append(all, challenge.String())
	}
	return strings.Join(all, "\n")
}

func TestParseChallengesKeepsTheBytesOfAValue(t *testing.T) {
	t.Parallel()
	challenges, err := verifier.ParseChallenges([]string{"Bearer realm=\"\té\xff\\\t\\\xff\""})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := challenges[0].Value("realm"), "\té\xff\t\xff"; got != want {
		t.Errorf("realm = %q, want %q", got, want)
	}
}

func TestParseChallengesRefusesWhatIsNoChallenge(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		`"Bearer"`, `=`, `Bearer=`, `=x`, `Bearer/x`, `Bearér`, "Bearer\r\n", "Bea\x00rer", `(x)`,
		"Bearer\tBasic", "Bearer\tBasic realm=x", "Bearer\trealm=x", // a space follows a scheme
		`Bearer "x"`,
		`Bearer realm="x`, // no end
		`Bearer realm="x\`, `Bearer realm="x\"`,
		`Bearer realm="x"y`, `Bearer realm="x" y=z`, `Bearer a=b c=d`, `Bearer a=b;c=d`, `Bearer a b`,
		`Bearer a=, b=`, `Bearer a==b`, `Bearer a=b=c`, `Bearer a=b, =c`, `Bearer a=b, c=`,
		`Bearer YQ== YQ==`, `Bearer YQ==, realm=x`, `Bearer YQ==x`,
		`Bearer Basic realm="x"`, // a comma separates challenges
		`Bearer a='b c'`, `Bearer a=é`, `Bearer a=(b)`, `Bearer a@b=c`,
		"Bearer realm=\"\x00\"", "Bearer realm=\"\n\"", "Bearer realm=\"\r\n x\"", "Bearer realm=\"\x7f\"", "Bearer realm=\"\\\n\"",
		`realm=x`, `realm="x", Bearer`,
	} {
		challenges, err := verifier.ParseChallenges([]string{`Basic realm="good"`, value})
		if err == nil {
			t.Errorf("ParseChallenges(%q) = %q, want an error", value, lines(challenges))
		}
		if challenges != nil {
			t.Errorf("ParseChallenges(%q) returned challenges with its error", value)
		}
	}
}

// The examples of the RFCs, without their line breaks.
func TestParseChallengesReadsTheExamplesOfTheRFCs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		source, value string
		want          []verifier.Challenge
	}{
		{"RFC 6750, section 3, without credentials", `Bearer realm="example"`,
			[]verifier.Challenge{bearer("realm", "example")}},
		{"RFC 6750, section 3, after expiry",
			`Bearer realm="example", error="invalid_token", error_description="The access token expired"`,
			[]verifier.Challenge{bearer("realm", "example",
				"error", "invalid_token", "error_description", "The access token expired")}},
		{"RFC 9470, section 3, acr_values",
			`Bearer error="insufficient_user_authentication", ` +
				`error_description="A different authentication level is required", acr_values="myACR"`,
			[]verifier.Challenge{bearer("error", "insufficient_user_authentication",
				"error_description", "A different authentication level is required", "acr_values", "myACR")}},
		{"RFC 9470, section 3, max_age",
			`Bearer error="insufficient_user_authentication", ` +
				`error_description="More recent authentication is required", max_age="5"`,
			[]verifier.Challenge{bearer("error", "insufficient_user_authentication",
				"error_description", "More recent authentication is required", "max_age", "5")}},
		{"RFC 9449, section 7.1, without credentials", `DPoP algs="ES256 PS256"`,
			[]verifier.Challenge{dpop("algs", "ES256 PS256")}},
		{"RFC 9449, section 7.1, a bad token",
			`DPoP error="invalid_token", error_description="Invalid DPoP key binding", algs="ES256"`,
			[]verifier.Challenge{dpop("error", "invalid_token",
				"error_description", "Invalid DPoP key binding", "algs", "ES256")}},
		{"RFC 9449, section 7.2, without credentials", `Bearer, DPoP algs="ES256 PS256"`,
			[]verifier.Challenge{bearer(), dpop("algs", "ES256 PS256")}},
		{"RFC 9449, section 7.2, two methods",
			`Bearer error="invalid_request", error_description="Multiple methods used to include access token", ` +
				`DPoP algs="ES256 PS256"`,
			[]verifier.Challenge{bearer("error", "invalid_request",
				"error_description", "Multiple methods used to include access token"), dpop("algs", "ES256 PS256")}},
		{"RFC 9449, section 9",
			`DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof"`,
			[]verifier.Challenge{dpop("error", "use_dpop_nonce",
				"error_description", "Resource server requires nonce in DPoP proof")}},
		{"RFC 9728, section 5.1",
			`Bearer resource_metadata="https://resource.example.com/.well-known/oauth-protected-resource"`,
			[]verifier.Challenge{bearer("resource_metadata",
				"https://resource.example.com/.well-known/oauth-protected-resource")}},
		{"RFC 9110, section 11.6.1", `Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\""`,
			[]verifier.Challenge{
				{Scheme: "Basic", Params: []verifier.Param{{"realm", "simple"}}},
				{Scheme: "Newauth", Params: []verifier.Param{{"realm", "apps"}, {"type", "1"}, {"title", `Login to "apps"`}}},
			}},
		{"RFC 4559, section 5", `Negotiate a87421000492aa874209af8bc028`,
			[]verifier.Challenge{{Scheme: "Negotiate", Token68: "a87421000492aa874209af8bc028"}}},
	}
	for _, test := range tests {
		t.Run(test.source, func(t *testing.T) {
			got, err := verifier.ParseChallenges([]string{test.value})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, test.want, equalChallenges) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func dpop(pairs ...string) verifier.Challenge {
	challenge := bearer(pairs...)
	challenge.Scheme = "DPoP"
	return challenge
}

func equalChallenges(a, b verifier.Challenge) bool {
	return a.Scheme == b.Scheme && a.Token68 == b.Token68 && slices.Equal(a.Params, b.Params)
}

// Every challenge that we send can be read again.
func TestParseChallengesReadsWhatAuthErrorsSay(t *testing.T) {
	t.Parallel()
	for _, code := range codes {
		for _, realm := range []string{"", "api", `a "quoted\" realm`, "Zürich\r\n"} {
			refusal := &verifier.AuthError{Code: code, Message: `a "message"`, Scopes: []string{"read", `wri"te`}}
			sent := refusal.Challenge(realm)
			got, err := verifier.ParseChallenges([]string{sent.String()})
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0].String() != sent.String() {
				t.Errorf("%s was read as %+v", sent, got)
			}
		}
	}
}

// What is parsed can be printed, and what is printed is parsed as the same again:
// each challenge by itself, and all of them as one field.
func FuzzParseChallenges(f *testing.F) {
	for _, seed := range []string{
		``, `,`, `Bearer`, `Bearer realm="api"`, `Bearer realm=api, error="invalid_token"`,
		`Bearer, DPoP algs="ES256 PS256"`, `Negotiate YQ==, Basic realm="a\"b", x=y`, "Basic realm=\"\t\xff\"",
		`Bearer , a=1`, `Bearer Basic a=b`, `a b=, c`, `Bearer a="\\", b = c`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		challenges, err := verifier.ParseChallenges([]string{value})
		if err != nil {
			if challenges != nil {
				t.Error("challenges were returned with an error")
			}
			return
		}
		var printed []string
		for _, challenge := range challenges {
			printed = append(printed, challenge.String())
		}
		for _, values := range [][]string{printed, {strings.Join(printed, ", ")}} {
			again, err := verifier.ParseChallenges(values)
			if err != nil {
				t.Fatalf("%q was printed as %q: %v", value, values, err)
			}
			if got, want := lines(again), strings.Join(printed, "\n"); got != want {
				t.Errorf("%q was read as\n%s\nand then as\n%s", value, want, got)
			}
		}
		for i, challenge := range challenges {
			if challenge.Scheme == "" || challenge.Token68 != "" && challenge.Params != nil {
				t.Errorf("challenge %d of %q is %+v", i, value, challenge)
			}
		}
	})
}
