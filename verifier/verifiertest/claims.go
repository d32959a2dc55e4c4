package verifiertest

import "github.com/oidcrpc/oidcrpc/verifier"

// Claims returns claims for fakes and handler tests, with the same defaults as [Issuer.Token]:
//
//	ctx = interceptor.ContextWithClaims(ctx, verifiertest.Claims(map[string]any{"sub": "alice"}))
//
// They may name any issuer and audience, or no audience. Claims panics if [verifier.NewClaims]
// refuses them, for example because they have expired.
func Claims(claims map[string]any) *verifier.Claims {
	all, err := verifier.NewClaims(mustJSON(payloadOf(defaultURL, claims)), verifier.ClaimsConfig{})
	if err != nil {
		panic("verifiertest: " + err.Error())
	}
	return all
}
