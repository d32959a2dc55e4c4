package interceptor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
// "/pkg.Service/Method": {} drops what "/pkg.Service/*" asked. What every token must
// grant stands in [verifier.Config].Require: it is checked first, and one challenge
// names the needs of both.
//
// A procedure without a rule needs a valid token, and nothing more; "/*": {Access:
// Denied} closes what no other rule opens. Health checks and reflection are
// procedures like any others, and as closed: see [HealthCheck].
//
// [Authenticator.CheckPolicy] finds procedures that were forgotten, and keys that
// are misspelt.
type Policy map[string]Rule

// A Rule is what one procedure asks of its callers. The zero Rule asks for a valid
// token.
type Rule struct {
	// Access says whether the caller needs a token at all.
	Access Access

	// Require is what the token must grant, and how its user must have
	// authenticated: asked at the start of a stream, and not of an anonymous caller.
	// A token that grants too little is answered with PermissionDenied, and one whose
	// user must authenticate again with Unauthenticated; the challenge names all that
	// the call needs.
	Require verifier.Requirement

	// Allow decides what scopes and permissions cannot express. It runs last, and
	// not for anonymous callers. An [*verifier.AuthError] is answered as it stands,
	// with its own needs alone; any other error becomes PermissionDenied, and its
	// text reaches the observer only. A panic propagates. It must be safe for
	// concurrent use. What only the handler can find out, such as whose an order is,
	// the Refuse functions of packages grpcauth and connectauth answer in the same way.
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

	// Denied admits nobody. The caller's token is judged first, as if it were
	// required, so that only those who have a good one are told: PermissionDenied.
	Denied
)

// policy is a checked copy of a Policy, laid out to be looked up.
type policy struct {
	procedures map[string]*keyedRule // by procedure
	services   map[string]*keyedRule // by "/pkg.Service"
	others     *keyedRule            // of "/*", or nil
}

// keyedRule is a rule and the key that it stands under.
type keyedRule struct {
	Rule

	key string
}

// noRule is that of a procedure without one.
var noRule = &keyedRule{}

func (p Policy) compile() (policy, error) {
	compiled := policy{procedures: make(map[string]*keyedRule), services: make(map[string]*keyedRule)}
	for key, rule := range p {
		if err := rule.validate(key); err != nil {
			return policy{}, fmt.Errorf("interceptor: Policy[%q]: %w", key, err)
		}
		rule.Require = rule.Require.Clone()
		keyed := &keyedRule{Rule: rule, key: key}
		service, isWildcard := strings.CutSuffix(key, "/*")
		switch {
		case !isWildcard:
			compiled.procedures[key] = keyed
		case service != "":
			compiled.services[service] = keyed
		default:
			compiled.others = keyed
		}
	}
	return compiled, nil
}

func (r Rule) validate(key string) error {
	if _, ok := serviceOf(key); !ok && key != "/*" {
		return errors.New(`the key must be "/pkg.Service/Method", "/pkg.Service/*" or "/*"`)
	}
	asks := !r.Require.IsZero() || r.Allow != nil
	switch {
	case r.Access < Required || r.Access > Denied:
		return fmt.Errorf("unknown Access %d", r.Access)
	case r.Access == Public && asks:
		return errors.New("a Public procedure cannot have Require or Allow")
	case r.Access == Denied && asks:
		return errors.New("a Denied procedure cannot have Require or Allow")
	}
	if err := r.Require.Validate(); err != nil {
		return fmt.Errorf("its Require: %w", err)
	}
	return nil
}

// rule returns the rule for a procedure. It is not ok for a string that names no
// procedure, which must not fall under any rule.
func (p policy) rule(procedure string) (rule *keyedRule, ok bool) {
	if rule := p.procedures[procedure]; rule != nil {
		return rule, true
	}
	service, ok := serviceOf(procedure)
	if !ok || strings.HasSuffix(procedure, "/*") {
		return noRule, false
	}
	if rule := p.services[service]; rule != nil {
		return rule, true
	}
	if p.others != nil {
		return p.others, true
	}
	return noRule, true
}

// check is [Authenticator.CheckPolicy].
func (p policy) check(procedures []string) error {
	if len(procedures) == 0 {
		return errors.New("interceptor: there are no procedures to check the policy for")
	}
	var problems []error
	known, services := make(map[string]bool), make(map[string]bool)
	for _, procedure := range slices.Compact(slices.Sorted(slices.Values(procedures))) {
		known[procedure] = true
		if service, ok := serviceOf(procedure); ok {
			services[service] = true
		}
		if p.procedures[procedure] == nil {
			problems = append(problems, fmt.Errorf("interceptor: Policy has no rule %q", procedure))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.procedures)) {
		if !known[key] {
			problems = append(problems, fmt.Errorf("interceptor: Policy[%q] is of no procedure", key))
		}
	}
	for _, service := range slices.Sorted(maps.Keys(p.services)) {
		if !services[service] {
			problems = append(problems, fmt.Errorf("interceptor: Policy[%q] is of no procedure", service+"/*"))
		}
	}
	return errors.Join(problems...)
}
