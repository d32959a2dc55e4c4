package main

import (
	"context"
	"fmt"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

func rotation(forged int) run {
	return func(ctx context.Context) (string, error) {
		i, v, token, err := startWith(ctx, time.Hour)
		if err != nil {
			return "", err
		}
		defer i.stop()
		for n := range forged {
			_, _ = v.Verify(ctx, withKid(token, fmt.Sprint("made-up-", n)))
			time.Sleep(100 * time.Millisecond)
		}
		i.Rotate()
		refused, unavailable := 0, 0
		took := until(ctx, 10*time.Millisecond, func() bool {
			_, err := v.Verify(ctx, i.Token(nil))
			switch {
			case err == nil:
				return true
			case isKeysError(err):
				unavailable++
			default:
				refused++
			}
			return false
		})
		atOnce := unavailable == 0
		seen := fmt.Sprintf("accepted after %s; until then %d Unavailable, %d refused",
			milli(took), unavailable, refused)
		return seen, expect(map[string]bool{
			"never refused":                   refused == 0,
			"within one refill":               took <= refill+time.Second,
			"at first sight if it can be had": atOnce || forged >= burst,
		})
	}
}

func withdrawal(ctx context.Context) (string, error) {
	i, v, _, err := start(ctx)
	if err != nil {
		return "", err
	}
	defer i.stop()
	withdrawn := i.Token(nil)
	i.Rotate()
	took := until(ctx, 10*time.Millisecond, func() bool {
		_, err := v.Verify(ctx, withdrawn)
		return verifier.CodeOf(err) == verifier.CodeKeyNotFound
	})
	return fmt.Sprintf("refused after %s (KeysTTL %s)", milli(took), keysTTL), expect(map[string]bool{
		"within one time to live": took < keysTTL+100*time.Millisecond,
	})
}

func downAtStart(ctx context.Context) (string, error) {
	i := startIssuer(reset)
	defer i.stop()
	v, err := verifier.New(i.config())
	if err != nil {
		return "", err
	}
	time.AfterFunc(5*time.Second, func() { i.set(healthy) })
	began := time.Now()
	worse, slowest := 0, time.Duration(0)
	until(ctx, 20*time.Millisecond, func() bool {
		start := time.Now()
		_, err := v.Verify(ctx, i.Token(nil))
		slowest = max(slowest, time.Since(start))
		if err != nil && !isKeysError(err) {
			worse++
		}
		return err == nil
	})
	late := time.Since(began) - 5*time.Second
	return fmt.Sprintf("recovered %s after it, %d fetches, slowest call %s", milli(late), i.fetches(), milli(slowest)),
		expect(map[string]bool{
			"Unavailable with a time until then": worse == 0,
			"within one back-off":                late < 5*time.Second+100*time.Millisecond,
			"few fetches":                        i.fetches() < 12,
			"at once":                            slowest < fetchTimeout,
		})
}

func firstFetchHangs(ctx context.Context) (string, error) {
	i := startIssuer(hung)
	defer i.stop()
	config := i.config()
	config.FetchTimeout = 2 * time.Second
	v, err := verifier.New(config)
	if err != nil {
		return "", err
	}
	time.AfterFunc(time.Second, func() { i.set(healthy) })
	took := until(ctx, 10*time.Millisecond, func() bool { _, err := v.Verify(ctx, i.Token(nil)); return err == nil })
	return fmt.Sprintf("served after %s (FetchTimeout %s), %d fetches", milli(took), config.FetchTimeout, i.fetches()),
		expect(map[string]bool{
			"within FetchTimeout and one retry": took < config.FetchTimeout+500*time.Millisecond,
			"two fetches":                       i.fetches() == 2,
		})
}

func unknownKidsForLong(ctx context.Context) (string, error) {
	i, v, token, err := startWith(ctx, time.Hour)
	if err != nil {
		return "", err
	}
	defer i.stop()
	sent, worse := 0, 0
	began := time.Now()
	until(ctx, 2*time.Millisecond, func() bool {
		_, err := v.Verify(ctx, withKid(token, fmt.Sprint("made-up-", sent)))
		if sent++; verifier.CodeOf(err) != verifier.CodeKeyNotFound && !isKeysError(err) {
			worse++
		}
		return time.Since(began) > 12*time.Second
	})
	fetches, allowed := i.fetches()-1, burst+int(time.Since(began)/refill)
	return fmt.Sprintf("%d tokens, %d fetches (%d allowed)", sent, fetches, allowed), expect(map[string]bool{
		"no more fetches than allowed": fetches <= allowed,
		"each judged or Unavailable":   worse == 0,
	})
}
