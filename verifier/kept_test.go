package verifier_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// Claims of remembered tokens share what they have in common, and say the same as others.
func TestRememberedClaimsSayTheSame(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	remembers := newVerifier(t, config)
	config.TokenCacheSize = -1
	reads := newVerifier(t, config)
	thumbprint := strings.Repeat("A", 43)
	all := []map[string]any{
		nil,
		{"sub": "", "jti": "", "sid": ""},
		{"jti": "one", "sid": "one", "sub": "user|one"},
		{"jti": "one", "sid": "two", "sub": "one|user"},
		{"jti": "one", "sid": "two", "sub": "one"},
		{"jti": "user|one", "sid": "one", "sub": "one"},
		{"client_id": "a", "azp": "b", "scope": "read write", "permissions": []string{"read", "write"}},
		{"client_id": "a", "azp": "b", "scope": []string{"read", "write"}, "permissions": "read write"},
		{"client_id": "ab", "azp": "", "scope": "read write", "permissions": []string{"read write"}},
		{"azp": "b", "scope": "", "permissions": []string{}},
		{"scope": []string{}, "permissions": []string{""}},
		{"scope": []string{""}, "permissions": ""},
		{"scope": "write read", "scp": []string{"read"}},
		{"aud": []string{verifiertest.Audience, "other"}},
		{"aud": []string{"other", verifiertest.Audience}, "acr": "high", "auth_time": 1.5, "nbf": 2.25, "iat": 3.75},
		{"acr": "", "auth_time": "today", "iat": -1.5, "nbf": -1e15},
		{"exp": float64(time.Now().Unix()) + 1000.75, "iat": 9007199254740992.0, "auth_time": -9007199254740992.0},
		{"exp": 4e15, "iat": 0, "nbf": 0},
		{"cnf": map[string]any{"jkt": thumbprint}},
		{"cnf": map[string]any{"x5t#S256": thumbprint, "kid": "more"}},
		{"act": map[string]any{"sub": "actor", "act": map[string]any{"sub": "earlier", "iss": "other"}}},
		// These are the same texts, cut in different places.
		{"scope": "ab c", "permissions": "d ef"},
		{"scope": "a bc", "permissions": "d ef"},
		{"scope": "a bc", "permissions": "de f"},
		{"scope": "a b c", "permissions": "d e f"},
		{"scope": "a b c d", "permissions": "e f"},
		{"scope": "a b c", "aud": []string{verifiertest.Audience, "d"}},
		{"scope": "b c", "aud": []string{verifiertest.Audience, "da"}},
		{"acr": "ab", "client_id": "c", "azp": "d"},
		{"acr": "a", "client_id": "bc", "azp": "d"},
		{"acr": "a", "client_id": "b", "azp": "cd"},
		{"acr": "abcd"},
		{"scope": []string{"a"}},
		{"scope": "a", "scp": 1},
		{"scope": "a", "permissions": ""},
		{"scope": "a", "permissions": []string{}},
		{"scope": "a", "permissions": 1},
		{"large": strings.Repeat("large ", 1000), "scope": strings.Repeat("large ", 1000)},
	}
	proven := func(verifier.Confirmation) error { return nil }
	for range 2 {
		for _, raw := range all {
			token := issuer.Token(raw)
			var said [2]map[string]any
			for i, v := range []*verifier.Verifier{remembers, reads} {
				claims, err := v.VerifyBound(t.Context(), token, proven)
				if err != nil {
					t.Fatalf("%v: %v", raw, err)
				}
				said[i] = everything(t, claims)
			}
			if again, _ := remembers.VerifyBound(t.Context(), token, proven); again == nil ||
				!reflect.DeepEqual(everything(t, again), said[1]) || !reflect.DeepEqual(said[0], said[1]) {
				t.Errorf("%v: remembered claims say\n%v, and others\n%v", raw, said[0], said[1])
			}
		}
	}
}

func everything(t *testing.T, c *verifier.Claims) map[string]any {
	t.Helper()
	var decoded map[string]any
	if err := c.Decode(&decoded); err != nil || len(decoded) == 0 {
		t.Errorf("Decode: %v, %v", decoded, err)
	}
	actor, hasActor := c.Actor()
	return map[string]any{
		"Issuer": c.Issuer(), "Subject": c.Subject(), "ClientID": c.ClientID(), "ID": c.ID(), "SessionID": c.SessionID(),
		"Audience": c.Audience(), "Scopes": c.Scopes(), "Permissions": c.Permissions(), "ACR": c.ACR(),
		"Expiry": c.Expiry(), "NotBefore": c.NotBefore(), "IssuedAt": c.IssuedAt(), "AuthTime": c.AuthTime(),
		"ValidUntil": c.ValidUntil(), "Confirmation": c.Confirmation(), "IsBound": c.IsBound(), "Recheck": c.Recheck(),
		"Actor": actor, "hasActor": hasActor, "ActorChain": c.ActorChain(), "String": c.String(), "IsZero": c.IsZero(),
		"read": c.HasScope("read"), "write": c.HasPermission("write"), "": c.HasScope(""), "Decode": decoded,
	}
}
