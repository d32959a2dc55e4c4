package verifier_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A token is parsed once, whoever chooses its verifier, and also if its keys must be fetched first.
// It isn't parallel: see [testing.AllocsPerRun].
func TestPayloadIsParsedOnce(t *testing.T) {
	const issuerURL = "https://once.test"
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.Issuer, config.TokenCacheSize = issuerURL, -1 // every token is new
	d := &directory{}
	d.add(config)
	fetching := config
	fetching.JWKS = nil
	fetching.FetchJWKS = func(context.Context) ([]byte, error) { return issuer.JWKS(), nil }

	fixed := func(v interceptor.TokenVerifier) func() interceptor.TokenVerifier {
		return func() interceptor.TokenVerifier { return v }
	}
	short := issuer.Token(map[string]any{"iss": issuerURL})
	long := issuer.Token(map[string]any{"iss": issuerURL, "objects": crowdedObjects()})
	took := func(get func() interceptor.TokenVerifier) float64 {
		allocs := func(token string) float64 {
			return testing.AllocsPerRun(20, func() { wantCode(t, get(), token, "") })
		}
		return allocs(long) - allocs(short)
	}
	want := took(fixed(newVerifier(t, config)))
	if want < 50 {
		t.Fatalf("parsing took %v allocations, too few to compare", want)
	}
	for name, get := range map[string]func() interceptor.TokenVerifier{
		"a Multi":                  fixed(newMulti(t, config)),
		"a Dynamic":                fixed(newDynamic(t, 1, d)),
		"a Verifier without keys":  func() interceptor.TokenVerifier { return newVerifier(t, fetching) },
		"a Multi without any keys": func() interceptor.TokenVerifier { return newMulti(t, fetching) },
	} {
		if got := took(get); got > 1.5*want {
			t.Errorf("%s: parsing took %v allocations, and %v if done once", name, got, want)
		}
	}
}

// crowdedObjects are costly to parse, because each has too many names to be kept in an array.
func crowdedObjects() []map[string]int {
	objects := make([]map[string]int, 40)
	for i := range objects {
		objects[i] = make(map[string]int)
		for name := range 40 {
			objects[i][fmt.Sprint(name)] = 0
		}
	}
	return objects
}

// What was read before a fetch is checked again after it.
func TestTokenThatExpiresWhileKeysAreFetchedIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := verifiertest.NewIssuer()
		config := offline(issuer) // without leeway
		config.JWKS = nil
		config.FetchJWKS = func(context.Context) ([]byte, error) {
			time.Sleep(2 * time.Second)
			return issuer.JWKS(), nil
		}
		token := issuer.Token(map[string]any{"exp": time.Now().Add(time.Second).Unix()})
		wantCode(t, newVerifier(t, config), token, verifier.CodeTokenExpired)
	})
}
