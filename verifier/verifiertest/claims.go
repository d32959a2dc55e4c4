package verifiertest

import (
	"context"
	"sync"

	"github.com/oidcrpc/oidcrpc/verifier"
)

var claimsIssuer = sync.OnceValue(func() *Issuer { return NewIssuer() })

// Claims returns verified claims for fakes and handler tests, with the same defaults as
// [Issuer.Token]:
//
//	ctx = interceptor.ContextWithClaims(ctx, verifiertest.Claims(map[string]any{"sub": "alice"}))
//
// A real verifier checks them, for whatever issuer and audience they name. Claims panics if that
// verifier would refuse them, for example because they have expired.
func Claims(claims map[string]any) *verifier.Claims {
	issuer := claimsIssuer()
	all := issuer.claims(claims)
	config := verifier.Config{
		Leeway:     -1,
		Audiences:  audiences(all["aud"]),
		Algorithms: issuer.algs,
		JWKS:       issuer.JWKS(),
	}
	config.Issuer, _ = all["iss"].(string)
	if clientID, ok := all["client_id"].(string); ok {
		config.ClientIDs = []string{clientID}
	}
	v, err := verifier.New(config)
	if err != nil {
		panic("verifiertest: " + err.Error())
	}
	verified, err := v.Verify(context.Background(), issuer.Token(claims))
	if err != nil {
		panic("verifiertest: " + err.Error())
	}
	return verified
}

func audiences(aud any) []string {
	switch aud := aud.(type) {
	case string:
		return []string{aud}
	case []string:
		return aud
	case []any:
		var list []string
		for _, member := range aud {
			if s, ok := member.(string); ok {
				list = append(list, s)
			}
		}
		return list
	default:
		return nil
	}
}
