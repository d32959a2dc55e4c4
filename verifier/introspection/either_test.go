package introspection_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// Whatever the authorization server says: it calls every token active here.
func TestAJWTOfTheVerifiersIssuerIsNeverIntrospected(t *testing.T) {
	t.Parallel()
	jwts := verifiertest.NewIssuer()
	other := verifiertest.NewIssuer(verifiertest.WithURL("https://other.test"))
	good := jwts.Token(nil)
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	now := time.Now()
	for _, test := range []struct {
		name, token string
		want        verifier.Code // "": accepted
		isOpaque    bool
	}{
		{"a good JWT", good, "", false},
		{"an expired one", jwts.Token(map[string]any{"exp": now.Add(-time.Hour).Unix()}), verifier.CodeTokenExpired, false},
		{"for another service", jwts.Token(map[string]any{"aud": "https://other.test"}), verifier.CodeInvalidAudience, false},
		{"signed by another key", other.Token(map[string]any{"iss": jwts.URL()}), verifier.CodeInvalidToken, false},
		{"without a signature", header + "." + payload + ".", verifier.CodeMalformedToken, false},
		{"with a header that is none", "x." + payload + "." + signature, verifier.CodeMalformedToken, false},
		{"with bits after its payload", header + "." + unevenBase64(jwts.URL()) + "." + signature, verifier.CodeMalformedToken, false},
		{"in the other alphabet", header + "." + otherAlphabet(jwts.URL()) + "." + signature, verifier.CodeMalformedToken, false},
		{"padded", header + "." + payload + "=." + signature, verifier.CodeMalformedToken, false},
		{"with iss twice", jwts.Token(nil, verifiertest.WithRawPayload(`{"iss":"`+jwts.URL()+`","iss":"x"}`)), verifier.CodeMalformedToken, false},
		{"with text after its payload", jwts.Token(nil, verifiertest.WithRawPayload(`{"iss":"`+jwts.URL()+`"} {}`)), verifier.CodeMalformedToken, false},

		{"opaque", "opaque", "", true},
		{"opaque, with two dots", "a.b.c", "", true},
		{"opaque, and looks like a JWE", "eyJhbGciOiJkaXIifQ..a.b.c", "", true},
		{"a JWT of another issuer", other.Token(nil), "", true},
		{"a JWT of an issuer that differs by the slash", jwts.Token(map[string]any{"iss": jwts.URL() + "/"}), "", true},
		{"a JWT without iss", jwts.Token(map[string]any{"iss": nil}), "", true},
		{"a JWT with an iss that is no string", jwts.Token(map[string]any{"iss": []string{jwts.URL()}}), "", true},
		{"a JWT in JWE's clothes", good + ".a.b", "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for name, v := range map[string]introspection.JWTVerifier{
				"Verifier": must(verifier.New(jwts.Config())),
				"Multi":    must(verifier.NewMulti(jwts.Config())),
			} {
				s := newServer()
				s.issue(test.token, nil)
				either, err := introspection.NewEither(v, s.verifier(t, nil))
				if err != nil {
					t.Fatal(err)
				}
				for range 2 { // new, and remembered
					_, err := either.Verify(t.Context(), test.token)
					if code := verifier.CodeOf(err); code != test.want || test.want == "" && err != nil {
						t.Errorf("%s: %v, want code %q", name, err, test.want)
					}
				}
				if isOpaque := s.questions() > 0; isOpaque != test.isOpaque {
					t.Errorf("%s: the authorization server was asked: %t", name, isOpaque)
				}
			}
		})
	}
}

// unevenBase64 returns a payload of which only a lenient decoder makes sense.
func unevenBase64(issuer string) string {
	text := []byte(base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"` + issuer + `"}` + strings.Repeat(" ", 3-(len(issuer)+10)%3+1))))
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := &text[len(text)-1]
	*last = alphabet[strings.IndexByte(alphabet, *last)|1]
	return string(text)
}

func otherAlphabet(issuer string) string {
	return base64.RawStdEncoding.EncodeToString([]byte(`{"iss":"` + issuer + `","x":"???>>>??>>"}`))
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// The two share an introspection verifier with another scheme, where the JWT was introspected.
func TestAJWTThatWasIntrospectedElsewhereIsStillJudgedByItsKeys(t *testing.T) {
	t.Parallel()
	jwts := verifiertest.NewIssuer()
	s := newServer()
	opaque := s.verifier(t, nil)
	token := s.issue(jwts.Token(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), nil)
	accept(t, opaque, token)
	either := must(introspection.NewEither(must(verifier.New(jwts.Config())), opaque))
	if _, err := either.Verify(t.Context(), token); verifier.CodeOf(err) != verifier.CodeTokenExpired {
		t.Errorf("Verify: %v, want code %q", err, verifier.CodeTokenExpired)
	}
}

func TestAnEitherIsReadyWithOneKind(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ jwtsDown, opaqueDown bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		jwts := verifiertest.NewIssuer()
		s := newServer()
		if test.jwtsDown {
			jwts.Fail(http.ErrServerClosed)
		}
		if test.opaqueDown {
			s.suffer(status(503))
		}
		either := must(introspection.NewEither(must(verifier.New(jwts.Config())), s.verifier(t, nil)))
		if err := either.Ready(t.Context()); (err != nil) != (test.jwtsDown && test.opaqueDown) {
			t.Errorf("%+v: Ready: %v", test, err)
		}
		status := either.Status()
		if len(status) != 2 || status[0].Issuer != jwts.URL() || status[1].Issuer != issuer {
			t.Errorf("%+v: Status = %+v", test, status)
		}
	}
}

func TestAnEitherTakesTheLongerToken(t *testing.T) {
	t.Parallel()
	jwts := verifiertest.NewIssuer()
	for _, test := range []struct{ jwts, opaque, want int }{{100, 200, 200}, {300, 200, 300}} {
		config := jwts.Config()
		config.MaxTokenBytes = test.jwts
		opaque := newServer().verifier(t, func(c *introspection.Config) { c.MaxTokenBytes = test.opaque })
		if n := must(introspection.NewEither(must(verifier.New(config)), opaque)).MaxTokenBytes(); n != test.want {
			t.Errorf("MaxTokenBytes() = %d, want %d", n, test.want)
		}
	}
}

func TestAnEitherNeedsTwoVerifiers(t *testing.T) {
	t.Parallel()
	jwts := must(verifier.New(verifiertest.NewIssuer().Config()))
	opaque := newServer().verifier(t, nil)
	var none *verifier.Verifier
	for _, either := range []func() (*introspection.Either, error){
		func() (*introspection.Either, error) { return introspection.NewEither(nil, opaque) },
		func() (*introspection.Either, error) { return introspection.NewEither(none, opaque) },
		func() (*introspection.Either, error) { return introspection.NewEither(jwts, nil) },
	} {
		if e, err := either(); err == nil || e != nil {
			t.Errorf("NewEither: %v, %v, want an error", e, err)
		}
	}
	var zero introspection.Either
	_, err := zero.Verify(t.Context(), "opaque")
	if verifier.CodeOf(err) != verifier.CodeInvalidToken || zero.Ready(t.Context()) == nil || zero.MaxTokenBytes() != 0 {
		t.Errorf("a zero Either: %v", err)
	}
}
