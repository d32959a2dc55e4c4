package dpop_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
)

func TestProofCountsOnce(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		for name, prove := range map[string]func() string{
			"by its iat":   func() string { return key.proof(with(claims(), "iat", time.Now().Add(30*time.Second).Unix())) },
			"by its nonce": func() string { return key.proof(with(claims(), "nonce", c.Nonce())) },
		} {
			proof := prove()
			mustPass(t, check(t, c, request(proof), key.thumbprint))
			for range 100 {
				time.Sleep(time.Second)
				if err := check(t, c, request(proof), key.thumbprint); verifier.CodeOf(err) != invalid &&
					verifier.CodeOf(err) != useNonce {
					t.Fatalf("%s: got %v", name, err)
				}
			}
		}
	})
}

// Of many at once only one is admitted.
func TestConcurrentReplaysAdmitOne(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		proof := key.proof(claims())
		var admitted atomic.Int32
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				if check(t, c, request(proof), key.thumbprint) == nil {
					admitted.Add(1)
				}
			})
		}
		group.Wait()
		if admitted.Load() != 1 {
			t.Errorf("%d were admitted", admitted.Load())
		}
	})
}

// A jti is unique only for its key, and a signature can be made twice.
func TestReplayIsFoundByKeyAndJTI(t *testing.T) {
	t.Parallel()
	key, other := newClient(t, "ES256"), newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		claims := claims()
		mustPass(t, check(t, c, request(key.proof(claims)), key.thumbprint))
		mustPass(t, check(t, c, request(other.proof(claims)), other.thumbprint))
		mustRefuse(t, check(t, c, request(key.proof(claims)), key.thumbprint), invalid, "used before")
	})
}

// Otherwise a stranger could use up another's proofs, or forget them.
func TestOnlyAcceptedProofsAreRemembered(t *testing.T) {
	t.Parallel()
	key, other := newClient(t, "ES256"), newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		genuine := key.proof(claims())
		forged := strings.TrimRight(genuine, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") +
			segment(other.signature("x"))
		for range 100 {
			mustRefuse(t, check(t, c, request(forged), key.thumbprint), invalid, "signature is not valid")
			mustRefuse(t, check(t, c, request(forge(key, other)), key.thumbprint), invalid, "signature is not valid")
			mustRefuse(t, check(t, c, request(other.proof(claims())), key.thumbprint), verifier.CodeInvalidToken, "")
		}
		if c.Held() != 0 {
			t.Errorf("%d proofs are remembered", c.Held())
		}
		mustPass(t, check(t, c, request(genuine), key.thumbprint))
		mustRefuse(t, check(t, c, request(genuine), key.thumbprint), invalid, "used before")
	})
}

func TestFullMemoryForgetsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := settled(t, func(c *dpop.Config) { c.MaxProofs = 100 })
		until := time.Now().Add(time.Minute)
		for i := range 100 {
			mustPass(t, c.Remember(fmt.Sprint("key", i), "1", until))
		}
		for i := range 100 {
			if err := c.Remember(fmt.Sprint("key", i), "1", until); err == nil || !strings.Contains(err.Error(), "before") {
				t.Fatalf("proof %d: got %v", i, err)
			}
		}
		if err := c.Remember("another", "1", until); err == nil || !strings.Contains(err.Error(), "Config.MaxProofs are") {
			t.Errorf("got %v", err)
		}
		time.Sleep(2 * time.Minute)
		mustPass(t, c.Remember("another", "1", until.Add(2*time.Minute)))
		if c.Held() != 1 {
			t.Errorf("%d are remembered", c.Held())
		}
	})
}

// It's an outage of ours, so the client keeps its token and tries again.
func TestFullMemoryIsUnavailable(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := settled(t, func(c *dpop.Config) { c.MaxProofs = 4 })
		mustPass(t, check(t, c, request(key.proof(claims())), key.thumbprint))
		err := check(t, c, request(key.proof(claims())), key.thumbprint)
		keysErr, ok := errors.AsType[*verifier.KeysError](err)
		if !ok || keysErr.Code != verifier.CodeReplaysFull || !strings.Contains(err.Error(), "its share") {
			t.Fatalf("got %v", err)
		}
		time.Sleep(keysErr.RetryAfter)
		mustPass(t, check(t, c, request(key.proof(claims())), key.thumbprint))
	})
}

func TestOneKeyTakesNoMoreThanItsShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := settled(t, func(c *dpop.Config) { c.MaxProofs = 1000 })
		refused := 0
		for i := range 1000 {
			until := time.Now().Add(time.Duration(i%90) * time.Second)
			if c.Remember("greedy", fmt.Sprint(i), until) != nil {
				refused++
			}
		}
		if c.Held() != 250 || refused != 750 {
			t.Errorf("%d are remembered, %d refused", c.Held(), refused)
		}
		mustPass(t, c.Remember("modest", "1", time.Now().Add(time.Minute)))
		time.Sleep(3 * time.Minute)
		mustPass(t, c.Remember("greedy", "again", time.Now().Add(time.Minute)))
	})
}

// A new process remembers nothing its predecessor accepted.
func TestProofFromBeforeTheStartNeedsANonce(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		before := settled(t)
		proof := key.proof(with(claims(), "iat", time.Now().Add(30*time.Second).Unix())) // by a clock that is fast
		mustPass(t, check(t, before, request(proof), key.thumbprint))
		after := newChecker(t)
		for range 200 {
			mustRefuse(t, check(t, after, request(proof), key.thumbprint), useNonce, "")
			time.Sleep(time.Second)
		}
		mustPass(t, check(t, after, request(key.proof(claims())), key.thumbprint))
	})
}

func TestNonceFromBeforeTheStartIsReplaced(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		before := settled(t, nonceKeys(1))
		nonce := before.Nonce()
		proof := key.proof(with(claims(), "nonce", nonce))
		mustPass(t, check(t, before, request(proof), key.thumbprint))
		after := newChecker(t, nonceKeys(1))
		mustRefuse(t, check(t, after, request(proof), key.thumbprint), useNonce, "was started")
		mustPass(t, check(t, after, request(key.proof(with(claims(), "nonce", after.Nonce()))), key.thumbprint))
	})
}

// A proof that was accepted and forgotten must not become new again.
func TestClockThatIsSetBackReopensNothing(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	for _, by := range []time.Duration{time.Second, 2 * time.Minute, time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newChecker(t)
				time.Sleep(2 * time.Hour)
				var proofs []string
				for range 20 {
					proofs = append(proofs, key.proof(claims()))
					mustPass(t, check(t, c, request(proofs[len(proofs)-1]), key.thumbprint))
					time.Sleep(by / 20)
				}
				time.Sleep(2 * time.Minute)
				mustPass(t, check(t, c, request(key.proof(claims())), key.thumbprint)) // and forget the others
				if c.Held() == 21 {
					t.Fatal("nothing was forgotten")
				}
				c.SetBack(by + 2*time.Minute)
				for range 44 {
					for _, proof := range proofs {
						if err := check(t, c, request(proof), key.thumbprint); err == nil {
							t.Fatal("a proof was accepted twice")
						}
					}
					time.Sleep(by / 40)
				}
			})
		})
	}
}

// The service goes on, with one more attempt for each client.
func TestClockThatIsSetBackAsksForANonce(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := newChecker(t)
		time.Sleep(2 * time.Hour)
		c.Nonce() // looks at the clock
		c.SetBack(time.Hour)
		now := func() int64 { return time.Now().Add(-time.Hour).Unix() }
		mustRefuse(t, check(t, c, request(key.proof(with(claims(), "iat", now()))), key.thumbprint), useNonce, "set back")
		mustPass(t, check(t, c, request(key.proof(with(with(claims(), "iat", now()), "nonce", c.Nonce()))), key.thumbprint))
		time.Sleep(time.Hour + 31*time.Second)
		mustPass(t, check(t, c, request(key.proof(with(claims(), "iat", now()))), key.thumbprint))
	})
}

// What was remembered is in doubt in any case, and takes no room.
func TestClockThatIsSetBackEmptiesTheMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := settled(t, func(c *dpop.Config) { c.MaxProofs = 2 })
		for _, key := range []string{"a", "b"} {
			mustPass(t, c.Remember(key, "1", time.Now().Add(time.Minute)))
		}
		c.SetBack(time.Hour)
		mustPass(t, c.Remember("c", "1", time.Now().Add(time.Minute-time.Hour)))
		if c.Held() != 1 {
			t.Errorf("%d are remembered", c.Held())
		}
	})
}

// NTP moves clocks by that much, and nothing was forgotten.
func TestClockThatIsALittleBackChangesNothing(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := newChecker(t)
		time.Sleep(2 * time.Hour)
		proof := key.proof(claims())
		mustPass(t, check(t, c, request(proof), key.thumbprint))
		time.Sleep(80 * time.Second)
		mustPass(t, check(t, c, request(key.proof(claims())), key.thumbprint))
		c.SetBack(30 * time.Second)
		mustRefuse(t, check(t, c, request(proof), key.thumbprint), invalid, "used before")
		mustPass(t, check(t, c, request(key.proof(with(claims(), "iat", time.Now().Unix()-30))), key.thumbprint))
	})
}

// A store remembers proofs for several replicas, as a database would.
type store struct {
	mu    sync.Mutex
	until map[string]time.Time
	err   error
}

func (s *store) Add(ctx context.Context, id string, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(ctx.Err(), s.err); err != nil {
		return false, err
	}
	if time.Now().Before(s.until[id]) {
		return false, nil
	}
	s.until[id] = until
	return true, nil
}

func newStore() *store { return &store{until: make(map[string]time.Time)} }

func TestReplicasWithoutAStoreCountForThemselves(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		a, b := newChecker(t), settled(t)
		proof := key.proof(claims())
		mustPass(t, check(t, a, request(proof), key.thumbprint))
		mustPass(t, check(t, b, request(proof), key.thumbprint))
	})
}

func TestReplicasShareAStore(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		shared := func(c *dpop.Config) { c.Replays = s }
		a, b := newChecker(t, shared), newChecker(t, shared)
		proof := key.proof(claims())
		mustPass(t, check(t, a, request(proof), key.thumbprint))
		mustRefuse(t, check(t, b, request(proof), key.thumbprint), invalid, "used before")
		restarted := newChecker(t, shared)
		mustRefuse(t, check(t, restarted, request(proof), key.thumbprint), invalid, "used before")
		mustPass(t, check(t, restarted, request(key.proof(claims())), key.thumbprint))
		for id, until := range s.until {
			if len(id) != 43 || time.Until(until) < 90*time.Second {
				t.Errorf("%q is remembered for %v", id, time.Until(until))
			}
		}
	})
}

// A store counts time by the clock of the replica that adds a proof.
func TestReplicaWhoseClockIsBehindFindsWhatAnotherAccepted(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	for _, ahead := range []time.Duration{0, 30 * time.Second, 50 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := newStore()
			shared := func(c *dpop.Config) { c.Replays, c.Leeway = s, 50*time.Second }
			fast, slow := newChecker(t, shared), newChecker(t, shared)
			fast.SetBack(-ahead)
			proof := key.proof(claims())
			mustPass(t, check(t, fast, request(proof), key.thumbprint))
			for id, until := range s.until {
				s.until[id] = until.Add(-ahead)
			}
			for range 120 {
				time.Sleep(time.Second)
				if check(t, slow, request(proof), key.thumbprint) == nil {
					t.Fatalf("%v behind, it accepts a used proof", ahead)
				}
			}
		})
	}
}

func TestStoresFailureIsAnOutage(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.err = errors.New("no route to host")
		c := newChecker(t, func(c *dpop.Config) { c.Replays = s })
		err := check(t, c, request(key.proof(claims())), key.thumbprint)
		keysErr, ok := errors.AsType[*verifier.KeysError](err)
		if !ok || keysErr.Code != verifier.CodeReplaysFailed || keysErr.RetryAfter <= 0 ||
			!strings.Contains(err.Error(), "no route to host") {
			t.Errorf("got %v", err)
		}
		proof, err := c.Read(request(key.proof(claims())))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := proof.Check(ctx, key.thumbprint); !errors.Is(err, context.Canceled) || verifier.CodeOf(err) != "" {
			t.Errorf("got %v, want the call's own end", err)
		}
	})
}

func TestStoreSurvivesAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := newChecker(t, func(c *dpop.Config) { c.Replays = newStore() })
		time.Sleep(time.Hour)
		proof := key.proof(claims())
		mustPass(t, check(t, c, request(proof), key.thumbprint))
		time.Sleep(10 * time.Minute)
		mustPass(t, check(t, c, request(key.proof(claims())), key.thumbprint))
		c.SetBack(10 * time.Minute)
		mustRefuse(t, check(t, c, request(proof), key.thumbprint), useNonce, "set back")
	})
}
