package interceptor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// An EffectiveRule is the rule that applies to one procedure.
type EffectiveRule struct {
	Procedure string
	Key       string // the policy key, or "" if no rule applies: then any valid token will do
	Rule      Rule
}

// An EffectivePolicy says who may call what, procedure by procedure. Print it for a log, or
// keep its Markdown where reviewers see it change. It holds what the policy asks. The
// verifier's [verifier.Config].Require comes on top, for every caller with a token.
type EffectivePolicy []EffectiveRule

// EffectivePolicy returns the rules that apply to procedures just now, sorted by procedure.
// Packages grpcauth and connectauth can list a server's procedures. The policy may come from
// code, a schema or a file. It's safe for concurrent use.
func (a *Authenticator) EffectivePolicy(procedures []string) EffectivePolicy {
	rules := a.rules()
	var effective EffectivePolicy
	for _, procedure := range slices.Compact(slices.Sorted(slices.Values(procedures))) {
		rule, ok := rules.rule(procedure)
		if !ok { // it names none, so no call reaches it
			rule = keyedRule{Rule: &Rule{Access: AccessDenied}}
		}
		cloned := *rule.Rule
		cloned.Require = cloned.Require.Clone()
		effective = append(effective, EffectiveRule{Procedure: procedure, Key: rule.key, Rule: cloned})
	}
	return effective
}

// String returns one line for each procedure: its name, who may call it, and the policy key
// that says so.
func (p EffectivePolicy) String() string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, rule := range p {
		fmt.Fprintf(table, "%s\t%s\t%s\n", rule.Procedure, rule.callers(), rule.by())
	}
	_ = table.Flush() // a strings.Builder takes everything
	return text.String()
}

// Markdown returns the same as a page with one table for each service.
func (p EffectivePolicy) Markdown() string {
	var page strings.Builder
	page.WriteString("# Who may call what\n")
	services := make(map[string]EffectivePolicy)
	for _, rule := range p {
		service := rule.Procedure[:strings.LastIndexByte(rule.Procedure, '/')+1]
		services[service] = append(services[service], rule)
	}
	for _, service := range slices.Sorted(maps.Keys(services)) {
		fmt.Fprintf(&page, "\n## %s\n\n| procedure | callers | rule |\n|---|---|---|\n",
			cell(strings.Trim(service, "/")))
		for _, rule := range services[service] {
			fmt.Fprintf(&page, "| %s | %s | %s |\n",
				cell(strings.TrimPrefix(rule.Procedure, service)), cell(rule.callers()), cell(rule.by()))
		}
	}
	return page.String()
}

// cell keeps a text from ending its table's cell.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "*", `\*`, "_", `\_`, "<", `\<`).Replace(text)
}

func (r EffectiveRule) by() string {
	if r.Key == "" {
		return "no rule"
	}
	return r.Key
}

// callers says in words who may call.
func (r EffectiveRule) callers() string {
	switch r.Rule.Access { //nolint:exhaustive // the others depend on the rest of the rule
	case AccessPublic:
		return "everyone"
	case AccessDenied:
		return "no one"
	}
	needs := needsOf(r.Rule.Require)
	if r.Rule.Allow != nil {
		needs = append(needs, "what Allow asks")
	}
	text := "a valid token"
	if len(needs) > 0 {
		text = "a token with " + strings.Join(needs, "; ")
	}
	if r.Rule.Access == AccessOptional {
		return "anonymous, or " + text
	}
	return text
}

// needsOf lists every part of a requirement.
func needsOf(r verifier.Requirement) []string {
	var needs []string
	add := func(label, separator string, values []string) {
		if len(values) > 0 {
			needs = append(needs, label+" "+strings.Join(values, separator))
		}
	}
	if r.Bound {
		needs = append(needs, "a proof that it's the caller's")
	}
	add("scope", " and ", r.Scopes)
	add("scope", " or ", r.AnyScopes)
	add("permission", " and ", r.Permissions)
	add("issuer", " or ", r.Issuers)
	add("subject", " or ", r.Subjects)
	add("actor", " or ", r.Actors)
	add("acr", " or ", r.ACRValues)
	if r.MaxAge > 0 {
		needs = append(needs, fmt.Sprintf("a login within %v", r.MaxAge))
	}
	return needs
}
