package introspection

import (
	"context"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// revoke puts a token on the list. No call waits for it.
func revoke(c Config, claims *verifier.Claims) {
	if c.Revocations == nil || claims.ID() == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.FetchTimeout)
	defer cancel()
	err := c.Revocations.Revoke(ctx, revocation.Event{Issuer: claims.Issuer(), TokenID: claims.ID()})
	if err != nil && c.Logger != nil {
		c.Logger.Warn("inactive token not revoked everywhere", "issuer", c.Issuer, "error", err)
	}
}
