package verifier_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestRequirementAsksForAllOfIt(t *testing.T) {
	t.Parallel()
	const (
		scope      = verifier.CodeInsufficientScope
		permission = verifier.CodeInsufficientPermissions
	)
	tests := []struct {
		name                string
		scope, permissions  string
		scopes, permissible []string
		want                verifier.Code
	}{
		{"nothing, of a token without grants", "", "", nil, nil, ""},
		{"nothing, of a token with grants", "read", "drop", nil, nil, ""},
		{"one scope", "read", "", []string{"read"}, nil, ""},
		{"one of more scopes", "read write", "", []string{"write"}, nil, ""},
		{"two scopes in another order", "write read", "", []string{"read", "write"}, nil, ""},
		{"the first scope is lacking", "write", "", []string{"read", "write"}, nil, scope},
		{"the second scope is lacking", "read", "", []string{"read", "write"}, nil, scope},
		{"the last of three is lacking", "a b", "", []string{"a", "b", "c"}, nil, scope},
		{"every scope is lacking", "", "", []string{"read"}, nil, scope},
		{"a scope in another case", "READ", "", []string{"read"}, nil, scope},
		{"the beginning of a scope", "read", "", []string{"read:all"}, nil, scope},
		{"a permission for a scope", "", "read", []string{"read"}, nil, scope},
		{"one permission", "", "drop", nil, []string{"drop"}, ""},
		{"two permissions", "", "drop add", nil, []string{"add", "drop"}, ""},
		{"the first permission is lacking", "", "add", nil, []string{"drop", "add"}, permission},
		{"the second permission is lacking", "", "drop", nil, []string{"drop", "add"}, permission},
		{"a scope for a permission", "drop", "", nil, []string{"drop"}, permission},
		{"both", "read", "drop", []string{"read"}, []string{"drop"}, ""},
		{"a scope of both is lacking", "", "drop", []string{"read"}, []string{"drop"}, scope},
		{"a permission of both is lacking", "read", "", []string{"read"}, []string{"drop"}, permission},
		{"scopes come first", "", "", []string{"read"}, []string{"drop"}, scope},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			claims := verifiertest.Claims(map[string]any{"scope": test.scope, "permissions": test.permissions})
			requirement := verifier.Requirement{Scopes: test.scopes, Permissions: test.permissible}
			err := requirement.Check(claims)
			if got := verifier.CodeOf(err); got != test.want || (err == nil) != (test.want == "") {
				t.Fatalf("Check: %v, want code %q", err, test.want)
			}
			if err == nil {
				return
			}
			refusal, ok := errors.AsType[*verifier.AuthError](err)
			if !ok {
				t.Fatalf("Check: %v, want an AuthError", err)
			}
			if !slices.Equal(refusal.Scopes, test.scopes) || !slices.Equal(refusal.Permissions, test.permissible) {
				t.Errorf("the refusal asks for %q and %q, want all that is required", refusal.Scopes, refusal.Permissions)
			}
		})
	}
}

func TestRequirementRefusesNilClaims(t *testing.T) {
	t.Parallel()
	for _, requirement := range []verifier.Requirement{{}, {Scopes: []string{"read"}}, {Permissions: []string{"drop"}}} {
		if got := verifier.CodeOf(requirement.Check(nil)); got != verifier.CodeMissingToken {
			t.Errorf("Check(nil): code = %q, want %q", got, verifier.CodeMissingToken)
		}
	}
}

func TestRefusalSharesNothingWithItsRequirement(t *testing.T) {
	t.Parallel()
	requirement := verifier.Requirement{Scopes: []string{"read"}, Permissions: []string{"drop"}}
	refusal, ok := errors.AsType[*verifier.AuthError](requirement.Check(verifiertest.Claims(nil)))
	if !ok {
		t.Fatal("no refusal")
	}
	refusal.Scopes[0], refusal.Permissions[0] = "changed", "changed"
	if requirement.Scopes[0] != "read" || requirement.Permissions[0] != "drop" {
		t.Error("a change to the refusal changed the requirement")
	}
}

func TestValidateFindsWhatNoTokenCanGrant(t *testing.T) {
	t.Parallel()
	// RFC 6749, section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ).
	for c := range 256 {
		fits := c == 0x21 || c >= 0x23 && c <= 0x5B || c >= 0x5D && c <= 0x7E
		for _, scope := range []string{string([]byte{byte(c)}), string([]byte{'a', byte(c), 'b'})} {
			err := verifier.Requirement{Scopes: []string{"read", scope}}.Validate()
			if (err == nil) != fits {
				t.Errorf("the scope %q: %v", scope, err)
			}
		}
	}
	tests := []struct {
		name        string
		requirement verifier.Requirement
		good        bool
	}{
		{"nothing", verifier.Requirement{}, true},
		{"an empty scope", verifier.Requirement{Scopes: []string{""}}, false},
		{"any permission", verifier.Requirement{Permissions: []string{`delete "é" \ orders`}}, true},
		{"an empty permission", verifier.Requirement{Permissions: []string{"read", ""}}, false},
	}
	for _, test := range tests {
		if err := test.requirement.Validate(); (err == nil) != test.good {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// What every token must carry is asked for last, by Verify itself.
func TestVerifyAsksForTheBaseline(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.Require = verifier.Requirement{Scopes: []string{"read", "write"}, Permissions: []string{"drop"}}
	v := newVerifier(t, config)
	both := map[string]any{"scope": "write read", "permissions": "drop"}
	accept(t, v, issuer.Token(both))

	refusal := refuse(t, v, issuer.Token(map[string]any{"scope": "read", "permissions": "drop"}),
		verifier.CodeInsufficientScope)
	if !slices.Equal(refusal.Scopes, config.Require.Scopes) {
		t.Errorf("the refusal asks for %q, want all of %q", refusal.Scopes, config.Require.Scopes)
	}
	refuse(t, v, issuer.Token(map[string]any{"scope": "read write"}), verifier.CodeInsufficientPermissions)

	// 401 comes before 403.
	refuse(t, v, issuer.Token(map[string]any{"exp": 1}), verifier.CodeTokenExpired)
	refuse(t, v, issuer.Token(map[string]any{"aud": "https://other.test"}), verifier.CodeInvalidAudience)
	refuse(t, v, issuer.Token(map[string]any{"cnf": map[string]any{"jkt": "x"}}), verifier.CodeInvalidToken)
}
