package dpop_test

import (
	"encoding/base64"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
)

const useNonce = verifier.CodeUseDPoPNonce

func requireNonce(c *dpop.Config) { c.RequireNonce = true }

func nonceKeys(keys ...byte) func(*dpop.Config) {
	return func(c *dpop.Config) {
		for _, b := range keys {
			key := make([]byte, 32)
			key[0] = b
			c.NonceKeys = append(c.NonceKeys, key)
		}
	}
}

func TestNonceIsRequired(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := settled(t, requireNonce)
		mustRefuse(t, check(t, c, request(key.proof(claims())), key.thumbprint), useNonce, "Config.RequireNonce")
		mustPass(t, check(t, c, request(key.proof(with(claims(), "nonce", c.Nonce()))), key.thumbprint))
	})
}

// RFC 9449, section 8.
func TestNonceThatTheServiceDidNotMakeIsRefused(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	for _, required := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := settled(t, func(c *dpop.Config) { c.RequireNonce = required })
			good := c.Nonce()
			for name, nonce := range map[string]any{
				"empty":        "",
				"a number":     7,
				"null":         nil,
				"short":        good[:42],
				"long":         good + "A",
				"with a break": good[:20] + "\n" + good[21:],
				"another's":    newChecker(t).Nonce(),
				"padded":       good[:42] + "=",
			} {
				claims := claims()
				claims["nonce"] = nonce
				mustRefuse(t, check(t, c, request(key.proof(claims)), key.thumbprint), useNonce, "made its nonce")
				if t.Failed() {
					t.Fatal(name)
				}
			}
		})
	}
}

// Every byte is covered by the code, or is part of it.
func TestChangedNonceIsRefused(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		good, err := base64.RawURLEncoding.DecodeString(c.Nonce())
		if err != nil || len(good) != 32 {
			t.Fatal(good, err)
		}
		for i := range good {
			good[i] ^= 1
			err := check(t, c, request(key.proof(with(claims(), "nonce", segment(good)))), key.thumbprint)
			mustRefuse(t, err, useNonce, "made its nonce")
			good[i] ^= 1
		}
	})
}

func TestNonceHasALife(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := newChecker(t)
		nonce := c.Nonce()
		use := func() error {
			return check(t, c, request(key.proof(with(claims(), "nonce", nonce))), key.thumbprint)
		}
		mustPass(t, use())
		time.Sleep(5*time.Minute - time.Second)
		mustPass(t, use())
		time.Sleep(time.Second)
		mustRefuse(t, use(), useNonce, "it was made 5m0s ago")
	})
}

// A nonce says when the proof was made, so the client's clock doesn't matter (RFC 9449, section
// 11.1).
func TestNonceStandsInForAWrongClock(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		for _, wrong := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
			claims := with(claims(), "iat", time.Now().Add(wrong).Unix())
			mustRefuse(t, check(t, c, request(key.proof(claims)), key.thumbprint), useNonce, "")
			mustPass(t, check(t, c, request(key.proof(with(claims, "nonce", c.Nonce()))), key.thumbprint))
		}
	})
}

func TestNonceIsReplacedAheadOfItsEnd(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		c := newChecker(t)
		nonce := c.Nonce()
		next := func(claims map[string]any) string {
			proof, err := c.Read(request(key.proof(claims)))
			if err != nil {
				t.Fatal(err)
			}
			return proof.NextNonce()
		}
		time.Sleep(2*time.Minute + 29*time.Second)
		if got := next(with(claims(), "nonce", nonce)); got != "" {
			t.Errorf("a young nonce is replaced by %q", got)
		}
		time.Sleep(time.Second)
		replaced := next(with(claims(), "nonce", nonce))
		if replaced == "" || replaced == nonce || replaced != c.Nonce() {
			t.Errorf("the next nonce is %q", replaced)
		}
		if got := next(claims()); got != "" {
			t.Errorf("a client without a nonce gets %q", got)
		}
	})
}

func TestNonceFitsItsField(t *testing.T) {
	t.Parallel()
	if nonce := newChecker(t).Nonce(); !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(nonce) {
		t.Errorf("the nonce is %q", nonce)
	}
}

func TestReplicasShareNoncesByTheirKeys(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	for name, row := range map[string]struct {
		maker, user func(*dpop.Config)
		want        verifier.Code
	}{
		"the same key":              {nonceKeys(1), nonceKeys(1), ""},
		"a key that was put last":   {nonceKeys(1), nonceKeys(2, 1), ""},
		"a key that was put first":  {nonceKeys(2, 1), nonceKeys(1, 2), ""},
		"a key that's gone":         {nonceKeys(1), nonceKeys(2), useNonce},
		"the second makes no nonce": {nonceKeys(1, 2), nonceKeys(2), useNonce},
		"none":                      {nonceKeys(), nonceKeys(), useNonce},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				maker, user := newChecker(t, row.maker), settled(t, row.user)
				err := check(t, user, request(key.proof(with(claims(), "nonce", maker.Nonce()))), key.thumbprint)
				if verifier.CodeOf(err) != row.want {
					t.Errorf("got %v, want %q", err, row.want)
				}
			})
		})
	}
}

// Replicas' clocks differ, too.
func TestNonceFromTheFutureIsRefused(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	for ahead, want := range map[time.Duration]verifier.Code{30 * time.Second: "", 31 * time.Second: useNonce} {
		synctest.Test(t, func(t *testing.T) {
			maker, user := newChecker(t, nonceKeys(1)), settled(t, nonceKeys(1))
			time.Sleep(time.Hour)
			maker.SetBack(-ahead)
			err := check(t, user, request(key.proof(with(claims(), "nonce", maker.Nonce()))), key.thumbprint)
			if verifier.CodeOf(err) != want {
				t.Errorf("%v ahead: got %v, want %q", ahead, err, want)
			}
		})
	}
}
