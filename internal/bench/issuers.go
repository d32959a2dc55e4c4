package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	issuers   = "issuers"
	issuerAlg = "EdDSA" // many tokens are signed, and the algorithm makes no difference
)

// A crowd is a verifier of many issuers.
type crowd struct {
	name    string
	issuers int
	start   func(issuer *verifiertest.Issuer, n int) (interceptor.TokenVerifier, error)
}

// crowds are in the order of the tables: all others are compared with a verifier of one issuer.
var crowds = []crowd{
	{"Verifier", 1, single},
	{"NewMulti of 1", 1, multi},
	{"NewMulti of 100", 100, multi},
	{"NewMulti of 1000", 1000, multi},
	{"NewDynamic of 1", 1, dynamic},
	{"NewDynamic of 1000", 1000, dynamic},
}

// issuersRaces show what each further issuer costs a call.
func issuersRaces(issuer *verifiertest.Issuer, want func(name string) bool, rounds int) (races []Race, err error) {
	rings := make(map[int][]*sample)
	for _, w := range []struct {
		name    string
		samples func(ring []*sample) []*sample
		accept  bool
	}{
		{oneToken, func(ring []*sample) []*sample { return ring[len(ring)-1:] }, true},
		{manyTokens, func(ring []*sample) []*sample { return ring }, true},
		{"16 kB without form", func([]*sample) []*sample { return []*sample{shapeless} }, false},
		{"16 kB under a header that is none", func([]*sample) []*sample { return []*sample{headless} }, false},
		{"16 kB under alg none", func([]*sample) []*sample { return []*sample{unsigned} }, false},
		{"16 kB of another issuer", func([]*sample) []*sample { return []*sample{foreign} }, false},
		{"16 kB that name an issuer", func([]*sample) []*sample { return []*sample{ownForged} }, false},
	} {
		name := issuers + ", " + w.name
		if !want(name) {
			continue
		}
		var contestants []contestant
		for _, c := range crowds {
			if rings[c.issuers] == nil {
				rings[c.issuers] = mintOver(issuer, c.issuers)
			}
			v, err := c.start(issuer, c.issuers)
			if err != nil {
				return nil, err
			}
			warm := verifyAgain(c.name, tokensOnly(v), rings[c.issuers], 0, true)
			if err := warm.run(len(rings[c.issuers])); err != nil { // every issuer has keys, and is in use
				return nil, err
			}
			contestants = append(contestants, verifyAgain(c.name, tokensOnly(v), w.samples(rings[c.issuers]), 0, w.accept))
		}
		results, err := race(contestants, rounds, verifySlice)
		if err != nil {
			return nil, err
		}
		races = append(races, Race{name, results})
	}
	return races, nil
}

func tokensOnly(v interceptor.TokenVerifier) verify {
	return func(ctx context.Context, s *sample) error {
		_, err := v.Verify(ctx, s.token)
		return err
	}
}

func single(issuer *verifiertest.Issuer, _ int) (interceptor.TokenVerifier, error) {
	return verifier.New(memberConfig(issuer, member(0)))
}

func multi(issuer *verifiertest.Issuer, n int) (interceptor.TokenVerifier, error) {
	configs := make([]verifier.Config, n)
	for i := range configs {
		configs[i] = memberConfig(issuer, member(i))
	}
	return verifier.NewMulti(configs...)
}

func dynamic(issuer *verifiertest.Issuer, n int) (interceptor.TokenVerifier, error) {
	return verifier.NewDynamic(verifier.DynamicConfig{
		Capacity: n,
		Resolve: func(_ context.Context, name string) (verifier.Config, error) {
			if name == strangerName {
				return verifier.Config{}, verifier.ErrUnknownIssuer
			}
			return memberConfig(issuer, name), nil
		},
	})
}

// member returns the name of one issuer in a crowd.
func member(i int) string { return fmt.Sprintf("https://issuer-%d.test/oauth2/default", i) }

const strangerName = "https://made-up.test"

// memberConfig returns the configuration for an issuer that has the keys of another.
func memberConfig(issuer *verifiertest.Issuer, name string) verifier.Config {
	return verifier.Config{
		Issuer:     name,
		Audiences:  []string{verifiertest.Audience},
		Algorithms: []string{issuerAlg},
		FetchJWKS:  func(context.Context) ([]byte, error) { return issuer.JWKS(), nil },
	}
}

// mintOver returns as many tokens as a ring has, from n issuers in turn.
func mintOver(issuer *verifiertest.Issuer, n int) []*sample {
	samples := make([]*sample, ringSize)
	for i := range samples {
		samples[i] = newSample(tokenOf(issuer, member(i%n), issuerAlg))
	}
	return samples
}

func tokenOf(issuer *verifiertest.Issuer, name, alg string) string {
	claims := typicalClaims()
	claims["iss"] = name
	return issuer.Token(claims, verifiertest.WithAlgorithm(alg))
}

// These are as long as the longest token that is read. All but the first have a payload that takes
// long to parse.
var (
	shapeless = newSample(strings.Repeat("not-a-token.", 16<<10/12))
	headless  = garbageUnder(`["no header"]`, strangerName)
	unsigned  = garbageUnder(`{"alg":"none"}`, strangerName)
	foreign   = garbageUnder(`{"alg":"`+issuerAlg+`","kid":"made up"}`, strangerName)
	ownForged = garbageUnder(`{"alg":"`+issuerAlg+`","kid":"made up"}`, member(0))
)

func garbageUnder(header, iss string) *sample {
	payload := `{"iss":"` + iss + `","roles":[` + strings.Repeat(`"a",`, 3000) + `"a"]}`
	encode := base64.RawURLEncoding.EncodeToString
	return newSample(encode([]byte(header)) + "." + encode([]byte(payload)) + "." + encode(make([]byte, 64)))
}

const tenantHeap = "heap for a tenant"

// tenantBytes returns what a tenant of NewDynamic takes of the heap once its first token was valid:
// with its configuration and its keys, which it fetches with a client of its own.
func tenantBytes(_ *verifiertest.Issuer, want func(name string) bool, _ int) (m Measured, err error) {
	if !want(tenantHeap) {
		return m, nil
	}
	server := verifiertest.NewServer(verifiertest.WithAlgorithms("RS256"))
	defer server.Close()
	for _, kind := range []struct {
		name      string
		cacheSize int
	}{
		{tenantHeap + ", without a remembered token", -1},
		{tenantHeap + ", with one", 0},
	} {
		bytes, err := bytesPerTenant(server, kind.cacheSize)
		if err != nil {
			return m, err
		}
		m.Figures = append(m.Figures, Figure{kind.name, bytes, "B"})
	}
	return m, nil
}

func bytesPerTenant(server *verifiertest.Server, cacheSize int) (float64, error) {
	const tenants = 1000
	v, err := verifier.NewDynamic(verifier.DynamicConfig{
		AllowPrivateAddresses: true, // the server's
		Resolve: func(_ context.Context, name string) (verifier.Config, error) {
			return verifier.Config{
				Issuer:         name,
				Audiences:      []string{verifiertest.Audience},
				JWKSURL:        server.URL() + "/jwks",
				TokenCacheSize: cacheSize,
			}, nil
		},
	})
	if err != nil {
		return 0, err
	}
	tokens := make([]string, tenants)
	for i := range tokens {
		tokens[i] = tokenOf(server.Issuer, member(i), "RS256")
	}
	before := liveBytes()
	for _, token := range tokens {
		if _, err := v.Verify(context.Background(), token); err != nil {
			return 0, err
		}
	}
	after := liveBytes()
	runtime.KeepAlive(v)
	runtime.KeepAlive(tokens)
	return (after - before) / tenants, nil
}
