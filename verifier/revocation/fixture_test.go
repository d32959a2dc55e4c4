package revocation_test

import (
	"maps"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	issuer = "https://issuer.test/"
	other  = "https://other.test/"
)

func mustNew(tb testing.TB, config revocation.Config) *revocation.List {
	tb.Helper()
	list, err := revocation.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

func revoke(tb testing.TB, list *revocation.List, e revocation.Event) {
	tb.Helper()
	if err := list.Revoke(tb.Context(), e); err != nil {
		tb.Fatal(err)
	}
}

// aliceWith returns the claims of a token that was issued now and lives for an hour, changed as
// said. A nil takes a claim away.
func aliceWith(changes map[string]any) *verifier.Claims {
	now := time.Now()
	claims := map[string]any{
		"iss": issuer, "sub": "alice", "jti": "t1", "sid": "s1", "client_id": "web",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, changes)
	return verifiertest.Claims(claims)
}
