package verifier_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A town has many tenants, which share a logger. It counts what each is asked.
type town struct {
	*directory

	tenants []*patient
	lines   bytes.Buffer
	mu      sync.Mutex // of lines
}

func (c *town) Write(line []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines.Write(line)
}

func (c *town) logged() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines.String()
}

func newTown(tenants int) *town {
	c := &town{directory: &directory{}}
	logger := slog.New(slog.NewTextHandler(c, nil))
	for i := range tenants {
		p := newPatientAt(fmt.Sprintf("https://t%d.test", i))
		config := p.config()
		config.Logger = logger
		c.tenants = append(c.tenants, p)
		c.add(config)
	}
	return c
}

func (c *town) requests() (n int) {
	for _, p := range c.tenants {
		n += p.fetches()
	}
	return n
}

// For ten minutes, forged tokens name real tenants. There are more than the strangers that are
// kept, so each is pushed out before it comes again.
func TestForgedTokensOfManyTenantsShareTheirBudgets(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		town := newTown(300)
		v := newDynamic(t, 10, town.directory)
		start := time.Now()
		for i := 0; time.Since(start) < 10*time.Minute; i++ {
			p := town.tenants[i%len(town.tenants)]
			_, err := v.Verify(t.Context(), withKid(p.Token(nil), fmt.Sprint("made-up-", i)))
			if failure, ok := errors.AsType[*verifier.KeysError](err); ok && failure.RetryAfter > 10*time.Second {
				t.Fatalf("RetryAfter = %v, want a refill at most", failure.RetryAfter)
			}
			time.Sleep(20 * time.Millisecond)
		}
		synctest.Wait()
		if n := town.calls(); n > 64+10*600 {
			t.Errorf("the resolver was asked %d times, want 64 and ten a second", n)
		}
		if n := town.requests(); n > 64+600 {
			t.Errorf("issuers were asked %d times, want 64 and one a second", n)
		}
		if logged := town.logged(); logged != "" {
			t.Errorf("%d lines of log, want none for strangers:\n%.1000s", strings.Count(logged, "\n"), logged)
		}
	})
}

// A stranger's first valid token gives back what it has cost, so that a restart with many
// tenants isn't slowed by them.
func TestTenantsThatAreAdmittedGetBackWhatTheyPaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		town := newTown(200) // more than the budgets hold
		v := newDynamic(t, 200, town.directory)
		for _, p := range town.tenants {
			takesNoTime(t, func() { wantCode(t, v, p.Token(nil), "") })
		}
		town.wantCalls(t, 200)
		if n := town.requests(); n != 200 {
			t.Errorf("issuers were asked %d times, want once each", n)
		}
	})
}

// Strangers that showed no valid token don't.
func TestStrangersWithoutAValidTokenSpendTheirBudgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		town := newTown(70)
		v := newDynamic(t, 200, town.directory)
		for _, p := range town.tenants[:64] {
			wantCode(t, v, withKid(p.Token(nil), "made-up"), verifier.CodeKeyNotFound)
		}
		_, err := v.Verify(t.Context(), town.tenants[64].Token(nil))
		failure, ok := errors.AsType[*verifier.KeysError](err)
		if !ok || failure.RetryAfter > time.Second || !strings.Contains(failure.Error(), "too many tokens of unknown") {
			t.Errorf("Verify: %v, want a KeysError for a second at most", err)
		}
		spent := time.Now()
		for verifier.CodeOf(err) == verifier.CodeJWKSFetchFailed && time.Since(spent) < time.Minute {
			time.Sleep(100 * time.Millisecond)
			_, err = v.Verify(t.Context(), town.tenants[64].Token(nil))
		}
		if took := time.Since(spent); err != nil || took > time.Second {
			t.Errorf("a new tenant was served after %v: %v, want a refill of a second", took, err)
		}
	})
}

// Each has its own budget for made-up kids, and together they have another.
func TestStrangersShareTheirFetchesOfKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		town := newTown(20)
		v := newDynamic(t, 200, town.directory)
		for i := range 5 {
			for _, p := range town.tenants {
				_, err := v.Verify(t.Context(), withKid(p.Token(nil), fmt.Sprint("made-up-", i)))
				failure, ok := errors.AsType[*verifier.KeysError](err)
				if verifier.CodeOf(err) != verifier.CodeKeyNotFound && (!ok || failure.RetryAfter > time.Second) {
					t.Fatalf("Verify: %v, want %q or a refill of a second", err, verifier.CodeKeyNotFound)
				}
			}
		}
		if n := town.requests(); n != 64 {
			t.Errorf("issuers were asked %d times, want 64", n)
		}
		town.wantCalls(t, 20)
		// Known keys are used all the same, without another fetch.
		takesNoTime(t, func() { wantCode(t, v, town.tenants[0].Token(nil), "") })
	})
}

// A tenant in use costs strangers nothing, nor they it.
func TestTenantsKeepTheirOwnBudgetsAmidStrangers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		town := newTown(100)
		v := newDynamic(t, 10, town.directory)
		tenant := town.tenants[99]
		wantCode(t, v, tenant.Token(nil), "")
		for i := range 10 {
			for _, p := range town.tenants[:99] {
				_, _ = v.Verify(t.Context(), withKid(p.Token(nil), fmt.Sprint("made-up-", i)))
			}
			time.Sleep(time.Second)
		}
		tenant.Rotate()
		takesNoTime(t, func() { wantCode(t, v, tenant.Token(nil), "") })
		time.Sleep(5 * time.Minute) // its keys and its configuration are due
		takesNoTime(t, func() { wantCode(t, v, tenant.Token(nil), "") })
	})
}

// From its first valid token on, a tenant's changes are logged.
func TestLogHearsOfTenantsAndOfNoStrangers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		town := newTown(1)
		v := newDynamic(t, 10, town.directory)
		p := town.tenants[0]
		wantCode(t, v, withKid(p.Token(nil), "made-up"), verifier.CodeKeyNotFound)
		synctest.Wait()
		if logged := town.logged(); logged != "" {
			t.Errorf("log of a stranger: %s", logged)
		}
		wantCode(t, v, p.Token(nil), "")
		p.Rotate()
		wantCode(t, v, p.Token(nil), "")
		synctest.Wait()
		if logged := town.logged(); strings.Count(logged, "issuer keys changed") != 1 {
			t.Errorf("log of a tenant: %s, want its rotation", logged)
		}
	})
}

// Package jwks gives up early on thousands of broken keys. Here they must cost no more than
// one fetch.
func TestHostileKeySetOfAStrangerIsReadOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.suffer(answers(http.StatusOK, `{"keys":[`+strings.Repeat(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},`, 4094)+`{}]}`))
		d := &directory{}
		d.add(p.config())
		v := newDynamic(t, 10, d)
		for range 1000 {
			wantCode(t, v, p.Token(nil), verifier.CodeJWKSError)
		}
		wantFetches(t, p, 1)
	})
}

// Its look-up and its keys take longer than a flood needs to push it out. What it was accepted
// by must not stay where Forget cannot reach it.
func TestStrangerThatWasPushedOutLeavesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.respond = slowly(p.Issuer, time.Minute).respond
		config := p.config()
		config.FetchTimeout = 2 * time.Minute
		d := &directory{}
		d.add(config)
		v := newDynamic(t, 10, d)
		token := lasting(p.Issuer)
		var wg sync.WaitGroup
		wg.Go(func() { wantCode(t, v, token, "") })
		for i := range 400 {
			_, _ = v.Verify(t.Context(), p.Token(map[string]any{"iss": fmt.Sprint("https://made-up.test/", i)}))
			time.Sleep(100 * time.Millisecond)
		}
		wg.Wait()
		d.remove(p.URL())
		v.Forget(p.URL())
		wantCode(t, v, token, verifier.CodeInvalidIssuer)
	})
}

func TestEvictedTenantsAreLookedUpAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		town := newTown(2)
		v := newDynamic(t, 1, town.directory)
		evicted, tenant := lasting(town.tenants[0].Issuer), lasting(town.tenants[1].Issuer)
		wantCode(t, v, evicted, "")
		wantCode(t, v, tenant, "")
		town.remove(town.tenants[0].URL())
		wantCode(t, v, evicted, verifier.CodeInvalidIssuer) // though it was remembered
		wantCode(t, v, tenant, "")
		town.wantCalls(t, 3)
	})
}

func TestForgetEndsRememberedTokensAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		town := newTown(2)
		v := newDynamic(t, 10, town.directory)
		a, b := lasting(town.tenants[0].Issuer), lasting(town.tenants[1].Issuer)
		for range 2 {
			wantCode(t, v, a, "")
			wantCode(t, v, b, "")
		}
		town.remove(town.tenants[0].URL())
		v.Forget(town.tenants[0].URL())
		v.Forget("https://unknown.test")
		wantCode(t, v, a, verifier.CodeInvalidIssuer)
		wantCode(t, v, b, "")
		if status := v.Status(); len(status) != 1 || status[0].Issuer != town.tenants[1].URL() {
			t.Errorf("Status() = %+v, want the other tenant alone", status)
		}
	})
}

func TestZeroVerifiersRefuseAndDoNotPanic(t *testing.T) {
	t.Parallel()
	token := newPatient().Token(nil)
	var single verifier.Verifier
	wantCode(t, &single, token, verifier.CodeMalformedToken)
	var dynamic verifier.Dynamic
	wantCode(t, &dynamic, token, verifier.CodeInvalidIssuer)
	wantCode(t, &dynamic, "", verifier.CodeMalformedToken)
	dynamic.Forget("https://issuer.test")
	if status := dynamic.Status(); len(status) != 0 {
		t.Errorf("Status() = %v, want none", status)
	}
	_ = dynamic.Ready(t.Context())
	_ = dynamic.MaxTokenBytes()
	var multi verifier.Multi
	wantCode(t, &multi, token, verifier.CodeInvalidIssuer)
	if status := multi.Status(); len(status) != 0 {
		t.Errorf("Status() = %v, want none", status)
	}
	_ = multi.Ready(t.Context())
	_ = multi.MaxTokenBytes()
}

// Remembered tokens are found without a look at their tenant.
func TestTenantInUseOutlivesAnIdleOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, known := verifiertest.NewIssuer(), &directory{}
		for _, name := range []string{"https://busy.test", "https://idle.test", "https://new.test"} {
			config := offline(issuer)
			config.Issuer = name
			known.add(config)
		}
		v := newDynamic(t, 2, known)
		busy, idle := issuer.Token(map[string]any{"iss": "https://busy.test"}), issuer.Token(map[string]any{"iss": "https://idle.test"})
		wantCode(t, v, busy, "")
		wantCode(t, v, idle, "")
		wantCode(t, v, busy, "")
		wantCode(t, v, issuer.Token(map[string]any{"iss": "https://new.test"}), "")
		before := known.calls()
		if wantCode(t, v, busy, ""); known.calls() != before {
			t.Error("the tenant in use was dropped")
		}
		if wantCode(t, v, idle, ""); known.calls() == before {
			t.Error("no tenant was dropped")
		}
	})
}
