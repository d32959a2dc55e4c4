package verifier_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// judgedOrNot wants what a token of a made-up key may get: a refusal by a fetch, or
// Unavailable with a time to try again that is no longer than a refill.
func judgedOrNot(t testing.TB, v *verifier.Verifier, token string) (judged bool) {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	if verifier.CodeOf(err) == verifier.CodeKeyNotFound {
		return true
	}
	failure, ok := errors.AsType[*verifier.KeysError](err)
	if !ok || failure.RetryAfter <= 0 || failure.RetryAfter > 10*time.Second {
		t.Errorf("Verify: %v, want code %q or a refill of up to 10s", err, verifier.CodeKeyNotFound)
	}
	return false
}

// Those that come while a fetch is under way need another: it may have read the keys
// before theirs was among them.
func TestUnknownKidsThatComeTogetherShareTwoFetches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.respond = slowly(p.Issuer, 100*time.Millisecond).respond
		v := newVerifier(t, p.config())
		token := p.Token(nil)
		accept(t, v, token)
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				if !judgedOrNot(t, v, withKid(token, fmt.Sprint("made-up-", i))) {
					t.Error("a call of the same moment was not judged by a fetch it waited for")
				}
			})
		}
		synctest.Wait() // all of them wait for the fetch
		takesNoTime(t, func() { accept(t, v, token) })
		wg.Wait()
		if n := p.Fetches(); n > 3 {
			t.Errorf("the keys were fetched %d times, want the first and at most two more", n)
		}
	})
}

// The clock of a bubble stands still, and others are coarse.
func TestRotationInTheMomentOfTheLastFetchIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		v := newVerifier(t, p.config())
		before := p.Token(nil)
		accept(t, v, before)
		p.Rotate()
		accept(t, v, p.Token(nil))
		if code := verdict(t, v, before); code != verifier.CodeKeyNotFound {
			t.Errorf("code = %q, want %q", code, verifier.CodeKeyNotFound)
		}
	})
}

// The initial fetch, four of the burst, and one for each refill: no more, while the
// known key is served without a wait all along.
func TestUnknownKidsFetchNoMoreThanTheBucketAllows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.respond = slowly(p.Issuer, time.Millisecond).respond
		v := newVerifier(t, p.config())
		token := p.Token(nil)
		accept(t, v, token)
		time.Sleep(time.Millisecond)
		start := time.Now()
		judged := 0
		for i := 0; time.Since(start) < 60*time.Second; i++ {
			if judgedOrNot(t, v, withKid(token, fmt.Sprint("made-up-", i))) {
				judged++
			}
			takesNoTime(t, func() { accept(t, v, token) })
			time.Sleep(5 * time.Millisecond)
		}
		wantFetches(t, p, 1+4+5)
		if judged != 4+5 {
			t.Errorf("%d tokens of unknown keys were judged, want one for each fetch", judged)
		}
	})
}

func TestTokenOfANewKeyIsAcceptedAtFirstSight(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		forged  int // tokens of made-up keys before it
		fetches int
	}{
		{"after a quiet time", 0, 2},
		{"after one forged token", 1, 3},
		{"after three", 3, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, v, token := warm(t)
				for i := range test.forged {
					time.Sleep(100 * time.Millisecond)
					refuse(t, v, withKid(token, fmt.Sprint("made-up-", i)), verifier.CodeKeyNotFound)
				}
				time.Sleep(100 * time.Millisecond)
				p.Rotate()
				accept(t, v, p.Token(nil))
				wantFetches(t, p, test.fetches)
			})
		})
	}
}

func TestAFloodOfForgedKidsHidesARotationForOneRefillAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, token := warm(t)
		for i := range 20 {
			judgedOrNot(t, v, withKid(token, fmt.Sprint("made-up-", i)))
			time.Sleep(100 * time.Millisecond)
		}
		p.Rotate()
		rotated := time.Now()
		next := p.Token(nil)
		for {
			_, err := v.Verify(t.Context(), next)
			if err == nil {
				break
			}
			failure, ok := errors.AsType[*verifier.KeysError](err)
			if !ok {
				t.Fatalf("Verify: %v, want a KeysError until the token can be judged", err)
			}
			time.Sleep(failure.RetryAfter)
			if time.Since(rotated) > time.Hour {
				t.Fatal("the new key is hidden for ever")
			}
		}
		if took := time.Since(rotated); took > 10*time.Second {
			t.Errorf("the new key was hidden for %v, want one refill of 10s at most", took)
		}
		wantFetches(t, p, 1+4+1)
	})
}

// An absent kid costs one fetch per refill, however often it is sent, and leaves the
// rest of the bucket to others.
func TestAKidJustFoundAbsentIsNotLookedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, token := warm(t)
		withdrawn := []string{withKid(token, "gone-1"), withKid(token, "gone-2"), withKid(token, "gone-3")}
		start := time.Now()
		for time.Since(start) < 60*time.Second {
			for _, token := range withdrawn {
				if code := verdict(t, v, token); code != verifier.CodeKeyNotFound {
					t.Fatalf("code = %q after %v, want %q: absent kids spent the bucket",
						code, time.Since(start), verifier.CodeKeyNotFound)
				}
				time.Sleep(time.Millisecond)
			}
			time.Sleep(100 * time.Millisecond)
		}
		wantFetches(t, p, 1+3+5) // each is looked for once; then a fetch for one is news of all
	})
}

// An attacker who guesses the next key's kid can have it refused for one refill, and not a
// moment longer, even by sending it all the time.
func TestAKidFoundAbsentIsLookedForAgainAfterOneRefill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, token := warm(t)
		refuse(t, v, withKid(token, "ES256-2"), verifier.CodeKeyNotFound)
		proven := time.Now()
		p.Rotate()
		next := p.Token(nil)
		for verdict(t, v, next) != "" && time.Since(proven) < time.Hour {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(proven); took != 10*time.Second {
			t.Errorf("the new key was refused for %v, want 10s", took)
		}
		wantFetches(t, p, 3)
	})
}

// A kid may be proven absent by another fetch too, but one that no token has named lately is
// never refused without a fetch of its own.
func TestAKidNamedLongAgoIsNotTakenForAbsent(t *testing.T) {
	t.Parallel()
	for _, ago := range []time.Duration{11 * time.Second, time.Minute, 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			p, v, token := warm(t)
			refuse(t, v, withKid(token, "ES256-2"), verifier.CodeKeyNotFound)
			time.Sleep(ago)
			accept(t, v, token)
			refuse(t, v, withKid(token, "made-up"), verifier.CodeKeyNotFound) // by a fetch
			time.Sleep(time.Millisecond)
			p.Rotate()
			accept(t, v, p.Token(nil))
		})
	}
}

func TestAFailedFetchForAnUnknownKidGivesItsTokenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, token := warm(t)
		p.suffer(resets)
		for i := range 6 {
			failure := unavailable(t, v, withKid(token, fmt.Sprint("made-up-", i)), verifier.CodeJWKSFetchFailed)
			time.Sleep(failure.RetryAfter)
		}
		wantFetches(t, p, 1+6)
		p.recover()
		for i := range 4 {
			refuse(t, v, withKid(token, fmt.Sprint("absent-", i)), verifier.CodeKeyNotFound)
			time.Sleep(time.Millisecond)
		}
		unavailable(t, v, withKid(token, "absent-4"), verifier.CodeJWKSFetchFailed)
	})
}

// A call is judged by a fetch that began after it did: the one under way may have been
// answered before a rotation.
func TestAnUnknownKidIsNotJudgedByAFetchFromBeforeIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, token := warm(t)
		before := answers(200, string(p.JWKS()))
		p.suffer(func(req *http.Request) (*http.Response, error) {
			p.recover()
			time.Sleep(time.Second)
			return before(req)
		})
		var wg sync.WaitGroup
		wg.Go(func() { refuse(t, v, withKid(token, "made-up"), verifier.CodeKeyNotFound) })
		time.Sleep(500 * time.Millisecond)
		p.Rotate()
		accept(t, v, p.Token(nil))
		wg.Wait()
		wantFetches(t, p, 3)
	})
}

// No key could make them good, whatever the issuer publishes.
func TestUnknownKidOfATokenThatIsNoGoodAnywayFetchesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, _ := warm(t)
		for _, test := range []struct {
			claims map[string]any
			want   verifier.Code
		}{
			{map[string]any{"exp": time.Now().Add(-31 * time.Second)}, verifier.CodeTokenExpired},
			{map[string]any{"nbf": time.Now().Add(time.Hour)}, verifier.CodeTokenNotYetValid},
			{map[string]any{"iss": "https://other.test"}, verifier.CodeInvalidIssuer},
			{map[string]any{"aud": "https://other.test"}, verifier.CodeInvalidAudience},
			{map[string]any{"exp": nil}, verifier.CodeMissingClaim},
			{map[string]any{"exp": "soon"}, verifier.CodeMalformedToken},
			{map[string]any{"cnf": map[string]any{}}, verifier.CodeInvalidToken},
			{map[string]any{"at_hash": halfHash}, verifier.CodeInvalidToken},
		} {
			for i := range 10 {
				takesNoTime(t, func() { refuse(t, v, withKid(p.Token(test.claims), fmt.Sprint("unknown-", i)), test.want) })
			}
		}
		wantFetches(t, p, 1)
		refuse(t, v, withKid(p.Token(nil), "unknown"), verifier.CodeKeyNotFound)
		wantFetches(t, p, 2)
	})
}

// Keys are due some day anyway, and only with them is a token judged: a service that was never
// sent a good one says what's wrong with the others.
func TestFirstTokenFetchesKeysThoughItIsNoGood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		v := newVerifier(t, p.config())
		for range 100 {
			refuse(t, v, p.Token(map[string]any{"aud": "https://other.test"}), verifier.CodeInvalidAudience)
		}
		wantFetches(t, p, 1)
		p.suffer(resets)
		time.Sleep(66 * time.Minute)
		unavailable(t, v, p.Token(map[string]any{"aud": "https://other.test"}), verifier.CodeJWKSFetchFailed)
	})
}

// Some issuers sign with a key before they publish it. Its first tokens are refused, and then
// looked for as often as any unknown kid's, not once a minute like a withdrawn key's.
func TestKeyThatIsPublishedLateIsFoundWithinOneRefill(t *testing.T) {
	t.Parallel()
	for _, late := range []time.Duration{5 * time.Second, 25 * time.Second, 45 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			p, v, _ := warm(t)
			before := string(p.JWKS())
			p.Rotate()
			p.suffer(answers(http.StatusOK, before))
			token := lasting(p.Issuer)
			time.AfterFunc(late, p.recover)
			start := time.Now()
			for verdict(t, v, token) != "" && time.Since(start) < time.Hour {
				time.Sleep(100 * time.Millisecond)
			}
			if took := time.Since(start); took > late+10*time.Second {
				t.Errorf("published %v late, the key was found after %v, want one refill more at most", late, took)
			}
		})
	}
}
