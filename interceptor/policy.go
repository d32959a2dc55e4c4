package interceptor

import (
	"context"
	"errors"
	"fmt"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Policy says what each procedure asks of its callers. Its keys are
//
//	"/pkg.Service/Method"  one procedure
//	"/pkg.Service/*"       every other procedure of a service
//	"/*"                   every other procedure
//
// and names are compared exactly, in their case. The most specific key wins, and
// it alone counts: rules replace each other and never merge, so that
// "/pkg.Service/Method": {} drops what "/pkg.Service/*" asked. What every call
// needs stands in [verifier.Config].Require. A procedure without a rule needs a
// valid token, and nothing more. Health checks and reflection are procedures like
// any others.
type Policy map[string]Rule

// A Rule is what one procedure asks of its callers. The zero Rule asks for a valid
// token.
type Rule struct {
	// Access says whether the caller needs a token at all.
	Access Access

	// Require is what the token must grant. A token that does not is answered with
	// PermissionDenied and a challenge that names all the scopes the call needs.
	Require verifier.Requirement

	// Allow decides what scopes and permissions cannot express. It runs last, and
	// not for anonymous callers. An [*verifier.AuthError] is answered as it stands;
	// any other error becomes PermissionDenied, and its text reaches the observer
	// only. A panic propagates. It must be safe for concurrent use.
	Allow func(ctx context.Context, claims *verifier.Claims) error
}

// Access says whether the callers of a procedure need a token.
type Access int

const (
	// Required refuses a call without a valid token. It is the zero value.
	Required Access = iota

	// Optional admits a call without any authorization value anonymously: it
	// carries no claims, and Require and Allow are not asked. A token that was sent
	// is judged as if it were required.
	Optional

	// Public admits every call without looking at its token. It carries no claims.
	Public
)

// policy is a checked copy of a Policy.
type policy map[string]Rule

func (p Policy) compile() (policy, error) {
	compiled := make(policy, len(p))
	for key, rule := range p {
		if err := rule.validate(key); err != nil {
			return nil, fmt.Errorf("interceptor: Policy[%q]: %w", key, err)
		}
		rule.Require = rule.Require.Clone()
		compiled[key] = rule
	}
	return compiled, nil
}

func (r Rule) validate(key string) error {
	if _, ok := serviceOf(key); !ok && key != "/*" {
		return errors.New(`the key must be "/pkg.Service/Method", "/pkg.Service/*" or "/*"`)
	}
	if r.Access < Required || r.Access > Public {
		return fmt.Errorf("unknown Access %d", r.Access)
	}
	if r.Access == Public && (!r.Require.IsZero() || r.Allow != nil) {
		return errors.New("a Public procedure cannot have Require or Allow")
	}
	if err := r.Require.Validate(); err != nil {
		return fmt.Errorf("its Require: %w", err)
	}
	return nil
}

// rule returns the rule for a procedure and the key that it stands under. It is
// not ok for a string that names no procedure, which must not fall under any rule.
func (p policy) rule(procedure string) (rule Rule, key string, ok bool) {
	if !IsProcedure(procedure) {
		return Rule{}, "", false
	}
	service, _ := serviceOf(procedure)
	for _, key := range [...]string{procedure, service + "/*", "/*"} {
		if rule, ok := p[key]; ok {
			return rule, key, true
		}
	}
	return Rule{}, "", true
}
