package interceptor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// CheckPolicy returns an error that names every one of the procedures that has no
// rule of its own, and every rule that is of none of them: a procedure was forgotten,
// or a key misspelt. Wildcards do not count as a rule of one's own, and "/*" is of any
// procedure.
//
// It belongs into a test, with the procedures of all servers that a has: those that
// packages grpcauth and connectauth list.
func (a *Authenticator) CheckPolicy(procedures []string) error {
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
		if a.policy.procedures[procedure] == nil {
			problems = append(problems, fmt.Errorf("interceptor: Policy has no rule %q", procedure))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(a.policy.procedures)) {
		if !known[key] {
			problems = append(problems, fmt.Errorf("interceptor: Policy[%q] is of no procedure", key))
		}
	}
	for _, service := range slices.Sorted(maps.Keys(a.policy.services)) {
		if !services[service] {
			problems = append(problems, fmt.Errorf("interceptor: Policy[%q] is of no procedure", service+"/*"))
		}
	}
	return errors.Join(problems...)
}
