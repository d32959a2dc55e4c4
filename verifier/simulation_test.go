package verifier

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

const (
	longestBackoff  = time.Minute // see internal/refresh
	simulatedLives  = 200
	simulatedAtOnce = 4
	simulatedLife   = 24 * time.Hour
)

// Each life is a day of an issuer that rotates its keys, moves them, and is out in every
// way there is, and of a service that calls now busily, now not at all, and that is sent
// tokens of withdrawn and of made-up keys. A life that fails is repeated, but for jitter,
// by its seed. That the bubble ends shows that no goroutine is left.
func TestADayInTheLifeOfAnIssuer(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	var mu sync.Mutex
	var sum tally
	t.Run("lives", func(t *testing.T) { // until all have ended
		for first := range uint64(simulatedAtOnce) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for seed := first; seed < simulatedLives && !t.Failed(); seed += simulatedAtOnce {
					synctest.Test(t, func(t *testing.T) {
						one := newWorld(t, seed).live()
						mu.Lock()
						defer mu.Unlock()
						sum.add(one)
					})
					if t.Failed() {
						t.Errorf("the world of seed %d", seed)
					}
				}
			})
		}
	})
	t.Logf("%+v", sum)
	// Else the simulation is not of what it says.
	if sum.Served == 0 || sum.Stale == 0 || sum.Withdrawn == 0 || sum.Forged == 0 || sum.Unavailable == 0 ||
		sum.Outages == 0 || sum.Rotations == 0 {
		t.Error("something never happened")
	}
}

type tally struct {
	Served, Stale, Unavailable, Withdrawn, Forged int // calls, by what came of them
	Rotations, Outages, Requests                  int
}

func (t *tally) add(other tally) {
	t.Served += other.Served
	t.Stale += other.Stale
	t.Unavailable += other.Unavailable
	t.Withdrawn += other.Withdrawn
	t.Forged += other.Forged
	t.Rotations += other.Rotations
	t.Outages += other.Outages
	t.Requests += other.Requests
}

// A world is all that happens to one keys.
type world struct {
	t      *testing.T
	source *keys
	rand   *rand.Rand // of live alone

	mu     sync.Mutex
	tally  tally
	newest int // the key that signs
	oldest int // keys from here on are published
	gone   map[int]time.Time
	path   string // of the keys

	outage      string    // its kind, or ""
	outageEnded time.Time // of the latest that is over
	forgedAt    time.Time
	delivered   time.Time // the latest good answer, and what was in it
	has         [2]int    // from which key to which
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t:    t,
		rand: rand.New(rand.NewPCG(seed, 0)),
		gone: make(map[int]time.Time),
		path: "/keys-0",
	}
	source, err := newKeys(Config{
		Issuer:     "https://issuer.test",
		HTTPClient: &http.Client{Transport: w},
	}.withDefaults(), false)
	if err != nil {
		t.Fatal(err)
	}
	w.source = source
	return w
}

// live runs a day and says what came of it. Something happens every now and then; what is decided by chance.
func (w *world) live() tally {
	start := time.Now()
	nextRotation := start.Add(w.between(10*time.Minute, 6*time.Hour))
	nextOutage := start.Add(w.between(0, 4*time.Hour))
	var outageEnds, quietUntil, busyUntil time.Time
	for now := start; now.Sub(start) < simulatedLife; now = time.Now() {
		w.mu.Lock()
		if !now.Before(nextRotation) {
			w.rotate(now)
			nextRotation = now.Add(w.between(10*time.Minute, 6*time.Hour))
		}
		switch {
		case w.outage != "" && !now.Before(outageEnds):
			w.outage, w.outageEnded = "", now
			nextOutage = now.Add(w.between(0, 4*time.Hour))
		case w.outage == "" && !now.Before(nextOutage):
			kinds := []string{"resets", "500", "hangs", "garbage", "empty", "metadata", "slow"}
			w.outage = kinds[w.rand.IntN(len(kinds))]
			w.tally.Outages++
			outageEnds = now.Add(w.anyLength(time.Second, 3*time.Hour))
		}
		if now.After(busyUntil) {
			quietUntil = now.Add(w.anyLength(time.Second, 2*time.Hour))
			busyUntil = quietUntil.Add(w.anyLength(time.Second, 2*time.Hour))
		}
		if !now.Before(quietUntil) {
			for range 1 + w.rand.IntN(3) {
				w.call(now)
			}
		}
		w.mu.Unlock()
		time.Sleep(w.between(time.Millisecond, time.Minute))
	}
	time.Sleep(2 * defaultFetchTimeout) // until all calls have ended
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tally
}

func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.rand.Int64N(int64(high-low)))
}

// anyLength draws short times as often as long ones.
func (w *world) anyLength(low, high time.Duration) time.Duration {
	length := w.between(low, high)
	for length > low && w.rand.IntN(2) == 0 {
		length = max(low, length/4)
	}
	return length
}

// rotate makes a new key, and withdraws what came before now or at a later rotation.
func (w *world) rotate(now time.Time) {
	w.tally.Rotations++
	w.newest++
	if w.rand.IntN(3) > 0 {
		for ; w.oldest < w.newest; w.oldest++ {
			w.gone[w.oldest] = now
		}
	}
	if w.rand.IntN(4) == 0 {
		w.path = fmt.Sprint("/keys-", w.newest)
	}
}

// call sends one token, of a key that is published, withdrawn or made up.
func (w *world) call(now time.Time) {
	switch n := w.rand.IntN(20); {
	case n == 0:
		w.forgedAt = now
		kid := fmt.Sprint("made-up-", w.rand.Uint64())
		go w.judgeForged(kid)
	case n < 4 && w.oldest > 0:
		go w.judgeWithdrawn(w.oldest - 1)
	default:
		go w.judgeGood(w.oldest + w.rand.IntN(w.newest-w.oldest+1))
	}
}

func (w *world) judgeGood(n int) {
	began := time.Now()
	key, err := find(w.t.Context(), w.source, kidOf(n))
	took := time.Since(began)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if took > defaultFetchTimeout {
		w.t.Errorf("a call waited for %v, want FetchTimeout at most", took)
	}
	if w.oldest > n {
		return // withdrawn meanwhile
	}
	age := now.Sub(w.delivered)
	isKnown := w.has[0] <= n && n <= w.has[1] && age < defaultKeysTTL+defaultKeysMaxStale-took
	failure, isFailure := errors.AsType[*KeysError](err)
	switch {
	case err == nil && !key.Equal(simulated()[n].key):
		w.t.Error("a call got another key")
	case err == nil:
		w.tally.Served++
		if age > defaultKeysTTL {
			w.tally.Stale++
		}
	case !isFailure:
		w.t.Errorf("a good token was refused: %v", err)
	case failure.RetryAfter <= 0:
		w.t.Errorf("RetryAfter = %v, want a positive time", failure.RetryAfter)
	case isKnown:
		w.t.Errorf("a token of a key that was fetched %v ago was not judged: %v", age, err)
	case w.isOutWithin(now, longestBackoff+defaultFetchTimeout):
		w.tally.Unavailable++
	// A new key may be hidden for one refill by forged ones.
	case now.Sub(w.forgedAt) > (unknownKidBurst+1)*unknownKidRefill || failure.RetryAfter > unknownKidRefill:
		w.t.Errorf("a good token was not judged, with no outage nor forged tokens: %v", err)
	}
}

func (w *world) judgeWithdrawn(n int) {
	began := time.Now()
	_, err := find(w.t.Context(), w.source, kidOf(n))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tally.Withdrawn++
	age := began.Sub(w.gone[n])
	if err != nil || age <= defaultKeysTTL+defaultFetchTimeout {
		return
	}
	if !w.isOutWithin(began, defaultKeysTTL+longestBackoff+defaultFetchTimeout) {
		w.t.Errorf("a key was used %v after it was withdrawn, with no outage", age)
	}
	if age > defaultKeysTTL+defaultKeysMaxStale+defaultFetchTimeout {
		w.t.Errorf("a key was used %v after it was withdrawn", age)
	}
}

func (w *world) judgeForged(kid string) {
	_, err := find(w.t.Context(), w.source, kid)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tally.Forged++
	if err == nil {
		w.t.Error("a key was found for a made-up kid")
	}
}

func (w *world) isOutWithin(now time.Time, span time.Duration) bool {
	return w.outage != "" || now.Sub(w.outageEnded) <= span
}

// RoundTrip is the issuer.
func (w *world) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	outage, path, isMetadata := w.outage, w.path, strings.HasPrefix(req.URL.Path, "/.well-known/")
	oldest, newest := w.oldest, w.newest
	w.tally.Requests++
	latency := rand.N(200 * time.Millisecond)
	w.mu.Unlock()
	if outage == "slow" {
		latency *= 20
	}
	if outage == "hangs" {
		latency = time.Hour
	}
	if err := wait(req.Context(), latency); err != nil {
		return nil, err
	}
	switch {
	case outage == "resets":
		return nil, io.ErrUnexpectedEOF
	case outage == "500", outage == "metadata" && isMetadata:
		return answer(http.StatusInternalServerError, ""), nil
	case outage == "garbage":
		return answer(http.StatusOK, "<title>back soon</title>"), nil
	case outage == "empty":
		return answer(http.StatusOK, `{"keys":[]}`), nil
	case isMetadata:
		return answer(http.StatusOK,
			`{"issuer":"https://issuer.test","jwks_uri":"https://issuer.test`+path+`"}`), nil
	case req.URL.Path != path:
		return answer(http.StatusNotFound, ""), nil
	}
	var keys []string
	for n := oldest; n <= newest; n++ {
		keys = append(keys, simulated()[n].jwk)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delivered, w.has = time.Now(), [2]int{oldest, newest}
	return answer(http.StatusOK, `{"keys":[`+strings.Join(keys, ",")+`]}`), nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func kidOf(n int) string { return fmt.Sprint("key-", n) }

// simulated are more keys than a day has.
var simulated = sync.OnceValue(func() (keys []simulatedKey) {
	for n := range 200 {
		public := ed25519.NewKeyFromSeed(fmt.Appendf(nil, "%032d", n)).Public().(ed25519.PublicKey)
		jwk := fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}`,
			kidOf(n), base64.RawURLEncoding.EncodeToString(public))
		read := jws.ReadJWK(jwk)
		key, err := read.Key()
		if err != nil {
			panic(err)
		}
		keys = append(keys, simulatedKey{jwk, key})
	}
	return keys
})

type simulatedKey struct {
	jwk string
	key *jws.Key
}
