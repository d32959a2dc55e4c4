package verifier_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

var (
	_ interceptor.TokenVerifier = (*verifier.Multi)(nil)
	_ interceptor.TokenVerifier = (*verifier.Dynamic)(nil)
)

// newPatientAt returns an issuer of another URL. The kids of its keys are the same.
func newPatientAt(url string) *patient {
	p := newPatient()
	p.Issuer = verifiertest.NewIssuer(verifiertest.WithURL(url))
	return p
}

func newMulti(t testing.TB, configs ...verifier.Config) *verifier.Multi {
	t.Helper()
	v, err := verifier.NewMulti(configs...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// wantCode wants an error of that code and no claims; "" wants claims.
func wantCode(t testing.TB, v interceptor.TokenVerifier, token string, want verifier.Code) {
	t.Helper()
	claims, err := v.Verify(t.Context(), token)
	if got := verifier.CodeOf(err); got != want || (err == nil) != (want == "") {
		t.Errorf("Verify: %v, want code %q", err, want)
	}
	if (claims != nil) != (want == "") {
		t.Errorf("claims: %v, error: %v; want exactly one of them", claims, err)
	}
}

func TestMultiJudgesATokenByTheIssuerItNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPatientAt("https://a.test"), newPatientAt("https://b.test")
		v := newMulti(t, a.config(), b.config())
		for _, p := range []*patient{a, b} {
			claims, err := v.Verify(t.Context(), p.Token(nil))
			if err != nil || claims.Issuer() != p.URL() {
				t.Errorf("Verify: %v, %v; want claims of %s", claims, err, p.URL())
			}
		}
		// Signed by the one under the kid that the other has, too: each looks once for a new key.
		wantCode(t, v, a.Token(map[string]any{"iss": b.URL()}), verifier.CodeInvalidToken)
		wantCode(t, v, b.Token(map[string]any{"iss": a.URL()}), verifier.CodeInvalidToken)
		wantFetches(t, a, 2)
		wantFetches(t, b, 2)

		b.Rotate()
		time.Sleep(time.Millisecond)
		wantCode(t, v, b.Token(nil), "")
		wantCode(t, v, b.Token(map[string]any{"iss": a.URL()}), verifier.CodeKeyNotFound)
	})
}

func TestMultiFetchesNothingForUnknownIssuers(t *testing.T) {
	t.Parallel()
	a, b := newPatientAt("https://a.test"), newPatientAt("https://b.test")
	v := newMulti(t, a.config(), b.config())
	for _, test := range []struct {
		name string
		iss  any
		want verifier.Code
	}{
		{"another one", "https://c.test", verifier.CodeInvalidIssuer},
		{"a trailing slash", "https://a.test/", verifier.CodeInvalidIssuer},
		{"another case", "https://A.test", verifier.CodeInvalidIssuer},
		{"a suffix", "https://a.test.evil.test", verifier.CodeInvalidIssuer},
		{"a space", " https://a.test", verifier.CodeInvalidIssuer},
		{"empty", "", verifier.CodeMissingClaim},
		{"none", nil, verifier.CodeMissingClaim},
		{"null", verifiertest.Null, verifier.CodeMalformedToken},
		{"an array", []string{"https://a.test"}, verifier.CodeMalformedToken},
		{"a number", 1, verifier.CodeMalformedToken},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantCode(t, v, a.Token(map[string]any{"iss": test.iss}), test.want)
		})
	}
	t.Run("twice", func(t *testing.T) {
		wantCode(t, v, a.Token(nil, verifiertest.WithRawPayload(
			`{"iss":"https://b.test","iss":"https://a.test"}`)), verifier.CodeMalformedToken)
	})
	for name, token := range map[string]string{
		"nothing":         "",
		"one segment":     "a",
		"two":             "a.b",
		"dots":            "..",
		"no base64":       "a.$.c",
		"no JSON":         "a." + segment("iss") + ".c",
		"no object":       "a." + segment(`["iss"]`) + ".c",
		"a deep payload":  "a." + segment(`{"iss":`+strings.Repeat("[", 65)+strings.Repeat("]", 65)+"}") + ".c",
		"a long token":    strings.Repeat("a", maxTokenBytes) + a.Token(nil),
		"four":            a.Token(nil) + ".d",
		"a bad header":    "a" + a.Token(nil),
		"a forged header": segment("{}") + a.Token(nil)[strings.IndexByte(a.Token(nil), '.'):],
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, v, token, verifier.CodeMalformedToken) })
	}
	t.Run("ten thousand", func(t *testing.T) {
		for i := range 10_000 {
			wantCode(t, v, a.Token(map[string]any{"iss": fmt.Sprint("https://", i, ".test")}), verifier.CodeInvalidIssuer)
		}
	})
	wantFetches(t, a, 0)
	wantFetches(t, b, 0)
}

// What a header says against a token is said first, as a Verifier does: the payload, which takes
// long to parse, isn't looked at, and no issuer is looked up.
func TestTheHeaderIsReadBeforeTheIssuer(t *testing.T) {
	t.Parallel()
	p := newPatient()
	d := &directory{}
	d.add(p.config())
	none := verifiertest.WithSignature(func([]byte) []byte { return nil })
	for _, test := range []struct {
		name   string
		header string
		option verifiertest.TokenOption
		want   verifier.Code
	}{
		{"no object", `["alg","ES256"]`, nil, verifier.CodeMalformedToken},
		{"alg twice", `{"alg":"ES256","alg":"ES256"}`, nil, verifier.CodeMalformedToken},
		{"no alg", `{"kid":"ES256-1"}`, nil, verifier.CodeMalformedToken},
		{"crit", `{"alg":"ES256","crit":["exp"]}`, nil, verifier.CodeForbiddenHeader},
		{"a typ that is no string", `{"alg":"ES256","typ":1}`, nil, verifier.CodeInvalidToken},
		{"alg none", `{"alg":"none"}`, none, verifier.CodeDisallowedAlg},
		{"a shared secret", `{"alg":"HS256"}`, nil, verifier.CodeDisallowedAlg},
		{"an unknown algorithm", `{"alg":"ES257"}`, nil, verifier.CodeDisallowedAlg},
		{"no signature", `{"alg":"ES256"}`, none, verifier.CodeMalformedToken},
	} {
		t.Run(test.name, func(t *testing.T) {
			for payload, claims := range map[string]string{
				"no JSON": "{", "another issuer": `{"iss":"https://other.test"}`, "ours": `{"iss":"` + p.URL() + `"}`,
			} {
				options := []verifiertest.TokenOption{
					verifiertest.WithRawHeader(test.header), verifiertest.WithRawPayload(claims),
				}
				if test.option != nil {
					options = append(options, test.option)
				}
				token := p.Token(nil, options...)
				for kind, v := range map[string]interceptor.TokenVerifier{
					"Verifier": newVerifier(t, p.config()), "Multi": newMulti(t, p.config()), "Dynamic": newDynamic(t, 10, d),
				} {
					if _, err := v.Verify(t.Context(), token); verifier.CodeOf(err) != test.want {
						t.Errorf("%s, %s: %v, want code %q", kind, payload, err, test.want)
					}
				}
			}
		})
	}
	d.wantCalls(t, 0)
	wantFetches(t, p, 0)
}

func TestEachIssuerHasItsOwnLimitForTokens(t *testing.T) {
	t.Parallel()
	a, b := newPatientAt("https://a.test"), newPatientAt("https://b.test")
	short, long := a.config(), b.config()
	short.MaxTokenBytes, long.MaxTokenBytes = 2000, 3000
	d := &directory{}
	d.add(short, long)
	for _, v := range []interceptor.TokenVerifier{newMulti(t, short, long), newDynamic(t, 10, d)} {
		claims := map[string]any{"filler": strings.Repeat("a", 1500)}
		wantCode(t, v, b.Token(claims), "")
		wantCode(t, v, a.Token(claims), verifier.CodeMalformedToken)
		wantCode(t, v, a.Token(nil), "")
	}
	wantCode(t, newMulti(t, short, long), strings.Repeat("a", 3001), verifier.CodeMalformedToken)
	if n := newMulti(t, long, short).MaxTokenBytes(); n != 3000 {
		t.Errorf("MaxTokenBytes() = %d, want the largest", n)
	}
}

func TestEachIssuerHasItsOwnConfiguration(t *testing.T) {
	t.Parallel()
	a := verifiertest.NewIssuer(verifiertest.WithURL("https://a.test"), verifiertest.WithAlgorithms("ES256", "EdDSA"))
	b := verifiertest.NewIssuer(verifiertest.WithURL("https://b.test"), verifiertest.WithAlgorithms("ES256", "EdDSA"))
	configA, configB := a.Config(), b.Config()
	configB.Audiences = []string{"https://b-api.test"}
	configB.Algorithms = []string{"EdDSA"}
	configB.Require.Scopes = []string{"b"}
	v := newMulti(t, configA, configB)
	wantCode(t, v, a.Token(nil), "")
	wantCode(t, v, b.Token(nil), verifier.CodeDisallowedAlg)
	edDSA := verifiertest.WithAlgorithm("EdDSA")
	wantCode(t, v, b.Token(nil, edDSA), verifier.CodeInvalidAudience)
	wantCode(t, v, b.Token(map[string]any{"aud": "https://b-api.test"}, edDSA), verifier.CodeInsufficientScope)
	wantCode(t, v, b.Token(map[string]any{"aud": "https://b-api.test", "scope": "b"}, edDSA), "")
	wantCode(t, v, a.Token(map[string]any{"aud": "https://b-api.test"}), verifier.CodeInvalidAudience)
}

func TestMultiRemembersTokens(t *testing.T) {
	a, b := newPatientAt("https://a.test"), newPatientAt("https://b.test")
	v := newMulti(t, a.config(), b.config())
	for _, p := range []*patient{a, b} {
		token := p.Token(nil)
		wantCode(t, v, token, "")
		if allocs := testing.AllocsPerRun(100, func() { _, _ = v.Verify(t.Context(), token) }); allocs > 0 {
			t.Errorf("a remembered token of %s takes %v allocations, want none", p.URL(), allocs)
		}
	}
}

func TestADeadIssuerDoesNotSlowAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dead, well := newPatientAt("https://dead.test"), newPatientAt("https://well.test")
		dead.suffer(hangs)
		v := newMulti(t, dead.config(), well.config())
		go func() { _, _ = v.Verify(t.Context(), dead.Token(nil)) }()
		synctest.Wait()
		takesNoTime(t, func() { wantCode(t, v, well.Token(nil), "") })
		for i := range 20 { // made-up kids of the one spend nothing of the other
			_, _ = v.Verify(t.Context(), withKid(dead.Token(nil), fmt.Sprint("made-up-", i)))
		}
		well.Rotate()
		takesNoTime(t, func() { wantCode(t, v, well.Token(nil), "") })
		time.Sleep(3 * time.Second)
	})
}

func TestMultiIsReadyWhenOneIssuerIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPatientAt("https://a.test"), newPatientAt("https://b.test")
		v := newMulti(t, a.config(), b.config())
		a.suffer(hangs)
		b.suffer(resets)
		start := time.Now()
		err := v.Ready(t.Context())
		if _, ok := errors.AsType[*verifier.KeysError](err); !ok ||
			!strings.Contains(err.Error(), a.URL()) || !strings.Contains(err.Error(), b.URL()) {
			t.Errorf("Ready: %v, want the KeysErrors of both issuers by name", err)
		}
		if waited := time.Since(start); waited != 3*time.Second {
			t.Errorf("Ready waited for %v, want one FetchTimeout for all", waited)
		}
		b.recover()
		time.Sleep(time.Second)
		if err := v.Ready(t.Context()); err != nil {
			t.Errorf("Ready: %v, want nil as one issuer is there", err)
		}
		time.Sleep(4 * time.Second) // the other issuer's fetch ends by itself
		status := v.Status()
		if len(status) != 2 || status[0].Issuer != a.URL() || status[0].Usable || !status[1].Usable {
			t.Errorf("Status() = %+v, want a lost and a good issuer in their order", status)
		}
	})
}

func TestNewMultiNamesTheIssuerThatIsWrong(t *testing.T) {
	t.Parallel()
	good := func(url string) verifier.Config {
		return verifier.Config{Issuer: url, Audiences: []string{"api"}}
	}
	for _, test := range []struct {
		name    string
		configs []verifier.Config
		want    []string
	}{
		{"none", nil, []string{"Config"}},
		{"twice", []verifier.Config{good("https://a.test"), good("https://b.test"), good("https://a.test")}, []string{"https://a.test", "twice"}},
		{"no audience", []verifier.Config{good("https://a.test"), {Issuer: "https://b.test"}}, []string{"https://b.test", "Config.Audiences"}},
		{"no issuer", []verifier.Config{good("https://a.test"), {}}, []string{`""`, "Config.Issuer"}},
		{"bad keys", []verifier.Config{{Issuer: "a", Audiences: []string{"api"}, JWKS: []byte("{}")}}, []string{`"a"`, "Config.JWKS"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, err := verifier.NewMulti(test.configs...)
			if err == nil || v != nil {
				t.Fatalf("NewMulti: %v, %v; want an error alone", v, err)
			}
			for _, want := range append(test.want, "verifier: ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}
