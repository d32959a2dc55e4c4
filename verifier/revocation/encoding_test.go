package revocation_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// Seconds since 1970 at which time begins in a bubble.
var start = bubbleStart.Unix()

// eventOf is an event as a replica writes it, with all that can be changed about it.
func eventOf(members string) string {
	return fmt.Sprintf(`{"v":1,"at":%d,"iss":%q,%s"before":%d}`, start, issuer, members, start)
}

func TestAnEventFromTheBusCountsOnlyIfItIsExact(t *testing.T) {
	for name, test := range map[string]struct {
		event   string
		revoked bool
	}{
		"a good one":           {eventOf(`"jti":"t1",`), true},
		"in another order":     {fmt.Sprintf(`{"jti":"t1","before":%d,"iss":%q,"at":%d,"v":1}`, start, issuer, start), true},
		"of a minute ago":      {strings.ReplaceAll(eventOf(`"jti":"t1",`), fmt.Sprint(start), fmt.Sprint(start-60)), true},
		"of another clock":     {strings.ReplaceAll(eventOf(`"jti":"t1",`), fmt.Sprint(start), fmt.Sprint(start+600)), true},
		"a token and a client": {eventOf(`"jti":"t1","client_id":"web",`), false},
		"a number for a jti":   {eventOf(`"jti":1,`), false},
		"an empty sub":         {eventOf(`"jti":"t1","sub":"",`), false},
		"a null":               {eventOf(`"jti":"t1","sub":null,`), false},
		"an unknown member":    {eventOf(`"jti":"t1","aud":"web",`), false},
		"a name twice":         {eventOf(`"jti":"t2","jti":"t1",`), false},
		"a name in upper case": {eventOf(`"JTI":"t1",`), false},
		"no version":           {strings.Replace(eventOf(`"jti":"t1",`), `"v":1,`, "", 1), false},
		"version 2":            {strings.Replace(eventOf(`"jti":"t1",`), `"v":1,`, `"v":2,`, 1), false},
		"no issuer":            {fmt.Sprintf(`{"v":1,"at":%d,"jti":"t1","before":%d}`, start, start), false},
		"no time":              {fmt.Sprintf(`{"v":1,"iss":%q,"jti":"t1","before":%d}`, issuer, start), false},
		"no other time":        {fmt.Sprintf(`{"v":1,"iss":%q,"jti":"t1","at":%d}`, issuer, start), false},
		"a fraction":           {fmt.Sprintf(`{"v":1,"iss":%q,"jti":"t1","at":%d.5,"before":%d}`, issuer, start, start), false},
		"a negative time":      {fmt.Sprintf(`{"v":1,"iss":%q,"jti":"t1","at":-1,"before":%d}`, issuer, start), false},
		"a time as text":       {fmt.Sprintf(`{"v":1,"iss":%q,"jti":"t1","at":"%d","before":%d}`, issuer, start, start), false},
		"of the future":        {fmt.Sprintf(`{"v":1,"iss":%q,"jti":"t1","at":%d,"before":%d}`, issuer, start+601, start), false},
		"up to the future":     {fmt.Sprintf(`{"v":1,"iss":%q,"jti":"t1","at":%d,"before":%d}`, issuer, start, start+601), false},
		"an endless time":      {fmt.Sprintf(`{"v":1,"iss":%q,"jti":"t1","at":%d,"before":1e300}`, issuer, start), false},
		"no JSON":              {"t1", false},
		"no object":            {`["t1"]`, false},
		"nothing":              {"", false},
		"more after it":        {eventOf(`"jti":"t1",`) + " {}", false},
		"no UTF-8":             {eventOf("\"jti\":\"t1\",\"sub\":\"\xff\","), false},
		"an object inside":     {eventOf(`"jti":"t1","sub":{},`), false},
		"too long a text":      {eventOf(`"jti":"t1","sub":"` + strings.Repeat("s", 1025) + `",`), false},
		"too long":             {eventOf(`"jti":"t1",` + strings.Repeat(" ", 32<<10)), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBus()
			b.put(test.event)
			list, stop := newReplica(t, b, nil)
			defer stop()
			if got := codeOf(list, aliceWith(nil)) == verifier.CodeTokenRevoked; got != test.revoked {
				t.Errorf("%s: revoked = %v, want %v", name, got, test.revoked)
			}
			s := list.Status()
			if got := s.Unreadable == 1; got == test.revoked || s.Stale {
				t.Errorf("%s: Status is %+v", name, s)
			}
			if want := 1 - s.Unreadable; s.Entries != want {
				t.Errorf("%s: %d entries, want %d", name, s.Entries, want)
			}
		})
	}
}

func TestAnEventWhoseTimeIsOverChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus()
		b.put(eventOf(`"jti":"t1",`))
		time.Sleep(24*time.Hour + 10*time.Minute)
		list := mustNew(t, revocation.Config{Bus: b, Stale: revocation.Admit})
		ended := false
		if _, err := list.Watch(aliceWith(nil), func(*verifier.AuthError) { ended = true }); err != nil {
			t.Fatal(err)
		}
		defer run(t, list)()
		if s := list.Status(); s.Entries != 0 || s.Unreadable != 0 || ended {
			t.Errorf("Status is %+v, and the stream ended: %v", s, ended)
		}
		if got := codeOf(list, aliceWith(nil)); got != "" {
			t.Errorf("a call gets %q", got)
		}
	})
}

func TestUnreadableEventsFillNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		b := newBus()
		list, stop := newReplica(t, b, func(c *revocation.Config) { c.Logger = slog.New(slog.NewTextHandler(&lines, nil)) })
		defer stop()
		for range 90 {
			b.put(`{"secret":"s"}`)
			b.put(`{"secret":"s"}`)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if got := list.Status().Unreadable; got != 180 {
			t.Errorf("%d events are unreadable, want 180", got)
		}
		if got := lines.String(); strings.Count(got, "\n") != 2 || strings.Contains(got, "secret") {
			t.Errorf("the log says:\n%s", got)
		}
	})
}
