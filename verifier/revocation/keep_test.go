package revocation_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

func TestARevocationIsKeptForAsLongAsATokenCanLive(t *testing.T) {
	for name, event := range map[string]revocation.Event{
		"token":                     {TokenID: "t1"},
		"session":                   {SessionID: "s1"},
		"subject":                   {Subject: "alice"},
		"client":                    {ClientID: "web"},
		"subject, from an old date": {Subject: "alice", IssuedBefore: bubbleStart.Add(-time.Hour)},
	} {
		synctest.Test(t, func(t *testing.T) {
			list := mustNew(t, revocation.Config{Keep: time.Hour})
			claims := aliceWith(map[string]any{"iat": nil, "exp": time.Now().Add(2 * time.Hour).Unix()})
			event.Issuer = issuer
			revoke(t, list, event)
			time.Sleep(time.Hour + 10*time.Minute - 1)
			if got := codeOf(list, claims); got != verifier.CodeTokenRevoked {
				t.Errorf("%s: before its time is over, a call gets %q", name, got)
			}
			time.Sleep(1)
			if got := codeOf(list, claims); got != "" {
				t.Errorf("%s: after its time is over, a call gets %q", name, got)
			}
			if _, err := list.Watch(claims, func(*verifier.AuthError) {}); err != nil {
				t.Errorf("%s: after its time is over, a stream gets %v", name, err)
			}
		})
	}
}

func TestARevocationAheadOfTimeIsKeptFromThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := mustNew(t, revocation.Config{Keep: time.Hour})
		claims := aliceWith(map[string]any{"iat": nil, "exp": time.Now().Add(2 * time.Hour).Unix()})
		revoke(t, list, revocation.Event{
			Issuer: issuer, Subject: "alice", IssuedBefore: time.Now().Add(5 * time.Minute),
		})
		time.Sleep(time.Hour + 15*time.Minute - 1)
		if got := codeOf(list, claims); got != verifier.CodeTokenRevoked {
			t.Errorf("a call gets %q", got)
		}
	})
}

func TestARevocationIsKeptFromItsLastRepetition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := mustNew(t, revocation.Config{Keep: time.Hour})
		event := revocation.Event{Issuer: issuer, Subject: "alice"}
		revoke(t, list, event)
		time.Sleep(time.Hour)
		revoke(t, list, event)
		earlier := event
		earlier.IssuedBefore = time.Now().Add(-30 * time.Minute)
		revoke(t, list, earlier) // which takes nothing back
		claims := aliceWith(nil)
		time.Sleep(time.Hour - 1)
		if got := codeOf(list, claims); got != verifier.CodeTokenRevoked {
			t.Errorf("a call gets %q", got)
		}
		if got := list.Status().Entries; got != 1 {
			t.Errorf("there are %d entries, want 1", got)
		}
	})
}

// The entries' time is over at once, and yet nothing waits for all of them.
func TestForgettingIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := mustNew(t, revocation.Config{Keep: time.Hour})
		fill(t, list, 200)
		time.Sleep(2 * time.Hour)
		for _, want := range []int{136, 72, 8, 0, 0} {
			if got := list.Status().Entries; got != want {
				t.Errorf("there are %d entries, want %d", got, want)
			}
		}
		fill(t, list, 200)
		time.Sleep(2 * time.Hour)
		revoke(t, list, revocation.Event{Issuer: issuer, TokenID: "t1"})
		if got := list.Status().Entries; got != 200+1-2*64 {
			t.Errorf("after an event and a look, there are %d entries", got)
		}
		// A call by a caller who is on the list forgets some, too.
		if got := codeOf(list, aliceWith(nil)); got != verifier.CodeTokenRevoked {
			t.Errorf("a call gets %q", got)
		}
		if got := list.Status().Entries; got != 1 {
			t.Errorf("after a call and another look, there are %d entries", got)
		}
	})
}

func TestATokenThatOutlivesItsRevocationIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
		for _, test := range []struct {
			name    string
			claims  map[string]any
			refused bool
		}{
			{"it lives as long as can be", map[string]any{"iat": at(0), "exp": at(time.Hour)}, false},
			{"it lives longer", map[string]any{"iat": at(0), "exp": at(time.Hour + time.Second)}, true},
			{"it lives longer, and little is left", map[string]any{"iat": at(-time.Hour), "exp": at(time.Second)}, true},
			{"without iat, little is left", map[string]any{"iat": nil, "exp": at(time.Hour)}, false},
			{"without iat, much is left", map[string]any{"iat": nil, "exp": at(time.Hour + time.Second)}, true},
		} {
			list := mustNew(t, revocation.Config{Keep: time.Hour})
			err := list.Check(aliceWith(test.claims))
			if got := verifier.CodeOf(err) == verifier.CodeInvalidToken; got != test.refused {
				t.Errorf("%s: %v, want a refusal: %v", test.name, err, test.refused)
			}
			if test.refused && !strings.Contains(err.Error(), "Config.Keep, 1h") {
				t.Errorf("%s: the cause is %v", test.name, err)
			}
			stop, err := list.Watch(aliceWith(test.claims), func(*verifier.AuthError) {})
			if got := err != nil; got != test.refused {
				t.Errorf("%s: a stream gets %v, want a refusal: %v", test.name, err, test.refused)
			}
			if err == nil {
				stop()
			}
		}
	})
}

func TestLeewayDoesNotMakeATokenLiveTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		object := fmt.Sprintf(`{"iss":%q,"iat":%d,"exp":%d}`, issuer, time.Now().Unix(), time.Now().Add(time.Hour).Unix())
		claims, err := verifier.NewClaims([]byte(object), verifier.ClaimsConfig{Leeway: 5 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if err := mustNew(t, revocation.Config{Keep: time.Hour}).Check(claims); err != nil {
			t.Error(err)
		}
	})
}

// forever returns claims without exp.
func forever(t *testing.T) *verifier.Claims {
	t.Helper()
	claims, err := verifier.NewClaims([]byte(`{"sub":"alice","jti":"t1"}`),
		verifier.ClaimsConfig{Issuer: "api-keys", AllowNoExpiry: true})
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestClaimsWithoutExpiryMayBeRevoked(t *testing.T) {
	claims := forever(t)
	list := mustNew(t, revocation.Config{})
	if err := list.Check(claims); err != nil {
		t.Error(err)
	}
	revoke(t, list, revocation.Event{Issuer: "api-keys", TokenID: "t1"})
	if got := codeOf(list, claims); got != verifier.CodeTokenRevoked {
		t.Errorf("a call gets %q", got)
	}
}

func TestNoClaimsAndNoListAreRefused(t *testing.T) {
	list := mustNew(t, revocation.Config{})
	var noList revocation.List
	for name, test := range map[string]struct {
		list   *revocation.List
		claims *verifier.Claims
	}{
		"nil claims":  {list, nil},
		"zero claims": {list, &verifier.Claims{}},
		"a zero list": {&noList, forever(t)},
	} {
		if got := codeOf(test.list, test.claims); got != verifier.CodeInvalidToken {
			t.Errorf("%s: a call gets %q", name, got)
		}
		if _, err := test.list.Watch(test.claims, nil); verifier.CodeOf(err) != verifier.CodeInvalidToken {
			t.Errorf("%s: a stream gets %v", name, err)
		}
	}
	if err := noList.Revoke(t.Context(), revocation.Event{Issuer: issuer, Subject: "alice"}); err == nil {
		t.Error("a zero list revokes")
	}
	if got := noList.Status(); got != (revocation.Status{}) {
		t.Errorf("a zero list has the status %+v", got)
	}
}

func TestAFullListSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		b := newBus()
		list := mustNew(t, revocation.Config{
			MaxEntries: 4, Keep: time.Hour, Bus: b, Stale: revocation.Admit,
			Logger: slog.New(slog.NewTextHandler(&lines, nil)),
		})
		fill(t, list, 4)
		if s := list.Status(); s.Full || s.Entries != 4 || s.MaxEntries != 4 || s.Dropped != 0 {
			t.Errorf("with as many as fit, Status is %+v", s)
		}
		claims := aliceWith(nil)
		ended := false
		if _, err := list.Watch(claims, func(*verifier.AuthError) { ended = true }); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := list.Revoke(t.Context(), revocation.Event{Issuer: issuer, Subject: "alice"}); !errors.Is(err, revocation.ErrFull) {
				t.Errorf("Revoke returned %v", err)
			}
		}
		fill(t, list, 4) // which is held already
		if got := codeOf(list, claims); got != "" || !ended {
			t.Errorf("a call gets %q, and the stream ended: %v", got, ended)
		}
		if got := len(b.all()); got != 4+3+4 {
			t.Errorf("%d events were published", got)
		}
		if s := list.Status(); !s.Full || s.Dropped != 3 || s.Entries != 4 {
			t.Errorf("with one more, Status is %+v", s)
		}
		checkLog(t, &lines, 1, "revocation list full")
		time.Sleep(2 * time.Hour)
		revoke(t, list, revocation.Event{Issuer: issuer, Subject: "alice"})
		if s := list.Status(); s.Full || s.Dropped != 3 || s.Entries != 1 {
			t.Errorf("with room again, Status is %+v", s)
		}
		checkLog(t, &lines, 2, "room again")
	})
}

// checkLog wants so many lines, and a text in one of them.
func checkLog(t *testing.T, lines *bytes.Buffer, want int, text string) {
	t.Helper()
	if got := lines.String(); strings.Count(got, "\n") != want || !strings.Contains(got, text) {
		t.Errorf("the log says:\n%s", got)
	}
}

func TestAFullListTellsOfTheBusToo(t *testing.T) {
	b := newBus()
	b.setDown(errDown)
	list := mustNew(t, revocation.Config{MaxEntries: 1, Bus: b, Stale: revocation.Admit})
	for _, e := range []revocation.Event{{Issuer: issuer, TokenID: "t1"}, {Issuer: issuer, TokenID: "t2"}} {
		err := list.Revoke(t.Context(), e)
		if !errors.Is(err, errDown) || errors.Is(err, revocation.ErrFull) != (e.TokenID == "t2") {
			t.Errorf("%s: %v", e.TokenID, err)
		}
	}
}
