package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// start returns an issuer, its verifier, and a good token that the verifier has seen.
func start(ctx context.Context) (*issuer, *verifier.Verifier, string, error) {
	return startWith(ctx, keysTTL)
}

func startWith(ctx context.Context, ttl time.Duration) (*issuer, *verifier.Verifier, string, error) {
	i := startIssuer(healthy)
	config := i.config()
	config.KeysTTL = ttl
	v, err := verifier.New(config)
	if err != nil {
		i.stop()
		return nil, nil, "", err
	}
	token := i.Token(nil)
	if _, err := v.Verify(ctx, token); err != nil {
		i.stop()
		return nil, nil, "", err
	}
	return i, v, token, nil
}

func coldStart(ctx context.Context) (string, error) {
	i := startIssuer(slow)
	defer i.stop()
	config := i.config()
	config.KeysTTL = time.Hour // no refresh may come in between
	v, err := verifier.New(config)
	if err != nil {
		return "", err
	}
	token := i.Token(nil)
	served := together(1000, func() error { _, err := v.Verify(ctx, token); return err })
	return fmt.Sprintf("%d served, %d fetch", served, i.fetches()), expect(map[string]bool{
		"all served": served == 1000,
		"1 fetch":    i.fetches() == 1,
	})
}

func firstCallerCancels(ctx context.Context) (string, error) {
	i := startIssuer(slow)
	defer i.stop()
	v, err := verifier.New(i.config())
	if err != nil {
		return "", err
	}
	token := i.Token(nil)
	first, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	var firstErr error
	var wg sync.WaitGroup
	wg.Go(func() { _, firstErr = v.Verify(first, token) })
	time.Sleep(10 * time.Millisecond)
	served := together(99, func() error { _, err := v.Verify(ctx, token); return err })
	wg.Wait()
	return fmt.Sprintf("%d of 99 others served, %d fetch", served, i.fetches()), expect(map[string]bool{
		"the first one gave up": errors.Is(firstErr, context.DeadlineExceeded),
		"all others served":     served == 99,
		"1 fetch":               i.fetches() == 1,
	})
}

func forgedSignatures(ctx context.Context) (string, error) {
	i, v, _, err := startWith(ctx, time.Hour)
	if err != nil {
		return "", err
	}
	defer i.stop()
	forged := i.Token(nil, verifiertest.WithSignature(func(s []byte) []byte { s[0] ^= 1; return s }))
	refused := 0
	for range 10_000 {
		if _, err := v.Verify(ctx, forged); verifier.CodeOf(err) == verifier.CodeInvalidToken {
			refused++
		}
	}
	return fmt.Sprintf("%d refused, %d fetches", refused, i.fetches()-1), expect(map[string]bool{
		"all refused": refused == 10_000,
		"no fetch":    i.fetches() == 1,
	})
}

func unknownKids(ctx context.Context) (string, error) {
	i, v, token, err := startWith(ctx, time.Hour)
	if err != nil {
		return "", err
	}
	defer i.stop()
	before := measure(ctx, v, token, 500, time.Millisecond)
	began := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := range 10_000 {
			_, _ = v.Verify(ctx, withKid(token, fmt.Sprint("made-up-", n)))
			if n%50 == 0 {
				time.Sleep(10 * time.Millisecond)
			}
		}
	})
	during := measure(ctx, v, token, 1000, time.Millisecond)
	wg.Wait()
	fetches := i.fetches() - 1
	allowed := burst + int(time.Since(began)/refill)
	return fmt.Sprintf("%d fetches (%d allowed); known kid p50 %s, before %s",
			fetches, allowed, micro(during.p50()), micro(before.p50())), expect(map[string]bool{
			"no more fetches than allowed": fetches <= allowed,
			"known kids all served":        during.served() == 1000 && before.served() == 500,
			"the p50 of known kids stays":  during.isLike(before),
		})
}

func issuerOut(m mode) run {
	return func(ctx context.Context) (string, error) {
		i, v, token, err := start(ctx)
		if err != nil {
			return "", err
		}
		defer i.stop()
		before := measure(ctx, v, token, 500, 0)
		i.set(m)
		time.Sleep(keysTTL) // quiet: the worst case
		during := measure(ctx, v, token, 500, 0)
		_, err = v.Verify(ctx, token)
		stillServed := err == nil
		until(ctx, time.Millisecond, func() bool { _, err := v.Verify(ctx, token); return err != nil })
		after := measure(ctx, v, token, 500, 0)
		unavailable := 0
		for _, failure := range after.failures {
			if isKeysError(failure) {
				unavailable++
			}
		}
		return fmt.Sprintf("%d of 500 served, p50 %s, before %s; past max-stale %d of 500 Unavailable, p99 %s",
				during.served(), micro(during.p50()), micro(before.p50()), unavailable, micro(after.p99())),
			expect(map[string]bool{
				"all served until max-stale": during.served() == 500 && stillServed,
				"the p50 stays":              during.isLike(before),
				"then all Unavailable":       unavailable == 500,
				"in less than 1 ms":          after.p50() < time.Millisecond,
			})
	}
}

func issuerHangs(ctx context.Context) (string, error) {
	i, v, token, err := start(ctx)
	if err != nil {
		return "", err
	}
	defer i.stop()
	before := measure(ctx, v, token, 500, time.Millisecond)
	i.set(hung)
	var during sample
	for began := time.Now(); time.Since(began) < keysTTL+keysMaxStale/2; {
		during = during.and(measure(ctx, v, token, 100, time.Millisecond))
	}
	n := len(during.took)
	return fmt.Sprintf("%d of %d served, p50 %s, before %s, max %s",
			during.served(), n, micro(during.p50()), micro(before.p50()), micro(during.max())), expect(map[string]bool{
			"all served":          during.served() == n,
			"the p50 stays":       during.isLike(before),
			"no call had to wait": during.max() < fetchTimeout,
		})
}

func issuerHangsAfterQuiet(ctx context.Context) (string, error) {
	i, v, token, err := start(ctx)
	if err != nil {
		return "", err
	}
	defer i.stop()
	i.set(hung)
	time.Sleep(keysTTL)
	hasty, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = v.Verify(hasty, token)
	gaveUp := time.Since(began)
	isOwn := errors.Is(err, context.DeadlineExceeded)
	began = time.Now()
	served := together(99, func() error { _, err := v.Verify(ctx, token); return err })
	waited := time.Since(began)
	later := measure(ctx, v, token, 200, time.Millisecond)
	return fmt.Sprintf("%d of 99 served in %s (FetchTimeout %s), one of 100ms gave up in %s; later p50 %s, max %s",
			served, milli(waited), fetchTimeout, milli(gaveUp), micro(later.p50()), micro(later.max())),
		expect(map[string]bool{
			"all served":                            served == 99 && later.served() == 200,
			"within FetchTimeout":                   waited < fetchTimeout+100*time.Millisecond,
			"a short deadline is kept":              isOwn && gaveUp < 200*time.Millisecond,
			"nobody waits once the outage is known": later.max() < fetchTimeout/2,
		})
}

func oneOfTwoHangs(ctx context.Context) (string, error) {
	dead, well := startIssuer(hung), startIssuer(healthy)
	defer dead.stop()
	defer well.stop()
	v, err := verifier.NewIssuers(dead.config(), well.config())
	if err != nil {
		return "", err
	}
	token := well.Token(nil)
	before := measure(ctx, v, token, 500, time.Millisecond)
	var wg sync.WaitGroup
	wg.Go(func() { together(100, func() error { _, err := v.Verify(ctx, dead.Token(nil)); return err }) })
	during := measure(ctx, v, token, 300, time.Millisecond)
	wg.Wait()
	return fmt.Sprintf("the other: %d of 300 served, p50 %s, before %s",
			during.served(), micro(during.p50()), micro(before.p50())), expect(map[string]bool{
			"all served":    during.served() == 300,
			"the p50 stays": during.isLike(before),
		})
}
