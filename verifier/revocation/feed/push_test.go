package feed_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/revocation/feed"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const eventType = "application/secevent+jwt"

var signed = verifiertest.WithHeader("typ", "secevent+jwt")

// aboutAlice is the subject that names her by iss and sub.
func aboutAlice(issuer *verifiertest.Issuer) map[string]any {
	return map[string]any{"format": "iss_sub", "iss": issuer.URL(), "sub": "alice"}
}

// signalClaims change an access token into a security event token.
func signalClaims(kind string, subject, details any) map[string]any {
	return map[string]any{
		"sub": nil, "client_id": nil, "exp": nil, "jti": "event-1",
		"sub_id": subject, "events": map[string]any{kind: details},
	}
}

func newPush(tb testing.TB, list *revocation.List, config feed.PushConfig) *feed.Push {
	tb.Helper()
	p, err := feed.NewPush(list, config)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// wantError wants an answer as RFC 8935, section 2.3, has it.
func wantError(tb testing.TB, what string, w *httptest.ResponseRecorder, code string) {
	tb.Helper()
	var answer feedError
	err := json.Unmarshal(w.Body.Bytes(), &answer)
	if err != nil || answer.Err != code || answer.Description == "" || strings.Contains(answer.Description, "alice") {
		tb.Errorf("%s: body %q, want err %q and a description", what, w.Body, code)
	}
	if h := w.Header(); w.Code != http.StatusBadRequest || h.Get("Content-Language") != "en" ||
		h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" {
		tb.Errorf("%s: status %d, header %v, want 400 with a language", what, w.Code, h)
	}
}

func TestPushEndsARevokedSession(t *testing.T) {
	t.Parallel()
	issuer, list, reports := verifiertest.NewIssuer(), newList(t, revocation.Config{}), &journal{}
	p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer), OnEvent: reports.add}})
	w := send(p, eventType, issuer.Token(signalClaims(feed.SessionRevoked, aboutAlice(issuer), map[string]any{}), signed))
	if w.Code != http.StatusAccepted || w.Body.Len() != 0 {
		t.Errorf("status %d, body %q, want 202 and none", w.Code, w.Body)
	}
	if got, want := ended(t, list, issuer), set("alice", "alice in s1", "alice in s2"); !maps.Equal(got, want) {
		t.Errorf("ended %v, want %v", got, want)
	}
	if r := reports.last(); r.Outcome != feed.Applied || r.Type != feed.SessionRevoked || r.ID != "event-1" {
		t.Errorf("report %+v", r)
	}
}

// Each row breaks one rule, and changes nothing.
func TestPushRefusesBadEvents(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	alice, details, now := aboutAlice(issuer), map[string]any{}, time.Now()
	good := signalClaims(feed.SessionRevoked, alice, details)
	deep := json.RawMessage(strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40))
	type row struct{ token, code string }
	rows := map[string]row{
		"no JWT":          {"event", "invalid_request"},
		"a huge token":    {strings.Repeat("a", 24<<10), "invalid_request"},
		"another type":    {issuer.Token(good, typed), "invalid_request"},
		"an access token": {issuer.Token(nil), "invalid_request"},
		"a plain JWT":     {issuer.Token(good, verifiertest.WithHeader("typ", "JWT")), "invalid_request"},
		"another key":     {verifiertest.NewIssuer().Token(good, signed), "invalid_request"},
		"an unknown key":  {issuer.Token(good, signed, verifiertest.WithHeader("kid", "other")), "invalid_key"},
		"alg none":        {issuer.Token(good, signed, verifiertest.WithHeader("alg", "none")), "invalid_key"},
	}
	for name, r := range map[string]struct {
		changes map[string]any
		code    string
	}{
		"another issuer":   {map[string]any{"iss": otherIssuer}, "invalid_issuer"},
		"another audience": {map[string]any{"aud": "other"}, "invalid_audience"},
		"no jti":           {map[string]any{"jti": nil}, "invalid_request"},
		"no iat":           {map[string]any{"iat": nil}, "invalid_request"},
		"an iat to come":   {map[string]any{"iat": now.Add(time.Minute)}, "invalid_request"},
		"an old iat":       {map[string]any{"iat": now.Add(-25 * time.Hour)}, "invalid_request"},
		"an exp":           {map[string]any{"exp": now.Add(-time.Second)}, "invalid_request"},
		"no events":        {map[string]any{"events": nil}, "invalid_request"},
		"empty events":     {map[string]any{"events": map[string]any{}}, "invalid_request"},
		"a list of events": {map[string]any{"events": []string{feed.SessionRevoked}}, "invalid_request"},
		"no object":        {map[string]any{"events": map[string]any{feed.SessionRevoked: true}}, "invalid_request"},
		"two types": {map[string]any{"events": map[string]any{
			feed.SessionRevoked: details, feed.CredentialChange: details}}, "invalid_request"},
		"no subject": {map[string]any{"sub_id": nil}, "invalid_request"},
		"a subject of no format": {map[string]any{"sub_id": map[string]any{
			"iss": issuer.URL(), "sub": "alice"}}, "invalid_request"},
		"a subject in words":     {map[string]any{"sub_id": "alice"}, "invalid_request"},
		"a subject that is null": {map[string]any{"sub_id": verifiertest.Null}, "invalid_request"},
		"no sub in it":           {map[string]any{"sub_id": with(alice, map[string]any{"sub": verifiertest.Null})}, "invalid_request"},
		"a number for sub":       {map[string]any{"sub_id": with(alice, map[string]any{"sub": 7})}, "invalid_request"},
		"no iss in it":           {map[string]any{"sub_id": with(alice, map[string]any{"iss": ""})}, "invalid_request"},
		"a long sub in it":       {map[string]any{"sub_id": with(alice, map[string]any{"sub": strings.Repeat("a", 1025)})}, "invalid_request"},
		"a deep subject":         {map[string]any{"sub_id": with(alice, map[string]any{"deep": deep})}, "invalid_request"},
		"deep details":           {map[string]any{"events": map[string]any{feed.SessionRevoked: deep}}, "invalid_request"},
		"a time in words": {map[string]any{"events": map[string]any{
			feed.SessionRevoked: map[string]any{"event_timestamp": "now"}}}, "invalid_request"},
		"a time before 1970": {map[string]any{"events": map[string]any{
			feed.SessionRevoked: map[string]any{"event_timestamp": -1}}}, "invalid_request"},
		"a status without one": {map[string]any{"events": map[string]any{feed.StreamUpdated: details}}, "invalid_request"},
		"another's state": {map[string]any{"events": map[string]any{
			feed.Verification: map[string]any{"state": "other"}}}, "invalid_state"},
	} {
		rows[name] = row{issuer.Token(with(good, r.changes), signed), r.code}
	}
	for name, r := range rows {
		list, reports := newList(t, revocation.Config{}), &journal{}
		p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{
			Verifier: offline(issuer), OnEvent: reports.add,
			ExpectState: func(state string) bool { return state == "ours" },
		}})
		wantError(t, name, send(p, eventType, r.token), r.code)
		if got := reports.last(); got.Outcome != feed.Refused && name != "a huge token" {
			t.Errorf("%s: report %+v, want a refusal", name, got)
		}
		nothingChanged(t, list)
	}
}

func TestPushRefusesOtherRequests(t *testing.T) {
	t.Parallel()
	issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
	p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer)}})
	token := issuer.Token(signalClaims(feed.SessionRevoked, aboutAlice(issuer), map[string]any{}), signed)
	wantError(t, "another type", send(p, "application/jwt", token), "invalid_request")
	wantError(t, "a line break", send(p, eventType, token+"\n"), "invalid_request")
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost {
		t.Errorf("GET: status %d, want 405", w.Code)
	}
	nothingChanged(t, list)
}

func TestPushChecksTheTransmittersAuthorization(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	token := issuer.Token(signalClaims(feed.SessionRevoked, aboutAlice(issuer), map[string]any{}), signed)
	for name, row := range map[string]struct {
		sent []string
		good bool
	}{
		"the one":          {[]string{"Bearer old"}, true},
		"the other":        {[]string{"Bearer new"}, true},
		"none":             {nil, false},
		"another":          {[]string{"Bearer another"}, false},
		"a prefix":         {[]string{"Bearer ol"}, false},
		"in another case":  {[]string{"bearer old"}, false},
		"two, one is good": {[]string{"Bearer old", "Bearer another"}, false},
	} {
		list := newList(t, revocation.Config{})
		p := newPush(t, list, feed.PushConfig{
			Signals: feed.Signals{Verifier: offline(issuer)}, Authorization: []string{"Bearer old", "Bearer new"},
		})
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(token))
		r.Header.Set("Content-Type", eventType)
		r.Header["Authorization"] = row.sent
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if row.good && w.Code != http.StatusAccepted {
			t.Errorf("%s: status %d, want 202", name, w.Code)
		}
		if !row.good {
			wantError(t, name, w, "authentication_failed")
			nothingChanged(t, list)
		}
	}
}

// A session's end counts from when it happened, in the transmitter's words.
func TestTheTimeOfAnEventDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		alice := callers(issuer)["alice"]
		issued := time.Now()
		for name, row := range map[string]struct {
			details map[string]any
			want    time.Time
		}{
			"iat":               {map[string]any{}, issued},
			"an earlier time":   {map[string]any{"event_timestamp": issued.Add(-time.Hour)}, issued.Add(-time.Hour)},
			"a later time":      {map[string]any{"event_timestamp": issued.Add(time.Hour)}, issued},
			"milliseconds":      {map[string]any{"event_timestamp": issued.UnixMilli()}, issued},
			"a fraction":        {map[string]any{"event_timestamp": float64(issued.Unix()) - 59.5}, issued.Add(-time.Minute)},
			"an immense number": {map[string]any{"event_timestamp": 1e15}, issued},
		} {
			if at, ok := row.details["event_timestamp"].(time.Time); ok {
				row.details["event_timestamp"] = at.Unix()
			}
			list := newList(t, revocation.Config{})
			p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer)}})
			token := issuer.Token(with(signalClaims(feed.SessionRevoked, aboutAlice(issuer), row.details),
				map[string]any{"iat": issued}), signed)
			if w := send(p, eventType, token); w.Code != http.StatusAccepted {
				t.Errorf("%s: status %d: %s", name, w.Code, w.Body)
			}
			if !alice.isRevoked(t, list, row.want) || alice.isRevoked(t, list, row.want.Add(time.Second)) {
				t.Errorf("%s: want the end of what was issued up to %v", name, row.want)
			}
		}
		// However often it comes, and wherever.
		token := issuer.Token(signalClaims(feed.SessionRevoked, aboutAlice(issuer), map[string]any{}), signed)
		time.Sleep(time.Hour)
		list, reports := newList(t, revocation.Config{}), &journal{}
		config := feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer), OnEvent: reports.add}}
		p := newPush(t, list, config)
		for i, h := range []http.Handler{p, p, newPush(t, list, config)} {
			want := []feed.Outcome{feed.Applied, feed.Repeated, feed.Applied}[i]
			if w := send(h, eventType, token); w.Code != http.StatusAccepted || reports.last().Outcome != want {
				t.Errorf("delivery %d: status %d, %+v, want 202, %q", i, w.Code, reports.last(), want)
			}
			if alice.isRevoked(t, list, issued.Add(time.Second)) {
				t.Errorf("delivery %d: a later login has ended", i)
			}
		}
	})
}

// What comes under the same jti with other contents is another event: to pass it over could miss a
// revocation.
func TestOnlyTheSameEventIsARepetition(t *testing.T) {
	t.Parallel()
	issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
	p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer)}})
	for _, sub := range []string{"alice", "bob"} {
		subject := with(aboutAlice(issuer), map[string]any{"sub": sub})
		send(p, eventType, issuer.Token(signalClaims(feed.SessionRevoked, subject, map[string]any{}), signed))
	}
	if got := ended(t, list, issuer); !got["bob in s3"] {
		t.Errorf("ended %v, want Bob among them", got)
	}
}

func TestCredentialAndClaimsChanges(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	password := func(change string) map[string]any {
		return map[string]any{"credential_type": "password", "change_type": change}
	}
	for name, row := range map[string]struct {
		kind    string
		details map[string]any
		want    bool
	}{
		"a new credential":      {feed.CredentialChange, password("create"), false},
		"a changed credential":  {feed.CredentialChange, password("update"), true},
		"a revoked credential":  {feed.CredentialChange, password("revoke"), true},
		"a deleted credential":  {feed.CredentialChange, password("delete"), true},
		"an unknown change":     {feed.CredentialChange, password("steal"), true},
		"no change type":        {feed.CredentialChange, map[string]any{}, true},
		"other claims":          {feed.TokenClaimsChange, map[string]any{"claims": map[string]any{"role": "guest"}}, true},
		"an unknown event type": {"https://schemas.openid.net/secevent/caep/event-type/risk-level-change", map[string]any{}, false},
		"the prefix of a type":  {feed.SessionRevoked[:len(feed.SessionRevoked)-1], map[string]any{}, false},
	} {
		list, reports := newList(t, revocation.Config{}), &journal{}
		p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer), OnEvent: reports.add}})
		w := send(p, eventType, issuer.Token(signalClaims(row.kind, aboutAlice(issuer), row.details), signed))
		if got := ended(t, list, issuer)["alice"]; w.Code != http.StatusAccepted || got != row.want {
			t.Errorf("%s: status %d, ended = %v, want 202, %v", name, w.Code, got, row.want)
		}
		if r := reports.last(); (r.Outcome == feed.Ignored) == row.want || (r.Err == nil) != row.want || r.Type != row.kind {
			t.Errorf("%s: report %+v", name, r)
		}
	}
}

func TestDecideDecides(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	subject := map[string]any{
		"format": "complex", "user": aboutAlice(issuer), "session": map[string]any{"format": "opaque", "id": "s1"},
	}
	token := func(kind string) string {
		return issuer.Token(signalClaims(kind, subject, map[string]any{"claims": map[string]any{"role": "guest"}}), signed)
	}
	var asked []feed.Event
	var verdict bool
	var failure error
	list := newList(t, revocation.Config{})
	p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{
		Verifier: offline(issuer),
		Map: func(_ context.Context, id feed.Identifier) (feed.Subject, error) {
			return feed.Subject{SessionID: id.Value}, nil
		},
		Decide: func(_ context.Context, e feed.Event) (bool, error) {
			asked = append(asked, e)
			return verdict, failure
		},
	}})
	failure = errors.New("no answer")
	if w := send(p, eventType, token(feed.TokenClaimsChange)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("no decision: status %d, want 503", w.Code)
	}
	failure = nil
	if w := send(p, eventType, token(feed.TokenClaimsChange)); w.Code != http.StatusAccepted {
		t.Errorf("decided: status %d, want 202", w.Code)
	}
	nothingChanged(t, list)
	verdict = true
	send(p, eventType, token("urn:example:other"))
	if got, want := ended(t, list, issuer), set("alice", "alice in s1", "alice in s2"); !maps.Equal(got, want) {
		t.Errorf("ended %v, want %v: it's about the user, not the session", got, want)
	}
	send(p, eventType, token(feed.SessionRevoked))
	if len(asked) != 3 {
		t.Fatalf("asked %d times, want 3: not about a revoked session", len(asked))
	}
	e := asked[0]
	if e.Type != feed.TokenClaimsChange || e.ID != "event-1" || e.Issuer != issuer.URL() || e.TokenID != "" ||
		e.Subject != (feed.Subject{Subject: "alice", SessionID: "s1"}) || e.Time.IsZero() ||
		!strings.Contains(string(e.Details), "guest") {
		t.Errorf("asked about %+v", e)
	}
}

func TestStatusShowsTheStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
		p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{
			Verifier: offline(issuer), ExpectState: func(state string) bool { return state == "ours" },
		}})
		say := func(kind string, details map[string]any) {
			t.Helper()
			subject := map[string]any{"format": "opaque", "id": "stream-1"}
			if w := send(p, eventType, issuer.Token(signalClaims(kind, subject, details), signed)); w.Code != http.StatusAccepted {
				t.Errorf("%s: status %d: %s", kind, w.Code, w.Body)
			}
		}
		if got := p.Status(); got != (feed.Status{}) {
			t.Errorf("at first: %+v", got)
		}
		say(feed.Verification, map[string]any{"state": "ours"})
		first := time.Now()
		say(feed.StreamUpdated, map[string]any{"status": "paused", "reason": "License\nexpired"})
		if got := p.Status(); !got.LastVerified.Equal(first) || got.LastState != "ours" || got.Stream != "paused" ||
			got.StreamReason != "License?expired" {
			t.Errorf("status %+v", got)
		}
		time.Sleep(time.Second)
		say(feed.Verification, map[string]any{})
		if got := p.Status(); !got.LastVerified.After(first) || got.LastState != "" {
			t.Errorf("status %+v", got)
		}
		nothingChanged(t, list)
	})
}

func TestNewPushNamesTheInvalidField(t *testing.T) {
	t.Parallel()
	issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
	for want, change := range map[string]func(*feed.PushConfig){
		"PushConfig.Signals.Verifier: Config.Audiences": func(c *feed.PushConfig) { c.Signals.Verifier.Audiences = nil },
		"PushConfig.Signals.Verifier.Types":             func(c *feed.PushConfig) { c.Signals.Verifier.Types = []string{"JWT"} },
		"PushConfig.Signals.MaxAge":                     func(c *feed.PushConfig) { c.Signals.MaxAge = time.Millisecond },
		"PushConfig.Authorization":                      func(c *feed.PushConfig) { c.Authorization = []string{""} },
		"PushConfig.Authorization must":                 func(c *feed.PushConfig) { c.Authorization = []string{} },
		"PushConfig.MaxConcurrent":                      func(c *feed.PushConfig) { c.MaxConcurrent = 1 << 20 },
	} {
		config := feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer)}}
		change(&config)
		if _, err := feed.NewPush(list, config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want %q named", err, want)
		}
	}
}
