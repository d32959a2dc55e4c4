package revocation_test

import (
	"cmp"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

func TestAnEventRevokesWhatItNamesAndNothingElse(t *testing.T) {
	start := bubbleStart.Add(300 * time.Millisecond)
	earlier, later := start.Add(-time.Second), start.Add(time.Minute)
	for _, test := range []struct {
		name    string
		event   revocation.Event // of our issuer, unless it says otherwise
		changes map[string]any   // from a token of alice's; a duration is a time from now
		revoked bool
	}{
		{"its jti", revocation.Event{TokenID: "t1"}, nil, true},
		{"another jti", revocation.Event{TokenID: "t2"}, nil, false},
		{"another case", revocation.Event{TokenID: "T1"}, nil, false},
		{"a token without jti", revocation.Event{TokenID: "t1"}, map[string]any{"jti": nil}, false},
		{"a jti in place of a sid", revocation.Event{TokenID: "s1"}, nil, false},
		{"a jti of another issuer", revocation.Event{Issuer: other, TokenID: "t1"}, nil, false},
		{"a jti that was issued later", revocation.Event{TokenID: "t1"}, map[string]any{"iat": time.Hour}, true},

		{"its sid", revocation.Event{SessionID: "s1"}, nil, true},
		{"another sid", revocation.Event{SessionID: "s2"}, nil, false},
		{"a sid of another issuer", revocation.Event{Issuer: other, SessionID: "s1"}, nil, false},
		{"a token without sid", revocation.Event{SessionID: "s1"}, map[string]any{"sid": nil}, false},
		{"a sid that was used later", revocation.Event{SessionID: "s1"}, map[string]any{"iat": time.Hour}, true},

		{"its sid, with its sub", revocation.Event{SessionID: "s1", Subject: "alice"}, nil, true},
		{"another sid, with its sub", revocation.Event{SessionID: "s2", Subject: "alice"}, nil, false},
		{
			"a sub without sid", revocation.Event{SessionID: "s2", Subject: "alice"},
			map[string]any{"sid": nil}, true,
		},
		{
			"a sub whose sid can't be read", revocation.Event{SessionID: "s2", Subject: "alice"},
			map[string]any{"sid": 1}, true,
		},
		{
			"a sub without sid that was issued later", revocation.Event{SessionID: "s2", Subject: "alice"},
			map[string]any{"sid": nil, "iat": time.Second}, false,
		},
		{
			"another sub without sid", revocation.Event{SessionID: "s2", Subject: "bob"},
			map[string]any{"sid": nil}, false,
		},

		{"its sub", revocation.Event{Subject: "alice"}, nil, true},
		{"another sub", revocation.Event{Subject: "bob"}, nil, false},
		{"a sub of another issuer", revocation.Event{Issuer: other, Subject: "alice"}, nil, false},
		{"a sub that was issued later", revocation.Event{Subject: "alice"}, map[string]any{"iat": time.Second}, false},
		{"a sub that was issued earlier", revocation.Event{Subject: "alice"}, map[string]any{"iat": -time.Minute}, true},
		{
			"a sub that was issued at some time", revocation.Event{Subject: "alice"},
			map[string]any{"iat": nil}, true,
		},
		{
			"a sub that was issued after a given time",
			revocation.Event{Subject: "alice", IssuedBefore: earlier}, nil, false,
		},
		{
			"a sub that is issued ahead of our clock",
			revocation.Event{Subject: "alice", IssuedBefore: later},
			map[string]any{"iat": time.Minute}, true,
		},

		{"its client", revocation.Event{ClientID: "web"}, nil, true},
		{"another client", revocation.Event{ClientID: "app"}, nil, false},
		{"a client of another issuer", revocation.Event{Issuer: other, ClientID: "web"}, nil, false},
		{"a client's later token", revocation.Event{ClientID: "web"}, map[string]any{"iat": time.Second}, false},
		{
			"a client by its azp", revocation.Event{ClientID: "web"},
			map[string]any{"client_id": nil, "azp": "web"}, true,
		},
		{"a sub in place of a client", revocation.Event{ClientID: "alice"}, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(300 * time.Millisecond) // so that now isn't a whole second
				event := test.event
				event.Issuer = cmp.Or(event.Issuer, issuer)
				changes := maps.Clone(test.changes)
				if d, ok := changes["iat"].(time.Duration); ok {
					changes["iat"] = time.Now().Add(d).Unix()
				}
				claims := aliceWith(changes)
				list := mustNew(t, revocation.Config{})
				if err := list.Check(claims); err != nil {
					t.Fatalf("before the event: %v", err)
				}
				var ended *verifier.AuthError
				stop, err := list.Watch(claims, func(err *verifier.AuthError) { ended = err })
				if err != nil {
					t.Fatal(err)
				}
				defer stop()

				revoke(t, list, event)

				err = list.Check(claims)
				if got := verifier.CodeOf(err) == verifier.CodeTokenRevoked; got != test.revoked {
					t.Errorf("Check returned %v, want a refusal: %v", err, test.revoked)
				}
				if got := ended != nil; got != test.revoked {
					t.Errorf("the stream was ended: %v, want %v", got, test.revoked)
				}
				if _, err := list.Watch(claims, nil); (err != nil) != test.revoked {
					t.Errorf("Watch returned %v, want a refusal: %v", err, test.revoked)
				}
			})
		})
	}
}

// bubbleStart is when time begins in a synctest bubble.
var bubbleStart = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)
