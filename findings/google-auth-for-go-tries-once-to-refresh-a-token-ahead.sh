#!/usr/bin/env bash
# Google's auth module for Go tries once to renew a token ahead of time, and then not until it has ended.
#
# Versions:  cloud.google.com/go/auth v0.24.4, Go 1.26 (testing/synctest).
# Guess:     a token of an hour is renewed in the background from 3 min 45 s before its end. If
#            the endpoint is down for ten seconds just then, a later call tries again: nearly
#            four minutes remain.
# Behaviour: one failure ends it. The error goes nowhere, and no call asks again while the
#            token lives. The next try comes when it's too late, and the call waits for it. So
#            an outage then fails calls, though the endpoint was up for minutes in between.
# Output, 2026-11-28, with a simulated clock and a call every second:
#> endpoint down from 56m10s to 56m20s, and from 60m0s to 60m10s
#> asked at 0s: granted
#> asked at 56m16s: down
#> asked at 1h0m1s: down
#> calls that failed: 9
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main_test.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/auth"
)

type endpoint struct {
	start time.Time
	asked []string
}

func (e *endpoint) Token(context.Context) (*auth.Token, error) {
	at := time.Since(e.start)
	for _, outage := range [][2]time.Duration{{56*time.Minute + 10*time.Second, 56*time.Minute + 20*time.Second}, {60 * time.Minute, 60*time.Minute + 10*time.Second}} {
		if outage[0] <= at && at < outage[1] {
			e.asked = append(e.asked, fmt.Sprintf("asked at %v: down", at))
			return nil, errors.New("temporarily unavailable")
		}
	}
	e.asked = append(e.asked, fmt.Sprintf("asked at %v: granted", at))
	return &auth.Token{Value: "example", Expiry: time.Now().Add(time.Hour)}, nil
}

func Test(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &endpoint{start: time.Now()}
		tokens := auth.NewCachedTokenProvider(server, nil)
		failed := 0
		for time.Since(server.start) < 60*time.Minute+10*time.Second {
			if _, err := tokens.Token(t.Context()); err != nil {
				failed++
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		fmt.Println("endpoint down from 56m10s to 56m20s, and from 60m0s to 60m10s")
		for i, line := range server.asked {
			if i < 3 {
				fmt.Println(line)
			}
		}
		fmt.Println("calls that failed:", failed)
	})
}
GO
go mod init example >/dev/null 2>&1
go get cloud.google.com/go/auth@v0.24.4 2>/dev/null
go test -mod=mod . -v -run Test | grep -E '^(endpoint|asked|calls)' | tee out
diff <(sed -n 's/^#> //p' "$self") out
