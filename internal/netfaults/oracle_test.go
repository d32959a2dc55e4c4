package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// The oracle has to find what's wrong, or a soak without defects shows nothing.
func TestOracleJudges(t *testing.T) {
	at := func(seconds float64) time.Time {
		return time.Unix(1_800_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
	}
	unavailable := &verifier.KeysError{Code: verifier.CodeJWKSFetchFailed, RetryAfter: time.Second}
	refused := func(code verifier.Code) error { return &verifier.AuthError{Code: code} }
	issuer := verifiertest.NewIssuer()
	lasting := &signer{Issuer: issuer, published: at(0)}
	withdrawn := &signer{Issuer: issuer, published: at(0), leaving: at(100), gone: at(101)}
	fresh := &signer{Issuer: issuer, published: at(105)}
	o := &oracle{
		keys:    []*signer{withdrawn, lasting, fresh},
		fetches: []span{{at(10), at(11)}, {at(102), at(103)}},
		faults:  []span{{at(20), at(90)}},
	}
	for _, test := range []struct {
		name string
		call call
		want string // a part of the defect; "": none
	}{
		{"a good token", call{kind: good, key: lasting, began: at(12), ended: at(12)}, ""},
		{"a slow call", call{kind: good, key: lasting, began: at(12), ended: at(16)}, "took 4.0 s"},
		{"a call that outlived its context", call{
			kind: good, key: lasting, began: at(12), cancelled: at(12), ended: at(13), err: context.DeadlineExceeded,
		}, "after its context"},
		{"a call that ended with its context", call{
			kind: good, key: lasting, began: at(12), cancelled: at(12), ended: at(12), err: context.DeadlineExceeded,
		}, ""},
		{"a context's error without its end", call{
			kind: good, key: lasting, began: at(12), ended: at(12), err: context.DeadlineExceeded,
		}, "neither verdict"},
		{"another error", call{kind: good, key: lasting, began: at(12), ended: at(12), err: errors.New("oops")},
			"neither verdict"},
		{"a forged token that is accepted", call{kind: forged, key: lasting, began: at(12), ended: at(12)},
			"accepted"},
		{"a forged token", call{
			kind: forged, key: lasting, began: at(12), ended: at(12), err: refused(verifier.CodeInvalidToken),
		}, ""},
		{"a forged token refused for another reason", call{
			kind: forged, key: lasting, began: at(12), ended: at(12), err: refused(verifier.CodeTokenExpired),
		}, "refused with code token_expired"},
		{"a good token that is refused", call{
			kind: good, key: lasting, began: at(12), ended: at(12), err: refused(verifier.CodeKeyNotFound),
		}, "though its key is published"},
		{"a withdrawn key, before the next fetch", call{kind: good, key: withdrawn, began: at(102), ended: at(102)}, ""},
		{"a withdrawn key, after it", call{kind: good, key: withdrawn, began: at(104), ended: at(104)},
			"a fetch that can't have had it"},
		{"a withdrawn key, refused", call{
			kind: good, key: withdrawn, began: at(104), ended: at(104), err: refused(verifier.CodeKeyNotFound),
		}, ""},
		{"a withdrawn key, for ever", call{kind: good, key: &signer{gone: at(40)}, began: at(74), ended: at(74)},
			"34.0 s after it was withdrawn"},
		{"a known key in an outage, not judged", call{
			kind: good, key: lasting, began: at(30), ended: at(30), err: unavailable,
		}, "known key was not judged"},
		{"a known key in an outage past its life, not judged", call{
			kind: good, key: lasting, began: at(60), ended: at(60), err: unavailable,
		}, ""},
		{"a new key, hidden for a while", call{
			kind: good, key: fresh, began: at(110), ended: at(110), err: unavailable,
		}, ""},
		{"a new key, hidden for long", call{
			kind: good, key: fresh, began: at(120), ended: at(120), err: unavailable,
		}, "after its key was published"},
		{"no time to try again", call{
			kind: good, key: fresh, began: at(110), ended: at(110), err: &verifier.KeysError{},
		}, "without a time"},
		{"a made-up key", call{
			kind: madeUp, began: at(12), ended: at(12), err: refused(verifier.CodeKeyNotFound),
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := o.judge(test.call)
			if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("defect = %q, want %q", got, test.want)
			}
		})
	}
}
