package verifier_test

import (
	"fmt"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A remembered token costs the same with any verifier, and with any number of issuers. It isn't
// parallel: see [testing.AllocsPerRun].
func TestRememberedTokensOfAnyIssuerAllocateNothing(t *testing.T) {
	issuer := verifiertest.NewIssuer()
	for _, issuers := range []int{1, 50, 1000} {
		d := &directory{}
		var configs []verifier.Config
		var tokens []string
		for i := range issuers {
			config := offline(issuer)
			config.Issuer = fmt.Sprintf("https://t%d.test", i)
			config.TokenCacheSize = 10
			configs = append(configs, config)
			tokens = append(tokens, issuer.Token(map[string]any{"iss": config.Issuer}))
		}
		d.add(configs...)
		for kind, v := range map[string]interceptor.TokenVerifier{
			"Multi": newMulti(t, configs...), "Dynamic": newDynamic(t, issuers, d),
		} {
			for _, token := range tokens {
				wantCode(t, v, token, "")
			}
			for i, token := range tokens {
				allocs := testing.AllocsPerRun(10, func() {
					if _, err := v.Verify(t.Context(), token); err != nil {
						t.Errorf("Verify: %v", err)
					}
				})
				if allocs != 0 {
					t.Errorf("%s of %d issuers: %v allocations for a token of issuer %d, want none", kind, issuers, allocs, i)
				}
			}
		}
	}
}
