#!/usr/bin/env bash
# A service that starts during a short outage gets no keys from keyfunc for five minutes.
#
# Versions:  github.com/MicahParks/keyfunc/v3 v3.9.1 (NewDefault), Go 1.26 (testing/synctest).
# Guess:     a service that starts while its issuer is down verifies tokens as soon as the
#            issuer is back. It still has no keys, so it asks again.
# Behaviour: the first token asks for the keys at once. It's the one request allowed for
#            an unknown kid in five minutes, and it counts though it failed. Tokens are
#            refused, and no key is asked for, until the five minutes are over.
# Output, 2026-11-28, with a simulated clock:
#> NewDefault while the issuer is down: <nil>
#> first token, a second later: refused
#> the issuer is back: a token every second, the first verified after 5m0s
#> requests that it got by then: 1
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main_test.go <<'GO'
package example

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

type issuer struct {
	set      string
	down     bool
	requests int
}

func (i *issuer) RoundTrip(*http.Request) (*http.Response, error) {
	i.requests++
	if i.down {
		return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody}, nil
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(i.set))}, nil
}

func Test(t *testing.T) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	n := base64.RawURLEncoding.EncodeToString(private.N.Bytes())
	web := &issuer{down: true, set: fmt.Sprintf(`{"keys":[{"kty":"RSA","kid":"k","alg":"RS256","use":"sig","e":"AQAB","n":%q}]}`, n)}
	http.DefaultClient.Transport = web
	token := jwt.New(jwt.SigningMethodRS256)
	token.Header["kid"] = "k"
	signed, err := token.SignedString(private)
	if err != nil {
		t.Fatal(err)
	}

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		keys, err := keyfunc.NewDefaultCtx(ctx, []string{"https://issuer.example/jwks"})
		fmt.Println("NewDefault while the issuer is down:", err)
		verified := func() bool {
			time.Sleep(time.Second)
			_, err := jwt.Parse(signed, keys.Keyfunc)
			return err == nil
		}
		if !verified() {
			fmt.Println("first token, a second later: refused")
		}
		web.down, web.requests = false, 0
		start := time.Now()
		for range 3600 {
			if verified() {
				break
			}
		}
		fmt.Println("the issuer is back: a token every second, the first verified after", time.Since(start).Round(time.Second))
		fmt.Println("requests that it got by then:", web.requests)
	})
}
GO
go mod init example >/dev/null 2>&1
go get github.com/MicahParks/keyfunc/v3@v3.9.1 2>/dev/null
go test -mod=mod -count=1 -run Test . -v | grep -v -e '^=== ' -e '^--- ' -e '^PASS' -e '^ok' | tee out
diff <(sed -n 's/^#> //p' "$self") out
