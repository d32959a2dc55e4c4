package interceptor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Policy says what each procedure asks of its callers. Its keys are
//
//	"/pkg.Service/Method"  one procedure
//	"/pkg.Service/*"       every other procedure of a service
//	"/*"                   every other procedure
//
// and names are compared exactly, in their case. Only the most specific rule applies.
// Rules replace each other and never merge: "/pkg.Service/Method": {} drops what
// "/pkg.Service/*" asked. What every token must grant stands in
// [verifier.Config].Require. It's checked first, and one challenge names the needs of
// both.
//
// A procedure without a rule needs a valid token, and nothing more. To close all
// that no other rule opens, add "/*": {Access: AccessDenied}. Health checks and
// reflection are procedures like any others, and as closed: see [HealthCheck].
//
// [Authenticator.CheckPolicy] finds procedures that were forgotten, and misspelt keys.
type Policy map[string]Rule

// A Rule is what one procedure asks of its callers. The zero Rule asks for a valid
// token.
type Rule struct {
	// Access says whether the caller needs a token at all.
	Access Access

	// Require is what the token must grant, and how its user must have authenticated.
	// A stream is checked at its start, and an anonymous caller isn't. A token
	// that grants too little gets PermissionDenied, and a user who must authenticate
	// again gets Unauthenticated. The challenge names everything the call needs.
	Require verifier.Requirement

	// Allow decides what scopes and permissions can't express. It runs last, and not
	// for anonymous callers. An [*verifier.AuthError] is used as is, and names its own
	// needs alone. Any other error becomes PermissionDenied, and only the observer sees
	// its text. A panic propagates. Allow must be safe for concurrent use.
	//
	// There are things that only the handler can find out, such as who owns an order. It
	// refuses the caller in the same way, with the Refuse functions in packages grpcauth,
	// connectauth and httpauth.
	Allow func(ctx context.Context, claims *verifier.Claims) error
}

// Access says whether a procedure's callers need a token.
type Access int

const (
	// AccessRequired refuses a call without a valid token. It's the zero value.
	AccessRequired Access = iota

	// AccessOptional admits a call with nothing in authorization, nor in any other place
	// from [WithCredential], as anonymous: it carries no claims, and Require and Allow
	// don't run. A token that was sent is treated as if it were required.
	AccessOptional

	// AccessPublic admits every call without looking at its token. It carries no claims.
	AccessPublic

	// AccessDenied admits no caller. The token is verified first, as if it were
	// required, so only a caller with a valid one gets to hear PermissionDenied.
	AccessDenied
)

// String returns "required", "optional", "public" or "denied".
func (a Access) String() string {
	switch a {
	case AccessRequired:
		return "required"
	case AccessOptional:
		return "optional"
	case AccessPublic:
		return "public"
	case AccessDenied:
		return "denied"
	default:
		return "access_" + strconv.Itoa(int(a))
	}
}

// policy is a checked copy of a Policy, laid out for look-ups.
type policy struct {
	procedures map[string]*Rule     // by procedure
	services   map[string]keyedRule // by "/pkg.Service"
	others     keyedRule            // under "/*"; the zero one for none
}

// keyedRule is a rule and its key.
type keyedRule struct {
	*Rule

	key string
}

// noRule applies to a procedure without one, as all are under noPolicy.
var (
	noRule   = keyedRule{Rule: new(Rule)}
	noPolicy = &policy{}
)

func (p Policy) compile() (*policy, error) {
	compiled := &policy{procedures: make(map[string]*Rule), services: make(map[string]keyedRule)}
	var shared sharedRules
	for key, rule := range p {
		if err := rule.validate(key); err != nil {
			return nil, fmt.Errorf("interceptor: Policy[%q]: %w", key, err)
		}
		own := shared.clone(rule)
		service, isWildcard := strings.CutSuffix(key, "/*")
		switch {
		case !isWildcard:
			compiled.procedures[key] = own
		case service != "":
			compiled.services[service] = keyedRule{own, key}
		default:
			compiled.others = keyedRule{own, key}
		}
	}
	return compiled, nil
}

// sharedRules are copies of a policy's rules. Most rules of a large policy ask for the same as some
// other, and a few copies are found in the processor's cache.
type sharedRules map[string][]*Rule

// clone returns a copy that shares no memory with rule. Equal rules have the same one. Functions
// aren't comparable, so a rule with Allow has its own.
func (s *sharedRules) clone(rule Rule) *Rule {
	const most = 8 // rules to compare with
	grants := strings.Join(slices.Concat(rule.Require.Scopes, rule.Require.AnyScopes, rule.Require.Permissions), " ")
	known := (*s)[grants]
	for _, other := range known[max(0, len(known)-most):] {
		if reflect.DeepEqual(*other, rule) {
			return other
		}
	}
	rule.Require = rule.Require.Clone()
	if *s == nil {
		*s = make(sharedRules)
	}
	(*s)[grants] = append(known, &rule)
	return &rule
}

func (r Rule) validate(key string) error {
	if _, ok := serviceOf(key); !ok && key != "/*" {
		return errors.New(`the key must be "/pkg.Service/Method", "/pkg.Service/*" or "/*"`)
	}
	asks := !r.Require.IsZero() || r.Allow != nil
	switch {
	case r.Access < AccessRequired || r.Access > AccessDenied:
		return fmt.Errorf("unknown Access %d", int(r.Access))
	case r.Access == AccessPublic && asks:
		return errors.New("AccessPublic excludes Require and Allow")
	case r.Access == AccessDenied && asks:
		return errors.New("AccessDenied excludes Require and Allow")
	}
	if err := r.Require.Validate(); err != nil {
		return fmt.Errorf("its Require: %w", err)
	}
	return nil
}

// rule returns the rule for a procedure. A string that names no procedure isn't ok: no
// rule may apply to it.
func (p *policy) rule(procedure string) (rule keyedRule, ok bool) {
	if rule := p.procedures[procedure]; rule != nil {
		return keyedRule{rule, procedure}, true
	}
	service, ok := serviceOf(procedure)
	if !ok || strings.HasSuffix(procedure, "/*") {
		return noRule, false
	}
	if rule, ok := p.services[service]; ok {
		return rule, true
	}
	if p.others.Rule != nil {
		return p.others, true
	}
	return noRule, true
}

// check is [Authenticator.CheckPolicy].
func (p *policy) check(procedures []string) error {
	if len(procedures) == 0 {
		return errors.New("interceptor: CheckPolicy needs the procedures of a server")
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
		if !known[key] && !slices.Contains(builtins, key) {
			problems = append(problems, fmt.Errorf("interceptor: Policy[%q] matches no procedure", key))
		}
	}
	for _, service := range slices.Sorted(maps.Keys(p.services)) {
		isIn := func(name string) bool { return strings.HasPrefix(name, service+"/") }
		if !services[service] && !slices.ContainsFunc(builtins, isIn) {
			problems = append(problems, fmt.Errorf("interceptor: Policy[%q] matches no procedure", service+"/*"))
		}
	}
	return errors.Join(problems...)
}
