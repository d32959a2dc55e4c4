package revocation_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

func TestAnInvalidEventRevokesNothingAndIsNotPublished(t *testing.T) {
	for name, test := range map[string]struct {
		event revocation.Event
		want  string
	}{
		"no issuer":             {revocation.Event{Subject: "alice"}, "Event.Issuer is required"},
		"nothing":               {revocation.Event{Issuer: issuer}, "must have a TokenID"},
		"nothing but a time":    {revocation.Event{Issuer: issuer, IssuedBefore: time.Now()}, "must have a TokenID"},
		"a token and a session": {revocation.Event{Issuer: issuer, TokenID: "t", SessionID: "s"}, "only one of"},
		"a token and a subject": {revocation.Event{Issuer: issuer, TokenID: "t", Subject: "s"}, "only one of"},
		"a token and a client":  {revocation.Event{Issuer: issuer, TokenID: "t", ClientID: "c"}, "only one of"},
		"a session, and a client": {
			revocation.Event{Issuer: issuer, SessionID: "s", ClientID: "c"}, "only one of",
		},
		"a subject and a client": {revocation.Event{Issuer: issuer, Subject: "s", ClientID: "c"}, "only one of"},
		"a session, a subject and a client": {
			revocation.Event{Issuer: issuer, SessionID: "s", Subject: "s", ClientID: "c"}, "only one of",
		},
		"everything": {
			revocation.Event{Issuer: issuer, TokenID: "t", SessionID: "s", Subject: "s", ClientID: "c"}, "only one of",
		},
		"a long issuer":   {revocation.Event{Issuer: strings.Repeat("i", 2049), Subject: "s"}, "Event.Issuer has 2049"},
		"a long token":    {revocation.Event{Issuer: issuer, TokenID: strings.Repeat("t", 1025)}, "Event.TokenID has 1025"},
		"a long session":  {revocation.Event{Issuer: issuer, SessionID: strings.Repeat("t", 1025)}, "Event.SessionID has"},
		"a long subject":  {revocation.Event{Issuer: issuer, Subject: strings.Repeat("t", 1025)}, "Event.Subject has"},
		"a long client":   {revocation.Event{Issuer: issuer, ClientID: strings.Repeat("t", 1025)}, "Event.ClientID has"},
		"no UTF-8":        {revocation.Event{Issuer: issuer, Subject: "\xff"}, "Event.Subject is not valid UTF-8"},
		"the near future": {revocation.Event{Issuer: issuer, Subject: "s", IssuedBefore: time.Now().Add(time.Hour)}, "IssuedBefore"},
	} {
		bus := newBus()
		list := mustNew(t, revocation.Config{Bus: bus, Stale: revocation.Admit})
		if err := list.Revoke(t.Context(), test.event); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Revoke returned %v, want %q", name, err, test.want)
		}
		if got := list.Status().Entries + len(bus.all()); got != 0 {
			t.Errorf("%s: something was revoked or published", name)
		}
	}
}

func TestTheLongestEventReachesOtherReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus()
		one, stopOne := newReplica(t, b, nil)
		defer stopOne()
		two, stopTwo := newReplica(t, b, nil)
		defer stopTwo()
		escaped := func(n int) string { return strings.Repeat("\x01", n) } // six bytes each, in JSON
		revoke(t, one, revocation.Event{Issuer: escaped(2048), SessionID: escaped(1024), Subject: escaped(1024)})
		synctest.Wait()
		if got := two.Status(); got.Entries != 2 || got.Unreadable != 0 {
			t.Errorf("the other replica has %+v", got)
		}
	})
}
