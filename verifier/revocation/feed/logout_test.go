package feed_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/revocation/feed"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const formType = "application/x-www-form-urlencoded"

var logoutEvents = map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}

// logoutClaims change an access token of the test issuer into a logout token for Alice.
var logoutClaims = map[string]any{
	"sub": "alice", "sid": "s1", "jti": "logout-1", "client_id": nil, "exp": nil, "events": logoutEvents,
}

// typed is the type of logout tokens.
var typed = verifiertest.WithHeader("typ", "logout+jwt")

func newLogout(tb testing.TB, list *revocation.List, config feed.LogoutConfig) *feed.Logout {
	tb.Helper()
	l, err := feed.NewLogout(list, config)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func logOut(h http.Handler, token string) *httptest.ResponseRecorder {
	return send(h, formType, url.Values{"logout_token": {token}}.Encode())
}

func TestLogoutEndsWhatTheTokenNames(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		changes map[string]any
		want    map[string]bool
	}{
		"a session":                    {map[string]any{"sub": nil}, set("alice in s1")},
		"a user":                       {map[string]any{"sid": nil}, set("alice", "alice in s1", "alice in s2")},
		"a session of a user":          {nil, set("alice", "alice in s1")},
		"a user whose sub is a number": {map[string]any{"sid": nil, "sub": 7}, set()},
	} {
		issuer, list, reports := verifiertest.NewIssuer(), newList(t, revocation.Config{}), &journal{}
		l := newLogout(t, list, feed.LogoutConfig{Verifier: offline(issuer), OnEvent: reports.add})
		w := logOut(l, issuer.Token(with(logoutClaims, row.changes), typed))
		if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d, body %q, header %v, want 200, nothing to store", name, w.Code, w.Body, w.Header())
		}
		if got := ended(t, list, issuer); !maps.Equal(got, row.want) {
			t.Errorf("%s: ended %v, want %v", name, got, row.want)
		}
		if r := reports.last(); r.Outcome != feed.Applied || r.ID != "logout-1" || r.Type == "" || r.Err != nil {
			t.Errorf("%s: report %+v", name, r)
		}
	}
}

// Each row breaks one rule, and changes nothing.
func TestLogoutRefusesBadTokens(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	now := time.Now()
	deep := json.RawMessage(strings.Repeat("[", 100) + strings.Repeat("]", 100))
	claims := map[string]map[string]any{
		"no events":                  {"events": nil},
		"events that are no object":  {"events": []any{"http://schemas.openid.net/event/backchannel-logout"}},
		"another event":              {"events": map[string]any{"urn:example:event": map[string]any{}}},
		"a prefix of the event":      {"events": map[string]any{"http://schemas.openid.net/event/backchannel-logou": map[string]any{}}},
		"an event that is no object": {"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": true}},
		"a nonce":                    {"nonce": "n-1"},
		"a nonce that is null":       {"nonce": verifiertest.Null},
		"neither sub nor sid":        {"sub": nil, "sid": nil},
		"an empty sid":               {"sid": ""},
		"an empty sub":               {"sub": ""},
		"a sid that is no string":    {"sid": 7},
		"a sub that is no string":    {"sub": []string{"alice"}},
		"a sub too long":             {"sub": strings.Repeat("a", 1025)},
		"a sid too long":             {"sid": strings.Repeat("a", 1025)},
		"no jti":                     {"jti": nil},
		"no iat":                     {"iat": nil},
		"an iat in words":            {"iat": "now"},
		"an iat to come":             {"iat": now.Add(time.Minute)},
		"an old iat":                 {"iat": now.Add(-6 * time.Minute)},
		"an exp that passed":         {"exp": now.Add(-time.Second)},
		"another issuer":             {"iss": otherIssuer},
		"another audience":           {"aud": "another client"},
		"no audience":                {"aud": nil},
		"a deep claim":               {"deep": deep},
	}
	tokens := map[string]string{
		"no token":               "",
		"no JWT":                 "logout",
		"a huge token":           strings.Repeat("a", 17<<10),
		"another key":            verifiertest.NewIssuer().Token(logoutClaims, typed),
		"no signature":           issuer.Token(logoutClaims, typed, verifiertest.WithHeader("alg", "none")),
		"a plain JWT":            issuer.Token(logoutClaims, verifiertest.WithHeader("typ", "JWT")),
		"no type":                issuer.Token(logoutClaims, verifiertest.WithHeader("typ", nil)),
		"an access token":        issuer.Token(nil),
		"a security event token": issuer.Token(logoutClaims, verifiertest.WithHeader("typ", "secevent+jwt")),
		"a name twice": issuer.Token(nil, typed, verifiertest.WithRawPayload(
			`{"iss":"https://issuer.test","iss":"https://issuer.test"}`)),
	}
	for name, changes := range claims {
		tokens[name] = issuer.Token(with(logoutClaims, changes), typed)
	}
	for name, token := range tokens {
		list, reports := newList(t, revocation.Config{}), &journal{}
		config := offline(issuer)
		l := newLogout(t, list, feed.LogoutConfig{Verifier: config, OnEvent: reports.add})
		w := logOut(l, token)
		var answer struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Error != "invalid_request" ||
			answer.Description == "" || strings.Contains(answer.Description, "alice") {
			t.Errorf("%s: body %q", name, w.Body)
		}
		if w.Code != http.StatusBadRequest || w.Header().Get("Cache-Control") != "no-store" ||
			w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: status %d, header %v, want 400", name, w.Code, w.Header())
		}
		if r := reports.last(); r.Outcome != feed.Refused && name != "a huge token" {
			t.Errorf("%s: report %+v, want a refusal", name, r)
		}
		nothingChanged(t, list)
	}
}

func TestLogoutRefusesOtherRequests(t *testing.T) {
	t.Parallel()
	issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
	l := newLogout(t, list, feed.LogoutConfig{Verifier: offline(issuer)})
	form := url.Values{"logout_token": {issuer.Token(logoutClaims, typed)}}.Encode()
	for name, row := range map[string]struct {
		method, target, contentType, body string
		want                              int
	}{
		"GET":              {http.MethodGet, "/?" + form, formType, "", http.StatusMethodNotAllowed},
		"PUT":              {http.MethodPut, "/", formType, form, http.StatusMethodNotAllowed},
		"another type":     {http.MethodPost, "/", "text/plain", form, http.StatusBadRequest},
		"a type too long":  {http.MethodPost, "/", formType + "; a=" + strings.Repeat("a", 256), form, http.StatusBadRequest},
		"no type":          {http.MethodPost, "/", "", form, http.StatusBadRequest},
		"an empty form":    {http.MethodPost, "/", formType, "", http.StatusBadRequest},
		"in the query":     {http.MethodPost, "/?" + form, formType, "", http.StatusBadRequest},
		"two tokens":       {http.MethodPost, "/", formType, form + "&" + form, http.StatusBadRequest},
		"a malformed form": {http.MethodPost, "/", formType, form + "&a=%", http.StatusBadRequest},
		"a body too long":  {http.MethodPost, "/", formType, form + "&a=" + strings.Repeat("a", 20<<10), http.StatusBadRequest},
	} {
		r := httptest.NewRequest(row.method, row.target, strings.NewReader(row.body))
		r.Header.Set("Content-Type", row.contentType)
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		if w.Code != row.want || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d, want %d, nothing to store", name, w.Code, row.want)
		}
		if allow := w.Header().Get("Allow"); row.want == http.StatusMethodNotAllowed && allow != http.MethodPost {
			t.Errorf("%s: Allow = %q", name, allow)
		}
		nothingChanged(t, list)
	}
	if w := send(l, formType+"; charset=utf-8", form+"&other=1"); w.Code != http.StatusOK {
		t.Errorf("with other values: status %d, want 200", w.Code)
	}
}

func TestLogoutAcceptsPlainTypesIfToldTo(t *testing.T) {
	t.Parallel()
	issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
	l := newLogout(t, list, feed.LogoutConfig{Verifier: offline(issuer), AllowPlainType: true})
	for _, typ := range []any{nil, "JWT", "logout+jwt"} {
		if w := logOut(l, issuer.Token(logoutClaims, verifiertest.WithHeader("typ", typ))); w.Code != http.StatusOK {
			t.Errorf("typ %v: status %d, want 200: %s", typ, w.Code, w.Body)
		}
	}
	for name, token := range map[string]string{
		"at+jwt":      issuer.Token(logoutClaims),
		"an ID token": issuer.Token(map[string]any{"nonce": "n-1"}, verifiertest.WithHeader("typ", "JWT")),
	} {
		if w := logOut(l, token); w.Code != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 400", name, w.Code)
		}
	}
}

// Keycloak writes typ into the claims, and a boolean among the events. The shape is from
// core/src/main/java/org/keycloak/representations/LogoutToken.java at commit 498216696d9b in
// github.com/keycloak/keycloak, and from initLogoutToken and encode in
// services/src/main/java/org/keycloak/jose/jws/DefaultTokenManager.java: at commit d6a800e21516
// the header has typ JWT, and later it's logout+jwt, with an exp after two minutes.
func TestLogoutAcceptsKeycloaksShape(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms("RS256"))
	config := offline(issuer)
	config.Audiences = []string{"web"}
	now := time.Now()
	for _, row := range []struct {
		typ        string
		exp        any
		allowPlain bool
		want       int
	}{
		{"JWT", nil, true, http.StatusOK},
		{"JWT", nil, false, http.StatusBadRequest},
		{"logout+jwt", now.Add(2 * time.Minute), false, http.StatusOK},
	} {
		token := issuer.Token(map[string]any{
			"exp": row.exp, "iat": now, "jti": "5c6d4b9e-6ee6-4a4c-9f0c-2a4f2a0b1c1d",
			"aud": "web", "sub": "alice", "typ": "Logout", "sid": "s1", "client_id": nil,
			"events": map[string]any{
				"http://schemas.openid.net/event/backchannel-logout": map[string]any{},
				"revoke_offline_access":                              true,
			},
		}, verifiertest.WithHeader("typ", row.typ))
		list := newList(t, revocation.Config{})
		w := logOut(newLogout(t, list, feed.LogoutConfig{Verifier: config, AllowPlainType: row.allowPlain}), token)
		if w.Code != row.want || ended(t, list, issuer)["alice in s1"] != (row.want == http.StatusOK) {
			t.Errorf("%+v: status %d: %s", row, w.Code, w.Body)
		}
	}
}

// What a logout ends depends on when it happened. So a captured token harms no later login,
// whether it's remembered or not.
func TestARepeatedLogoutChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, list, reports := verifiertest.NewIssuer(), newList(t, revocation.Config{}), &journal{}
		config := feed.LogoutConfig{Verifier: offline(issuer), OnEvent: reports.add}
		l := newLogout(t, list, config)
		token := issuer.Token(with(logoutClaims, map[string]any{"sid": nil}), typed)
		before := time.Now()
		if w := logOut(l, token); w.Code != http.StatusOK {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		time.Sleep(2 * time.Minute)
		anew := time.Now()
		for want, l := range map[feed.Outcome]*feed.Logout{feed.Repeated: l, feed.Applied: newLogout(t, list, config)} {
			if w := logOut(l, token); w.Code != http.StatusOK {
				t.Errorf("repeated: status %d, want 200", w.Code)
			}
			if r := reports.last(); r.Outcome != want {
				t.Errorf("repeated: outcome %q, want %q", r.Outcome, want)
			}
		}
		alice := callers(issuer)["alice"]
		if !alice.isRevoked(t, list, before) || alice.isRevoked(t, list, anew) {
			t.Error("want the old token revoked, and the new one good")
		}
		time.Sleep(4 * time.Minute)
		if w := logOut(newLogout(t, list, config), token); w.Code != http.StatusBadRequest {
			t.Errorf("an old token: status %d, want 400", w.Code)
		}
	})
}

func TestLogoutIsUnavailableInAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, bus, reports := verifiertest.NewIssuer(), &testBus{}, &journal{}
		list := newList(t, revocation.Config{Bus: bus, Stale: revocation.Admit})
		l := newLogout(t, list, feed.LogoutConfig{Verifier: issuer.Config(), OnEvent: reports.add})
		token := issuer.Token(logoutClaims, typed)
		wantOutage := func(what string) {
			w := logOut(l, token)
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
				t.Errorf("%s: status %d, header %v, want 503 with Retry-After", what, w.Code, w.Header())
			}
			if r := reports.last(); r.Outcome != feed.Failed || r.Err == nil {
				t.Errorf("%s: report %+v, want a failure", what, r)
			}
		}
		issuer.Fail(errors.New("down"))
		wantOutage("no keys")
		nothingChanged(t, list)
		issuer.Fail(nil)
		time.Sleep(time.Minute)
		bus.setDown(true)
		wantOutage("no bus")
		bus.setDown(false)
		if w := logOut(l, token); w.Code != http.StatusOK || reports.last().Outcome != feed.Applied {
			t.Errorf("afterwards: status %d, %+v, want 200, applied", w.Code, reports.last())
		}
	})
}

func TestNewLogoutNamesTheInvalidField(t *testing.T) {
	t.Parallel()
	issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
	for want, change := range map[string]func(*feed.LogoutConfig){
		"LogoutConfig.Verifier: Config.Issuer":    func(c *feed.LogoutConfig) { c.Verifier.Issuer = "" },
		"LogoutConfig.Verifier: Config.ClientIDs": func(c *feed.LogoutConfig) { c.Verifier.ClientIDs = []string{"a"} },
		"LogoutConfig.Verifier.Types":             func(c *feed.LogoutConfig) { c.Verifier.Types = []string{"JWT"} },
		"LogoutConfig.MaxAge must":                func(c *feed.LogoutConfig) { c.MaxAge = -1 },
		"LogoutConfig.MaxAge is":                  func(c *feed.LogoutConfig) { c.MaxAge = 300 },
		"LogoutConfig.Timeout must":               func(c *feed.LogoutConfig) { c.Timeout = time.Hour },
		"LogoutConfig.Timeout is":                 func(c *feed.LogoutConfig) { c.Timeout = 5 },
		"LogoutConfig.MaxConcurrent":              func(c *feed.LogoutConfig) { c.MaxConcurrent = -1 },
	} {
		config := feed.LogoutConfig{Verifier: offline(issuer)}
		change(&config)
		if _, err := feed.NewLogout(list, config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want %q named", err, want)
		}
	}
	if _, err := feed.NewLogout(nil, feed.LogoutConfig{Verifier: offline(issuer)}); err == nil {
		t.Error("a nil list is accepted")
	}
}
