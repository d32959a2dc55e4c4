package verifiertest_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// get asks the issuer by RoundTrip.
func get(t *testing.T, issuer *verifiertest.Issuer, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := issuer.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return res, read(t, res)
}

func read(t *testing.T, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestServeHTTPAndRoundTripAgree(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"https://issuer.test", "https://issuer.test/", "https://issuer.test/realms/a", "http://127.0.0.1:8080/x/",
	} {
		issuer := verifiertest.NewIssuer(verifiertest.WithURL(url))
		base := strings.TrimSuffix(url, "/")
		for path, want := range map[string]int{
			"/.well-known/openid-configuration": 200, "/jwks": 200, "/": 404, "/jwks/x": 404,
			"/.well-known/oauth-authorization-server": 404,
		} {
			tripped, trippedBody := get(t, issuer, base+path)
			recorder := httptest.NewRecorder()
			issuer.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, base+path, nil))
			served := recorder.Result()
			servedBody := read(t, served)
			if tripped.StatusCode != want || served.StatusCode != want {
				t.Errorf("%s%s: statuses %d and %d, want %d", base, path, tripped.StatusCode, served.StatusCode, want)
			}
			if trippedBody != servedBody || tripped.ContentLength != int64(len(trippedBody)) {
				t.Errorf("%s%s: %q and %q", base, path, trippedBody, servedBody)
			}
			if a, b := tripped.Header.Get("Content-Type"), served.Header.Get("Content-Type"); a != b {
				t.Errorf("%s%s: types %q and %q", base, path, a, b)
			}
		}
	}
}

func TestConfigIsThatOfAVerifierOfTheIssuer(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"https://issuer.test/", "https://issuer.test/realms/a"} {
		issuer := verifiertest.NewIssuer(verifiertest.WithURL(url), verifiertest.WithAlgorithms("EdDSA", "ES384"))
		v := newVerifier(t, issuer.Config())
		for _, alg := range []string{"EdDSA", "ES384"} {
			claims, err := v.Verify(t.Context(), issuer.Token(nil, verifiertest.WithAlgorithm(alg)))
			if err != nil {
				t.Fatal(err)
			}
			if claims.Issuer() != url || issuer.URL() != url {
				t.Errorf("issuer = %q, want %q", claims.Issuer(), url)
			}
		}
	}
}

func newVerifier(t *testing.T, config verifier.Config) *verifier.Verifier {
	t.Helper()
	v, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestIssuerWorksOverHTTP(t *testing.T) {
	t.Parallel()
	var issuer *verifiertest.Issuer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { issuer.ServeHTTP(w, r) }))
	defer server.Close()
	issuer = verifiertest.NewIssuer(verifiertest.WithURL(server.URL))
	config := issuer.Config()
	config.HTTPClient = server.Client()
	if _, err := newVerifier(t, config).Verify(t.Context(), issuer.Token(nil)); err != nil {
		t.Error(err)
	}

	issuer.Fail(errors.New("down"))
	_, err := newVerifier(t, config).Verify(t.Context(), issuer.Token(nil))
	if got := verifier.CodeOf(err); got != verifier.CodeJWKSFetchFailed || !strings.Contains(err.Error(), "503") {
		t.Errorf("Verify: %v, want %s for status 503", err, verifier.CodeJWKSFetchFailed)
	}
}

func TestRotateReplacesEveryKey(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms("ES256", "EdDSA"))
	before, old := string(issuer.JWKS()), issuer.Token(nil)
	if again := string(issuer.JWKS()); again != before {
		t.Error("the keys change by themselves")
	}
	issuer.Rotate()
	after := string(issuer.JWKS())
	for _, kid := range []string{`"ES256-1"`, `"EdDSA-1"`} {
		if !strings.Contains(before, kid) || strings.Contains(after, kid) {
			t.Errorf("%s is in %s or not in %s", kid, after, before)
		}
	}
	v := newVerifier(t, issuer.Config())
	if _, err := v.Verify(t.Context(), old); verifier.CodeOf(err) != verifier.CodeKeyNotFound {
		t.Errorf("Verify: %v for a token of the old key", err)
	}
	if _, err := v.Verify(t.Context(), issuer.Token(nil)); err != nil {
		t.Errorf("Verify: %v for a token of the new key", err)
	}
}

func TestPublishedKeysArePublic(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms("RS256", "ES256", "EdDSA"))
	if jwks := string(issuer.JWKS()); strings.Contains(jwks, `"d"`) || strings.Count(jwks, `"kid"`) != 3 {
		t.Errorf("published %s", jwks)
	}
}

func TestFailFailsEveryRequestUntilHealed(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	down := errors.New("down")
	issuer.Fail(down)
	for _, path := range []string{"/.well-known/openid-configuration", "/jwks", "/other"} {
		req := httptest.NewRequest(http.MethodGet, issuer.URL()+path, nil)
		if res, err := issuer.RoundTrip(req); !errors.Is(err, down) || res != nil {
			t.Errorf("%s: RoundTrip = %v, %v; want %v", path, res, err, down)
		}
		recorder := httptest.NewRecorder()
		issuer.ServeHTTP(recorder, req)
		if recorder.Code != http.StatusServiceUnavailable || recorder.Body.Len() != 0 {
			t.Errorf("%s: status %d, body %q; want 503 and none", path, recorder.Code, recorder.Body)
		}
	}
	issuer.Fail(nil)
	if res, _ := get(t, issuer, issuer.URL()+"/jwks"); res.StatusCode != http.StatusOK {
		t.Errorf("status %d after it healed", res.StatusCode)
	}
}

func TestFetchesCountsRequestsForKeys(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	var counts []int
	count := func() { counts = append(counts, issuer.Fetches()) }
	count()
	_ = issuer.JWKS() // asks no one
	count()
	get(t, issuer, issuer.URL()+"/.well-known/openid-configuration")
	count()
	get(t, issuer, issuer.URL()+"/jwks")
	count()
	issuer.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, issuer.URL()+"/jwks", nil))
	count()
	issuer.Fail(errors.New("down"))
	_, _ = issuer.RoundTrip(httptest.NewRequest(http.MethodGet, issuer.URL()+"/jwks", nil))
	count()
	if want := []int{0, 0, 0, 1, 2, 3}; !slices.Equal(counts, want) {
		t.Errorf("counted %d, want %d", counts, want)
	}
}

func TestRoundTripEndsWithItsContext(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := httptest.NewRequest(http.MethodGet, issuer.URL()+"/jwks", nil).WithContext(ctx)
	if res, err := issuer.RoundTrip(req); !errors.Is(err, context.Canceled) || res != nil {
		t.Errorf("RoundTrip = %v, %v; want %v", res, err, context.Canceled)
	}
	if got := issuer.Fetches(); got != 0 {
		t.Errorf("%d fetches by a request that had ended", got)
	}
}

func TestSigningKeyIsUsedUntilTheFirstRotation(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	first := verifiertest.NewIssuer(verifiertest.WithSigningKey("ES256", key))
	second := verifiertest.NewIssuer(verifiertest.WithSigningKey("ES256", key))
	if !bytes.Equal(first.JWKS(), second.JWKS()) {
		t.Errorf("one key is published as %s and %s", first.JWKS(), second.JWKS())
	}
	if _, err := newVerifier(t, first.Config()).Verify(t.Context(), second.Token(nil)); err != nil {
		t.Errorf("another issuer with the same key: %v", err)
	}
	first.Rotate()
	if _, err := newVerifier(t, first.Config()).Verify(t.Context(), second.Token(nil)); verifier.CodeOf(err) != verifier.CodeKeyNotFound {
		t.Errorf("after a rotation: %v", err)
	}
}

func TestSigningKeyMustFitAnAlgorithmOfTheIssuer(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for alg, algorithms := range map[string][]string{
		"EdDSA": {"ES256"},          // not one of them
		"ES384": {"ES256", "ES384"}, // of another curve
		"RS256": {"RS256"},          // of another type
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a key on P-256 for %s, of %s, is accepted", alg, algorithms)
				}
			}()
			verifiertest.NewIssuer(verifiertest.WithAlgorithms(algorithms...), verifiertest.WithSigningKey(alg, key))
		}()
	}
}
