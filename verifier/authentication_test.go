package verifier_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestRequirementAsksForAllThatIsSet(t *testing.T) {
	t.Parallel()
	const (
		scope      = verifier.CodeInsufficientScope
		permission = verifier.CodeInsufficientPermissions
		user       = verifier.CodeInsufficientUserAuthentication
	)
	tests := []struct {
		name    string
		require verifier.Requirement
		claims  map[string]any
		want    verifier.Code
	}{
		{"nothing", verifier.Requirement{}, nil, ""},

		{"both scopes", verifier.Requirement{Scopes: []string{"a", "b"}}, map[string]any{"scope": "b c a"}, ""},
		{"the first scope alone", verifier.Requirement{Scopes: []string{"a", "b"}}, map[string]any{"scope": "a"}, scope},
		{"the second scope alone", verifier.Requirement{Scopes: []string{"a", "b"}}, map[string]any{"scope": "b"}, scope},

		{"the first alternative", verifier.Requirement{AnyScopes: []string{"a", "b"}}, map[string]any{"scope": "a"}, ""},
		{"the last alternative", verifier.Requirement{AnyScopes: []string{"a", "b"}}, map[string]any{"scope": "b"}, ""},
		{"no alternative", verifier.Requirement{AnyScopes: []string{"a", "b"}}, map[string]any{"scope": "c"}, scope},
		{"an alternative without the rest", verifier.Requirement{Scopes: []string{"c"}, AnyScopes: []string{"a", "b"}},
			map[string]any{"scope": "a b"}, scope},
		{"the rest without an alternative", verifier.Requirement{Scopes: []string{"c"}, AnyScopes: []string{"a", "b"}},
			map[string]any{"scope": "c"}, scope},

		{"both permissions", verifier.Requirement{Permissions: []string{"a", "b"}},
			map[string]any{"permissions": []string{"b", "a"}}, ""},
		{"the first permission alone", verifier.Requirement{Permissions: []string{"a", "b"}},
			map[string]any{"permissions": []string{"a"}}, permission},
		{"the second permission alone", verifier.Requirement{Permissions: []string{"a", "b"}},
			map[string]any{"permissions": []string{"b"}}, permission},
		{"a scope is no permission", verifier.Requirement{Permissions: []string{"a"}}, map[string]any{"scope": "a"}, permission},
		{"a permission is no scope", verifier.Requirement{Scopes: []string{"a"}}, map[string]any{"permissions": "a"}, scope},

		{"the first acr", verifier.Requirement{ACRValues: []string{"mfa", "key"}}, map[string]any{"acr": "mfa"}, ""},
		{"the last acr", verifier.Requirement{ACRValues: []string{"mfa", "key"}}, map[string]any{"acr": "key"}, ""},
		{"another acr", verifier.Requirement{ACRValues: []string{"mfa"}}, map[string]any{"acr": "MFA"}, user},
		{"a list of acrs", verifier.Requirement{ACRValues: []string{"mfa"}}, map[string]any{"acr": "pwd mfa"}, user},
		{"no acr", verifier.Requirement{ACRValues: []string{"mfa"}}, nil, user},
		{"no acr where the empty one is asked", verifier.Requirement{ACRValues: []string{""}}, nil, user},
		{"an acr where none is asked", verifier.Requirement{}, map[string]any{"acr": "pwd"}, ""},

		{"the user before the scopes", verifier.Requirement{Scopes: []string{"a"}, ACRValues: []string{"mfa"}}, nil, user},
		{"the scopes before the permissions", verifier.Requirement{Scopes: []string{"a"}, Permissions: []string{"b"}}, nil, scope},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.require.Check(verifiertest.Claims(test.claims))
			if got := verifier.CodeOf(err); got != test.want {
				t.Errorf("Check: %v, want code %q", err, test.want)
			}
		})
	}
}

func TestMaxAgeIsMeasuredFromAuthTime(t *testing.T) {
	t.Parallel()
	const maxAge, leeway, none = 10 * time.Minute, time.Minute, -1
	const now = 946684800 // when the clock of a bubble starts
	tests := []struct {
		name     string
		leeway   time.Duration
		authTime any
		later    time.Duration // when Check is asked
		admit    bool
	}{
		{"just now", none, now, 0, true},
		{"to the second", none, now, maxAge, true},
		{"past it", none, now, maxAge + 1, false},
		{"within the leeway", leeway, now, maxAge + leeway, true},
		{"past the leeway", leeway, now, maxAge + leeway + 1, false},
		{"within the default leeway", 0, now, maxAge + 30*time.Second, true},
		{"past the default leeway", 0, now, maxAge + 30*time.Second + 1, false},
		{"by a clock that is ahead", none, now + 60, 0, true},
		{"within a fraction of a second", none, now + 0.5, maxAge + time.Second/2, true},
		{"past a fraction of a second", none, now + 0.5, maxAge + time.Second/2 + 1, false},
		{"before the epoch", none, -1, 0, false},
		{"at the epoch", none, 0, 0, false},
		{"never", none, nil, 0, false},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			issuer := verifiertest.NewIssuer()
			config := offline(issuer)
			config.Leeway = test.leeway
			claims := accept(t, newVerifier(t, config), issuer.Token(map[string]any{
				"auth_time": test.authTime, "exp": now + 3600,
			}))
			time.Sleep(test.later)
			err := verifier.Requirement{MaxAge: maxAge}.Check(claims)
			want := verifier.CodeInsufficientUserAuthentication
			if test.admit {
				want = ""
			}
			if verifier.CodeOf(err) != want {
				t.Errorf("%s: %v, want code %q", test.name, err, want)
			}
		})
	}
}

func TestMaxAgeOfAnyLengthDoesNotWrapAround(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.Leeway = 5 * time.Minute
	claims := accept(t, newVerifier(t, config), issuer.Token(map[string]any{"auth_time": int64(1) << 53}))
	longest := (1<<63 - 1) * time.Nanosecond
	if err := (verifier.Requirement{MaxAge: longest}).Check(claims); err != nil {
		t.Error(err)
	}
	if err := (verifier.Requirement{MaxAge: -time.Second}).Check(verifiertest.Claims(nil)); err == nil {
		t.Error("a negative MaxAge admits a token without auth_time")
	}
}

// A token is good without them. What asks for them finds nothing.
func TestAuthenticationClaimsOfAnotherTypeReadAsAbsent(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	for _, value := range []string{`1`, `null`, `["mfa"]`, `{"mfa":true}`, `true`} {
		claims := accept(t, v, issuer.Token(map[string]any{"acr": raw(value)}))
		err := verifier.Requirement{ACRValues: []string{"mfa", "1", "true"}}.Check(claims)
		if got := verifier.CodeOf(err); claims.ACR() != "" || got != verifier.CodeInsufficientUserAuthentication {
			t.Errorf("acr %s: ACR = %q, Check: %v, want neither", value, claims.ACR(), err)
		}
	}
	for _, value := range []string{`"4000000000"`, `null`, `[4000000000]`, `true`, `1e300`, `"2026-10-01T00:00:00Z"`} {
		claims := accept(t, v, issuer.Token(map[string]any{"auth_time": raw(value)}))
		err := verifier.Requirement{MaxAge: 100 * 365 * 24 * time.Hour}.Check(claims)
		if got := verifier.CodeOf(err); !claims.AuthTime().IsZero() || got != verifier.CodeInsufficientUserAuthentication {
			t.Errorf("auth_time %s: AuthTime = %v, Check: %v, want neither", value, claims.AuthTime(), err)
		}
	}
	claims := accept(t, v, issuer.Token(map[string]any{"acr": "urn:mfa", "auth_time": 1700000000}))
	if claims.ACR() != "urn:mfa" || !claims.AuthTime().Equal(time.Unix(1700000000, 0)) {
		t.Errorf("ACR = %q, AuthTime = %v", claims.ACR(), claims.AuthTime())
	}
	if absent := accept(t, v, issuer.Token(nil)); absent.ACR() != "" || !absent.AuthTime().IsZero() {
		t.Errorf("ACR = %q, AuthTime = %v of a token with neither", absent.ACR(), absent.AuthTime())
	}
}

func TestCheckNamesWhatTheVerifierAsksToo(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.Require = verifier.Requirement{
		Scopes: []string{"base"}, Permissions: []string{"login"}, ACRValues: []string{"pwd", "mfa"}, MaxAge: time.Hour,
	}
	claims := accept(t, newVerifier(t, config), issuer.Token(map[string]any{
		"scope": "base", "permissions": "login", "acr": "mfa", "auth_time": time.Now().Unix(),
	}))
	err := verifier.Requirement{
		Scopes: []string{"base", "rule"}, AnyScopes: []string{"one", "other"}, Permissions: []string{"admin"},
		ACRValues: []string{"mfa", "key"}, MaxAge: 2 * time.Hour,
	}.Check(claims)
	refusal, ok := errors.AsType[*verifier.AuthError](err)
	if !ok {
		t.Fatalf("Check: %v", err)
	}
	lists := []struct {
		name      string
		got, want []string
	}{
		{"Scopes", refusal.Scopes, []string{"base", "rule", "one"}},
		{"Permissions", refusal.Permissions, []string{"login", "admin"}},
		{"ACRValues", refusal.ACRValues, []string{"mfa"}},
	}
	for _, test := range lists {
		if !slices.Equal(test.got, test.want) {
			t.Errorf("%s = %q, want %q", test.name, test.got, test.want)
		}
	}
	if refusal.MaxAge != time.Hour {
		t.Errorf("MaxAge = %v, want the shorter one", refusal.MaxAge)
	}
	refusal.Scopes[0], refusal.ACRValues[0] = "changed", "changed"
	accept(t, newVerifier(t, config), issuer.Token(map[string]any{
		"scope": "base", "permissions": "login", "acr": "mfa", "auth_time": time.Now().Unix(),
	}))
}

func TestWithNamesTheNeedsOfBoth(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		err      verifier.AuthError
		require  verifier.Requirement
		scopes   []string
		acr      []string
		maxAge   time.Duration
		unchange bool
	}{
		{"an alternative that is asked anyway", verifier.AuthError{Code: verifier.CodeInsufficientScope},
			verifier.Requirement{Scopes: []string{"b"}, AnyScopes: []string{"a", "b"}}, []string{"b"}, nil, 0, false},
		{"nothing more", verifier.AuthError{
			Code: verifier.CodeInsufficientUserAuthentication, Scopes: []string{"a"}, ACRValues: []string{"x"}, MaxAge: 1,
		}, verifier.Requirement{}, []string{"a"}, []string{"x"}, 1, false},
		{"acr values that no token satisfies", verifier.AuthError{
			Code: verifier.CodeInsufficientUserAuthentication, ACRValues: []string{"x"},
		}, verifier.Requirement{ACRValues: []string{"y"}}, nil, []string{"x"}, 0, false},
		{"the shorter age of the two", verifier.AuthError{
			Code: verifier.CodeInsufficientUserAuthentication, MaxAge: 3,
		}, verifier.Requirement{MaxAge: 2}, nil, nil, 2, false},
		{"a bad token", verifier.AuthError{Code: verifier.CodeTokenExpired},
			verifier.Requirement{Scopes: []string{"a"}}, nil, nil, 0, true},
	}
	for _, test := range tests {
		got := test.err.With(test.require)
		if !slices.Equal(got.Scopes, test.scopes) || !slices.Equal(got.ACRValues, test.acr) || got.MaxAge != test.maxAge {
			t.Errorf("%s: %+v", test.name, got)
		}
		if (got == &test.err) != test.unchange {
			t.Errorf("%s: a copy = %v", test.name, got != &test.err)
		}
	}
}

func TestChallengeOfAStepUp(t *testing.T) {
	t.Parallel()
	const code = verifier.CodeInsufficientUserAuthentication
	tests := []struct {
		err  verifier.AuthError
		want string
	}{
		{verifier.AuthError{Code: code, Message: "m", ACRValues: []string{"gold", "silver"}, MaxAge: time.Hour},
			`Bearer realm="r", error="insufficient_user_authentication", error_description="m", acr_values="gold silver", max_age="3600"`},
		{verifier.AuthError{Code: code, Message: "m", MaxAge: 5 * time.Second},
			`Bearer realm="r", error="insufficient_user_authentication", error_description="m", max_age="5"`},
		{verifier.AuthError{Code: code, Message: "m", ACRValues: []string{"gold"}, Scopes: []string{"a", "b"}},
			`Bearer realm="r", error="insufficient_user_authentication", error_description="m", acr_values="gold", scope="a b"`},
		{verifier.AuthError{Code: verifier.CodeInsufficientScope, ACRValues: []string{"gold"}, Scopes: []string{"a"}},
			`Bearer realm="r", error="insufficient_scope", scope="a"`},
	}
	for _, test := range tests {
		if got := test.err.Challenge("r").String(); got != test.want {
			t.Errorf("challenge = %s, want %s", got, test.want)
		}
	}
	if status := (&verifier.AuthError{Code: code}).StatusCode(); status != 401 {
		t.Errorf("status = %d, want 401", status)
	}
}

func TestRequirementsThatNoTokenSatisfiesAreRefused(t *testing.T) {
	t.Parallel()
	bad := map[string]verifier.Requirement{
		"two words in an alternative": {AnyScopes: []string{"a b"}},
		"an empty alternative":        {AnyScopes: []string{""}},
		"a quote in an acr":           {ACRValues: []string{`a"b`}},
		"a space in an acr":           {ACRValues: []string{"a b"}},
		"an empty acr":                {ACRValues: []string{""}},
		"a non-ASCII acr":             {ACRValues: []string{"\u00e9"}},
		"an empty subject":            {Subjects: []string{"a", ""}},
		"every subject":               {Subjects: []string{"*"}},
		"every subject with a slash":  {Subjects: []string{"/*"}},
		"half a segment":              {Subjects: []string{"spiffe://example.org/web*"}},
		"a segment in the middle":     {Subjects: []string{"spiffe://example.org/*/web"}},
		"two segments":                {Subjects: []string{"spiffe://example.org/*/*"}},
		"an empty actor":              {Actors: []string{""}},
		"every actor":                 {Actors: []string{"*"}},
		"a negative age":              {MaxAge: -time.Second},
		"a fraction of a second":      {MaxAge: time.Second + 1},
	}
	for name, require := range bad {
		if err := require.Validate(); err == nil {
			t.Errorf("%s: valid", name)
		}
		config := offline(verifiertest.NewIssuer())
		config.Require = require
		if _, err := verifier.New(config); err == nil || !strings.Contains(err.Error(), "Config.Require") {
			t.Errorf("%s: New: %v, want an error that names Config.Require", name, err)
		}
	}
	good := verifier.Requirement{
		Subjects: []string{"spiffe://example.org/web/*", "system:serviceaccount:shop:web"}, Actors: []string{"gateway"},
		AnyScopes: []string{"a", "b"}, ACRValues: []string{"urn:mace:incommon:iap:silver", "1"}, MaxAge: time.Second,
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

func TestIsZeroSeesEveryField(t *testing.T) {
	t.Parallel()
	if !(verifier.Requirement{}).IsZero() {
		t.Error("the zero value asks for something")
	}
	for _, require := range []verifier.Requirement{
		{Scopes: []string{"a"}}, {AnyScopes: []string{"a"}}, {Permissions: []string{"a"}}, {ACRValues: []string{"a"}}, {MaxAge: 1},
		{Issuers: []string{"a"}}, {Subjects: []string{"a"}}, {Actors: []string{"a"}},
	} {
		if require.IsZero() {
			t.Errorf("%+v asks for nothing", require)
		}
	}
}

func TestVerifyAsksForEveryPartOfTheBaseline(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.Require = verifier.Requirement{Scopes: []string{"read"}, Permissions: []string{"login"}, MaxAge: time.Hour}
	v := newVerifier(t, config)
	now := time.Now().Unix()
	accept(t, v, issuer.Token(map[string]any{"scope": "read", "permissions": "login", "auth_time": now}))
	tests := []struct {
		claims map[string]any
		want   verifier.Code
	}{
		{map[string]any{"permissions": "login", "auth_time": now}, verifier.CodeInsufficientScope},
		{map[string]any{"scope": "read", "auth_time": now}, verifier.CodeInsufficientPermissions},
		{map[string]any{"scope": "read", "permissions": "login"}, verifier.CodeInsufficientUserAuthentication},
		{map[string]any{"scope": "read", "exp": 1}, verifier.CodeTokenExpired},
	}
	for _, test := range tests {
		refuse(t, v, issuer.Token(test.claims), test.want)
	}
}

func TestCheckAsksForTheBaselineAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		config := offline(issuer)
		config.Require = verifier.Requirement{MaxAge: time.Minute}
		claims := accept(t, newVerifier(t, config), issuer.Token(map[string]any{"auth_time": time.Now().Unix()}))
		time.Sleep(time.Minute)
		if err := (verifier.Requirement{}).Check(claims); err != nil {
			t.Errorf("at the last moment: %v", err)
		}
		time.Sleep(1)
		if got := verifier.CodeOf((verifier.Requirement{}).Check(claims)); got != verifier.CodeInsufficientUserAuthentication {
			t.Errorf("code = %q", got)
		}
	})
}
