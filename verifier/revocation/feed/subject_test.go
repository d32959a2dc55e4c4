package feed_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/revocation/feed"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// translate is a Map that knows Alice by her address in her own tenant, and session 1.
func translate(_ context.Context, id feed.Identifier) (feed.Subject, error) {
	switch id {
	case feed.Identifier{Format: "email", Value: "alice@example.com"},
		feed.Identifier{Format: "email", Value: "alice@example.com", Member: "user"},
		feed.Identifier{Format: "email", Value: "alice@example.com", Member: "user", Tenant: `{"format":"opaque","id":"ours"}`},
		feed.Identifier{Format: "opaque", Value: "user-1"}:
		return feed.Subject{Subject: "alice"}, nil
	case feed.Identifier{Format: "opaque", Value: "session-1"},
		feed.Identifier{Format: "opaque", Value: "session-1", Member: "session"}:
		return feed.Subject{SessionID: "s1"}, nil
	case feed.Identifier{Format: "opaque", Value: "unavailable"}:
		return feed.Subject{}, errors.New("the directory is down")
	}
	return feed.Subject{}, nil
}

func TestSubjectsNameWhoseTokensEnd(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	type object = map[string]any
	opaque := func(id string) object { return object{"format": "opaque", "id": id} }
	email := object{"format": "email", "email": "alice@example.com"}
	alice := aboutAlice(issuer)
	foreign := object{"format": "iss_sub", "iss": otherIssuer, "sub": "alice"}
	device := object{"format": "proprietary", "id": 7}
	all := set("alice", "alice in s1", "alice in s2")
	for name, row := range map[string]struct {
		subject object
		want    map[string]bool
	}{
		"a user":                {alice, all},
		"a token":               {object{"format": "jwt_id", "iss": issuer.URL(), "jti": "t2"}, set("alice in s2")},
		"an address":            {email, all},
		"an opaque user":        {opaque("user-1"), all},
		"an opaque session":     {opaque("session-1"), set("alice in s1")},
		"an unknown opaque ID":  {opaque("user-2"), set()},
		"an unknown address":    {object{"format": "email", "email": "eve@example.com"}, set()},
		"an unknown format":     {device, set()},
		"another issuer's user": {foreign, set()},
		"another issuer's token": {
			object{"format": "jwt_id", "iss": otherIssuer, "jti": "t2"}, set()},

		"complex: a user":           {object{"format": "complex", "user": alice}, all},
		"complex: a session":        {object{"format": "complex", "session": opaque("session-1")}, set("alice in s1")},
		"complex: a user's session": {object{"format": "complex", "user": alice, "session": opaque("session-1")}, set("alice", "alice in s1")},
		"complex: a token":          {object{"format": "complex", "user": alice, "session": object{"format": "jwt_id", "iss": issuer.URL(), "jti": "t2"}}, set("alice in s2")},
		"complex: an unknown session of a user": {
			object{"format": "complex", "user": alice, "session": opaque("session-2")}, all},
		"complex: a user's device":          {object{"format": "complex", "user": alice, "device": device}, all},
		"complex: a device":                 {object{"format": "complex", "device": device}, set()},
		"complex: a tenant":                 {object{"format": "complex", "tenant": opaque("ours")}, set()},
		"complex: a tenant's address":       {object{"format": "complex", "user": email, "tenant": opaque("ours")}, all},
		"complex: another tenant's address": {object{"format": "complex", "user": email, "tenant": opaque("another")}, set()},
		"complex: another issuer's user":    {object{"format": "complex", "user": foreign}, set()},
		"complex: another issuer's user with a session of ours": {
			object{"format": "complex", "user": foreign, "session": opaque("session-1")}, set()},
		"complex: a session of another issuer's": {
			object{"format": "complex", "user": alice, "session": foreign}, set()},

		"aliases":                      {object{"format": "aliases", "identifiers": []any{device, foreign, opaque("user-2"), email}}, all},
		"aliases: another issuer's":    {object{"format": "aliases", "identifiers": []any{foreign}}, set()},
		"aliases in a complex subject": {object{"format": "complex", "user": object{"format": "aliases", "identifiers": []any{email}}}, all},
	} {
		list := newList(t, revocation.Config{})
		p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer), Map: translate}})
		w := send(p, eventType, issuer.Token(signalClaims(feed.SessionRevoked, row.subject, object{}), signed))
		if got := ended(t, list, issuer); w.Code != http.StatusAccepted || !maps.Equal(got, row.want) {
			t.Errorf("%s: status %d %s, ended %v, want 202, %v", name, w.Code, w.Body, got, row.want)
		}
	}
	many := make([]any, 17)
	for i := range many {
		many[i] = email
	}
	for name, subject := range map[string]object{
		"nested complex":        {"format": "complex", "user": object{"format": "complex", "user": alice}},
		"a malformed member":    {"format": "complex", "user": object{"format": "iss_sub", "iss": issuer.URL()}},
		"a member in words":     {"format": "complex", "user": "alice"},
		"nested aliases":        {"format": "aliases", "identifiers": []any{object{"format": "aliases", "identifiers": []any{email}}}},
		"complex aliases":       {"format": "aliases", "identifiers": []any{object{"format": "complex", "user": alice}}},
		"no aliases":            {"format": "aliases", "identifiers": []any{}},
		"aliases in words":      {"format": "aliases", "identifiers": "alice"},
		"too many aliases":      {"format": "aliases", "identifiers": many},
		"an email without one":  {"format": "email", "email": ""},
		"an opaque ID of 7":     {"format": "opaque", "id": 7},
		"a jwt_id without jti":  {"format": "jwt_id", "iss": issuer.URL()},
		"a format that is null": {"format": nil, "iss": issuer.URL(), "sub": "alice"},
	} {
		list := newList(t, revocation.Config{})
		p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer), Map: translate}})
		wantError(t, name, send(p, eventType,
			issuer.Token(signalClaims(feed.SessionRevoked, subject, object{}), signed)), "invalid_request")
		nothingChanged(t, list)
	}
}

// Without Map no address and no opaque ID means anything.
func TestSubjectsThatNeedAMapAreIgnoredWithoutOne(t *testing.T) {
	t.Parallel()
	issuer, list, reports := verifiertest.NewIssuer(), newList(t, revocation.Config{}), &journal{}
	p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer), OnEvent: reports.add}})
	for _, subject := range []map[string]any{
		{"format": "email", "email": "alice"}, {"format": "opaque", "id": "alice"},
	} {
		w := send(p, eventType, issuer.Token(signalClaims(feed.SessionRevoked, subject, map[string]any{}), signed))
		if r := reports.last(); w.Code != http.StatusAccepted || r.Outcome != feed.Ignored || r.Err == nil {
			t.Errorf("%v: status %d, %+v, want 202, ignored", subject, w.Code, r)
		}
	}
	nothingChanged(t, list)
}

func TestAMapThatIsDownIsAnOutage(t *testing.T) {
	t.Parallel()
	issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
	p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer), Map: translate}})
	subject := map[string]any{"format": "opaque", "id": "unavailable"}
	w := send(p, eventType, issuer.Token(signalClaims(feed.SessionRevoked, subject, map[string]any{}), signed))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("status %d, want 503 with Retry-After", w.Code)
	}
	nothingChanged(t, list)
}

// A transmitter may serve tokens from an issuer with another name. It speaks about no others,
// not even about its own.
func TestAFeedSpeaksForOneTokenIssuer(t *testing.T) {
	t.Parallel()
	issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
	p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer), TokenIssuer: otherIssuer}})
	about := func(iss string) {
		subject := map[string]any{"format": "iss_sub", "iss": iss, "sub": "alice"}
		send(p, eventType, issuer.Token(signalClaims(feed.SessionRevoked, subject, map[string]any{}), signed))
	}
	about(issuer.URL())
	nothingChanged(t, list)
	about(otherIssuer)
	if got, want := ended(t, list, issuer), set("another alice"); !maps.Equal(got, want) {
		t.Errorf("ended %v, want %v", got, want)
	}
}

// Before Shared Signals Framework 1.0, the subject stood among the details.
func TestTheSubjectMayStandInTheEvent(t *testing.T) {
	t.Parallel()
	issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
	p := newPush(t, list, feed.PushConfig{Signals: feed.Signals{Verifier: offline(issuer)}})
	bob := with(aboutAlice(issuer), map[string]any{"sub": "bob"})
	send(p, eventType, issuer.Token(signalClaims(feed.SessionRevoked, bob,
		map[string]any{"subject": aboutAlice(issuer)}), signed))
	if got, want := ended(t, list, issuer), set("bob in s3"); !maps.Equal(got, want) {
		t.Errorf("both: ended %v, want %v: sub_id counts", got, want)
	}
	send(p, eventType, issuer.Token(signalClaims(feed.SessionRevoked, nil,
		map[string]any{"subject": aboutAlice(issuer)}), signed))
	if got := ended(t, list, issuer); !got["alice"] {
		t.Errorf("ended %v, want Alice too", got)
	}
}
