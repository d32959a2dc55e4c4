package verifier_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// forged returns a token of the present key whose signature isn't the key's.
func forged(issuer *verifiertest.Issuer) string {
	return issuer.Token(nil, verifiertest.WithSignature(func(signature []byte) []byte {
		signature[0] ^= 1
		return signature
	}))
}

// restart gives the issuer a new key under the kid of the old one, as a development issuer
// does whose kid is a constant.
func (p *patient) restart() {
	p.Issuer = verifiertest.NewIssuer(verifiertest.WithURL(p.URL()))
}

func TestNewKeyUnderAKnownKidIsAcceptedAtFirstSight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, old := warm(t)
		p.restart()
		accept(t, v, p.Token(nil))
		wantFetches(t, p, 2)
		refuse(t, v, old, verifier.CodeInvalidToken) // its key is gone, and it's not remembered
	})
}

// As long as the issuer publishes one key, it is asked once in 30 seconds, however many
// signatures are bad.
func TestBadSignaturesFetchOnceInThirtySeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, _ := warm(t)
		bad := forged(p.Issuer)
		for range 1000 {
			refuse(t, v, bad, verifier.CodeInvalidToken)
		}
		wantFetches(t, p, 2)
		for range 3000 { // two minutes, at 25 a second
			time.Sleep(40 * time.Millisecond)
			bad := forged(p.Issuer)
			takesNoTime(t, func() { refuse(t, v, bad, verifier.CodeInvalidToken) })
		}
		wantFetches(t, p, 2+4)
	})
}

func TestBadSignatureWaitsForTheResultOfItsFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, token := warm(t)
		p.restart()
		p.respond = slowly(p.Issuer, time.Second).respond
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { accept(t, v, p.Token(nil)) })
		}
		synctest.Wait() // all of them wait
		takesNoTime(t, func() { accept(t, v, token) })
		wg.Wait()
		wantFetches(t, p, 2)
	})
}

// Whatever forged signatures spend, unknown kids have their own.
func TestBadSignaturesHideNoRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, _ := warm(t)
		for range 100 {
			refuse(t, v, forged(p.Issuer), verifier.CodeInvalidToken)
		}
		for range 4 { // the burst of unknown kids
			time.Sleep(time.Millisecond)
			p.Rotate()
			accept(t, v, p.Token(nil))
		}
		wantFetches(t, p, 2+4)
	})
}

// And the other way round.
func TestUnknownKidsLeaveTheBudgetOfBadSignatures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, token := warm(t)
		for i := range 20 {
			_ = judgedOrNot(t, v, withKid(token, fmt.Sprint("made-up-", i)))
			time.Sleep(time.Millisecond)
		}
		p.restart()
		accept(t, v, p.Token(nil))
	})
}

// In an outage a signature can't be judged anew: it stays bad, and costs nothing more.
func TestBadSignatureInAnOutageIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, token := warm(t)
		p.suffer(resets)
		refuse(t, v, forged(p.Issuer), verifier.CodeInvalidToken)
		wantFetches(t, p, 2)
		takesNoTime(t, func() {
			refuse(t, v, forged(p.Issuer), verifier.CodeInvalidToken)
			accept(t, v, token)
		})
		wantFetches(t, p, 2)
		p.recover()
		p.restart()
		time.Sleep(time.Second) // the failed fetch was given back
		accept(t, v, p.Token(nil))
	})
}

// No key could make these good, so none is looked for.
func TestBadSignatureOfATokenThatIsNoGoodAnywayFetchesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, v, _ := warm(t)
		stranger := verifiertest.NewIssuer()
		for name, claims := range map[string]map[string]any{
			"expired":          {"exp": 1},
			"another issuer":   {"iss": "https://other.test"},
			"another audience": {"aud": "https://other.test"},
		} {
			t.Log(name)
			refuse(t, v, stranger.Token(claims), verifier.CodeInvalidToken)
		}
		wantFetches(t, p, 1)
	})
}

func TestBadSignatureUnderAFixedKeyIsRefused(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	v := newVerifier(t, offline(issuer))
	refusal := refuse(t, v, forged(issuer), verifier.CodeInvalidToken)
	if !strings.Contains(refusal.Error(), "did not make its signature") {
		t.Errorf("Error() = %q", refusal)
	}
}
