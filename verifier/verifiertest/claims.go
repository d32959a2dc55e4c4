package verifiertest

import "github.com/oidcrpc/oidcrpc/verifier"

// A ClaimsOption says where [Claims] finds a caller's grants.
type ClaimsOption interface{ apply(*verifier.ClaimsConfig) }

type claimsOption func(*verifier.ClaimsConfig)

func (o claimsOption) apply(c *verifier.ClaimsConfig) { o(c) }

// WithScopeClaim names the claim that grants scopes, as [verifier.Config].ScopeClaim does. The
// default is "scope".
func WithScopeClaim(name string) ClaimsOption {
	return claimsOption(func(c *verifier.ClaimsConfig) { c.ScopeClaim = name })
}

// WithPermissionsClaim names the claim that grants permissions, as
// [verifier.Config].PermissionsClaim does. The default is "permissions".
func WithPermissionsClaim(name string) ClaimsOption {
	return claimsOption(func(c *verifier.ClaimsConfig) { c.PermissionsClaim = name })
}

// Claims returns claims for fakes and handler tests. They have the same defaults as
// [Issuer.Token], and are changed by the claims argument in the same way:
//
//	ctx = interceptor.ContextWithClaims(ctx, verifiertest.Claims(map[string]any{"sub": "alice"}))
//
// If your issuer grants scopes or permissions by other claims, name them as your
// [verifier.Config] does:
//
//	verifiertest.Claims(map[string]any{"scp": "orders:read"}, verifiertest.WithScopeClaim("scp"))
//
// They may name any issuer and audience, or no audience, and may be bound by cnf, as if that had
// been proven. Claims panics if [verifier.NewBoundClaims] refuses them, for example because they
// have expired.
func Claims(claims map[string]any, options ...ClaimsOption) *verifier.Claims {
	var config verifier.ClaimsConfig
	for _, option := range options {
		option.apply(&config)
	}
	all, err := verifier.NewBoundClaims(mustJSON(payloadOf(defaultURL, 1, claims)), config, proven)
	if err != nil {
		panic("verifiertest: " + err.Error())
	}
	return all
}

func proven(verifier.Confirmation) error { return nil }
