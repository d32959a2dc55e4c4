package verifier_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func eventConfig(issuer *verifiertest.Issuer, types ...string) verifier.Config {
	config := offline(issuer)
	config.Types = types
	return config
}

func newEventVerifier(t testing.TB, config verifier.Config) *verifier.EventVerifier {
	t.Helper()
	v, err := verifier.NewEventVerifier(config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// anEvent changes a good access token into a logout token.
func anEvent(changes map[string]any) map[string]any {
	claims := map[string]any{
		"exp": nil, "client_id": nil,
		"events": map[string]any{"urn:example:event": map[string]any{}},
	}
	maps.Copy(claims, changes)
	return claims
}

func TestVerifyEventAcceptsAnEvent(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newEventVerifier(t, eventConfig(issuer, "logout+jwt"))
	token := issuer.Token(anEvent(nil), verifiertest.WithHeader("typ", "application/Logout+JWT"))
	claims, err := v.VerifyEvent(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if claims.Issuer() != issuer.URL() || claims.Subject() != "user" || claims.ID() != "token-1" ||
		claims.IssuedAt().IsZero() {
		t.Errorf("claims = %v from %q", claims, claims.Issuer())
	}
	var all struct {
		Events map[string]any `json:"events"`
	}
	if err := claims.Decode(&all); err != nil || len(all.Events) != 1 {
		t.Errorf("Decode: %v, events = %v, want one", err, all.Events)
	}
	if got := claims.String(); strings.Contains(got, "user") {
		t.Errorf("String = %q names the user", got)
	}
}

// Each row breaks one rule.
func TestVerifyEventRefusesWhatVerifyRefuses(t *testing.T) {
	t.Parallel()
	issuer, stranger := verifiertest.NewIssuer(), verifiertest.NewIssuer()
	v := newEventVerifier(t, eventConfig(issuer, "secevent+jwt"))
	typ := verifiertest.WithHeader("typ", "secevent+jwt")
	verdict := func(issuer *verifiertest.Issuer, changes map[string]any, option verifiertest.TokenOption) verifier.Code {
		claims, err := v.VerifyEvent(t.Context(), issuer.Token(anEvent(changes), typ, option))
		if (claims == nil) != (err != nil) {
			t.Errorf("claims = %v beside error %v", claims, err)
		}
		return verifier.CodeOf(err)
	}
	if got := verdict(issuer, nil, typ); got != "" {
		t.Fatalf("a good event: code = %q", got)
	}
	if got := verdict(stranger, nil, typ); got != verifier.CodeInvalidToken {
		t.Errorf("another key: code = %q, want %q", got, verifier.CodeInvalidToken)
	}
	now := time.Now()
	for claim, rows := range map[string]map[any]verifier.Code{
		"iss": {"https://evil.test": verifier.CodeInvalidIssuer, nil: verifier.CodeMissingClaim},
		"aud": {"other": verifier.CodeInvalidAudience, nil: verifier.CodeMissingClaim},
		"exp": {
			now.Add(-time.Second): verifier.CodeTokenExpired,
			"never":               verifier.CodeMalformedToken, false: verifier.CodeMalformedToken,
		},
		"nbf": {now.Add(time.Hour): verifier.CodeTokenNotYetValid},
		"cnf": {"bound": verifier.CodeInvalidToken},
	} {
		for value, want := range rows {
			if got := verdict(issuer, map[string]any{claim: value}, typ); got != want {
				t.Errorf("%s of %v: code = %q, want %q", claim, value, got, want)
			}
		}
	}
	for name, rows := range map[string]map[any]verifier.Code{
		"alg": {"none": verifier.CodeDisallowedAlg},
		"jku": {"https://evil.test": verifier.CodeForbiddenHeader},
		"kid": {"": verifier.CodeMissingKid},
		"typ": {
			"logout+jwt": verifier.CodeInvalidToken, "at+jwt": verifier.CodeInvalidToken,
			"JWT": verifier.CodeInvalidToken, nil: verifier.CodeInvalidToken,
		},
	} {
		for value, want := range rows {
			if got := verdict(issuer, nil, verifiertest.WithHeader(name, value)); got != want {
				t.Errorf("%s of %v: code = %q, want %q", name, value, got, want)
			}
		}
	}
}

func TestVerifyEventAcceptsNoTypeOnlyWithPlainJWTs(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newEventVerifier(t, eventConfig(issuer, "logout+jwt", "JWT"))
	for _, typ := range []any{nil, "JWT", "application/jwt", "logout+jwt"} {
		token := issuer.Token(anEvent(nil), verifiertest.WithHeader("typ", typ))
		if _, err := v.VerifyEvent(t.Context(), token); err != nil {
			t.Errorf("typ %v: %v", typ, err)
		}
	}
	for _, typ := range []any{"", 7, "at+jwt"} {
		token := issuer.Token(anEvent(nil), verifiertest.WithHeader("typ", typ))
		if _, err := v.VerifyEvent(t.Context(), token); verifier.CodeOf(err) != verifier.CodeInvalidToken {
			t.Errorf("typ %v: %v, want code %q", typ, err, verifier.CodeInvalidToken)
		}
	}
}

// An event must never admit a call: neither the verifier nor its claims fit where a caller is
// judged.
func TestAnEventVerifierIsNoTokenVerifier(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	var v any = newEventVerifier(t, eventConfig(issuer, "logout+jwt"))
	if _, ok := v.(interceptor.TokenVerifier); ok {
		t.Error("an EventVerifier is a TokenVerifier")
	}
	if _, ok := v.(interface {
		Verify(context.Context, string) (*verifier.Claims, error)
	}); ok {
		t.Error("an EventVerifier can verify access tokens")
	}
	event := issuer.Token(anEvent(nil), verifiertest.WithHeader("typ", "logout+jwt"))
	refuse(t, newVerifier(t, offline(issuer)), event, verifier.CodeInvalidToken)
}

func TestEventsAreNotRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		config := issuer.Config()
		config.Types = []string{"logout+jwt"}
		v := newEventVerifier(t, config)
		event := issuer.Token(anEvent(nil), verifiertest.WithHeader("typ", "logout+jwt"))
		if _, err := v.VerifyEvent(t.Context(), event); err != nil {
			t.Fatal(err)
		}
		issuer.Rotate()
		time.Sleep(time.Hour)
		if _, err := v.VerifyEvent(t.Context(), event); err == nil {
			t.Error("an event whose key was withdrawn is accepted")
		}
	})
}

func TestVerifyEventReportsAnOutageAsOne(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	issuer.Fail(errors.New("down"))
	config := issuer.Config()
	config.Types = []string{"logout+jwt"}
	v := newEventVerifier(t, config)
	event := issuer.Token(anEvent(nil), verifiertest.WithHeader("typ", "logout+jwt"))
	_, err := v.VerifyEvent(t.Context(), event)
	if failure, ok := errors.AsType[*verifier.KeysError](err); !ok || failure.RetryAfter <= 0 {
		t.Errorf("VerifyEvent: %v, want a KeysError", err)
	}
	if v.Ready(t.Context()) == nil || v.Status().Usable {
		t.Error("the verifier is ready without keys")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.VerifyEvent(ended, event); !errors.Is(err, context.Canceled) {
		t.Errorf("VerifyEvent: %v, want the context's error", err)
	}
}

// Without exp there is nothing else that keeps strangers' events from causing fetches.
func TestForgedEventsCauseBoundedFetches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		config := direct(issuer)
		config.Types = []string{"logout+jwt"}
		v := newEventVerifier(t, config)
		for i := range 1000 {
			forged := issuer.Token(anEvent(nil), verifiertest.WithHeader("typ", "logout+jwt"),
				verifiertest.WithHeader("kid", strings.Repeat("k", i+1)))
			if _, err := v.VerifyEvent(t.Context(), forged); err == nil {
				t.Fatal("an event of an unknown key is accepted")
			}
		}
		if got := issuer.Fetches(); got > 6 {
			t.Errorf("1000 forged events caused %d fetches", got)
		}
	})
}

func TestNewEventVerifierNamesTheInvalidField(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	for field, change := range map[string]func(*verifier.Config){
		"Config.Types":            func(c *verifier.Config) { c.Types = nil },
		"Config.Types must":       func(c *verifier.Config) { c.Types = []string{""} },
		"Config.Issuer":           func(c *verifier.Config) { c.Issuer = "" },
		"Config.Audiences":        func(c *verifier.Config) { c.Audiences = nil },
		"Config.ClientIDs":        func(c *verifier.Config) { c.ClientIDs = []string{"client"} },
		"Config.MaxLifetime":      func(c *verifier.Config) { c.MaxLifetime = time.Hour },
		"Config.AcceptIDTokens":   func(c *verifier.Config) { c.AcceptIDTokens = true },
		"Config.RFC9068":          func(c *verifier.Config) { c.RFC9068 = true },
		"Config.Require":          func(c *verifier.Config) { c.Require.Scopes = []string{"a"} },
		"Config.ScopeClaim":       func(c *verifier.Config) { c.ScopeClaim = "scp" },
		"Config.PermissionsClaim": func(c *verifier.Config) { c.PermissionsClaim = "roles" },
		"Config.TokenCacheSize":   func(c *verifier.Config) { c.TokenCacheSize = 1 },
	} {
		config := eventConfig(issuer, "logout+jwt")
		change(&config)
		if _, err := verifier.NewEventVerifier(config); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("error = %v, want %q named", err, field)
		}
	}
}

func TestEmptyEventClaimsReadAsAbsent(t *testing.T) {
	t.Parallel()
	for _, claims := range []*verifier.EventClaims{nil, {}} {
		var into any
		if claims.Issuer() != "" || claims.ID() != "" || claims.Subject() != "" || !claims.IssuedAt().IsZero() ||
			claims.Decode(&into) == nil || claims.String() == "" {
			t.Error("empty claims hold something")
		}
	}
}

func TestZeroEventVerifierRefusesEvents(t *testing.T) {
	t.Parallel()
	var v verifier.EventVerifier
	claims, err := v.VerifyEvent(t.Context(), verifiertest.NewIssuer().Token(nil))
	if _, ok := errors.AsType[*verifier.AuthError](err); !ok || claims != nil {
		t.Errorf("claims = %v, error %v, want an AuthError", claims, err)
	}
}
