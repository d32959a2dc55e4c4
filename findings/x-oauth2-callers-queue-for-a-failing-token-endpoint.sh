#!/usr/bin/env bash
# Ten calls that need a token at once send a failing token endpoint twenty requests, in a row.
#
# Versions:  golang.org/x/oauth2 v0.38.0 (clientcredentials), Go 1.26.
# Guess:     one request. The source is shared, and the nine others wait for its outcome.
# Behaviour: a success is shared, a failure isn't. Each caller waits for its turn and then tries
#            for itself, and each try is two requests: with the client's secret in the
#            header, then in the body, even after a 503. The last caller waits for twenty
#            answers.
# Output, 2026-11-28:
#> endpoint up:   10 callers, 1 requests, at most 1 at a time
#> endpoint down: 10 callers, 20 requests, at most 1 at a time
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"golang.org/x/oauth2/clientcredentials"
)

func main() {
	for _, test := range []struct {
		name   string
		status int
	}{
		{"endpoint up:  ", http.StatusOK},
		{"endpoint down:", http.StatusServiceUnavailable},
	} {
		var mu sync.Mutex
		var requests, pending, most int
		endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			requests++
			pending++
			most = max(most, pending)
			mu.Unlock()
			time.Sleep(50 * time.Millisecond)
			mu.Lock()
			pending--
			mu.Unlock()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(test.status)
			fmt.Fprint(w, `{"access_token":"example","token_type":"Bearer","expires_in":300}`)
		}))
		config := clientcredentials.Config{ClientID: "client", ClientSecret: "secret", TokenURL: endpoint.URL}
		source := config.TokenSource(context.Background())
		var callers sync.WaitGroup
		for range 10 {
			callers.Go(func() { source.Token() })
		}
		callers.Wait()
		fmt.Printf("%s 10 callers, %d requests, at most %d at a time\n", test.name, requests, most)
		endpoint.Close()
	}
}
GO
go mod init example >/dev/null 2>&1
go get golang.org/x/oauth2@v0.38.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
