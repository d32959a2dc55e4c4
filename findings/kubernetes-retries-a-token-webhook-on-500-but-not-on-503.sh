#!/usr/bin/env bash
# The Kubernetes API server asks a token webhook again after a 500, but not after a 503.
#
# Versions:  k8s.io/apiserver v0.37.2 (its webhook token authenticator), k8s.io/client-go v0.37.2,
#            Go 1.26.
# Guess:     503 says "try again later", and 500 says "broken". If one of them is retried,
#            it's 503.
# Behaviour: 429, 500 and 502 are tried 5 times, within some seconds. 503 alone fails the
#            caller's request at once. It's also what many proxies answer while a
#            reviewer restarts.
# Output, 2026-11-28, none of the answers with Retry-After:
#> reviewer answers 429: 5 requests, no answer
#> reviewer answers 500: 5 requests, no answer
#> reviewer answers 502: 5 requests, no answer
#> reviewer answers 503: 1 requests, no answer
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"

	"k8s.io/apiserver/plugin/pkg/authenticator/token/webhook"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

func review(status int) string {
	var requests atomic.Int32
	reviewer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(status)
	}))
	authenticator, err := webhook.New(&rest.Config{Host: reviewer.URL}, "v1", nil, *webhook.DefaultRetryBackoff())
	if err != nil {
		panic(err)
	}
	answer := "no answer"
	if _, _, err := authenticator.AuthenticateToken(context.Background(), "example"); err == nil {
		answer = "an answer"
	}
	return fmt.Sprintf("reviewer answers %d: %d requests, %s", status, requests.Load(), answer)
}

func main() {
	klog.InitFlags(nil)
	flag.Set("logtostderr", "false")
	klog.SetOutput(io.Discard)
	statuses := []int{429, 500, 502, 503}
	lines := make([]string, len(statuses))
	var reviews sync.WaitGroup
	for i, status := range statuses {
		reviews.Go(func() { lines[i] = review(status) })
	}
	reviews.Wait()
	for _, line := range lines {
		fmt.Println(line)
	}
}
GO
go mod init example >/dev/null 2>&1
go get k8s.io/apiserver@v0.37.2 k8s.io/client-go@v0.37.2 2>/dev/null
# Without optimizations it's sooner compiled.
go run -mod=mod -gcflags='all=-N -l' . 2>/dev/null | tee out
diff <(sed -n 's/^#> //p' "$self") out
