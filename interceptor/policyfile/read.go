package policyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// maxBytes is far more than the rules of all procedures take.
const maxBytes = 1 << 20

// Read returns the policy in a file of at most 1 MiB. An error names the file, and the line if
// one is at fault.
func Read(path string) (interceptor.Policy, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("policyfile: %w", err)
	}
	policy, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("policyfile: %s: %w", path, err)
	}
	return policy, nil
}

// Parse returns the policy that data holds. An error names the line at fault.
func Parse(data []byte) (interceptor.Policy, error) {
	policy, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("policyfile: %w", err)
	}
	return policy, nil
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the user names it
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return nil, err
	}
	return data, nil
}

// A rule is written with the names that package schema uses.
type rule struct {
	Access      string   `yaml:"access"`
	Scopes      []string `yaml:"scopes"`
	AnyScopes   []string `yaml:"any_scopes"`
	Permissions []string `yaml:"permissions"`
	Issuers     []string `yaml:"issuers"`
	Subjects    []string `yaml:"subjects"`
	Actors      []string `yaml:"actors"`
	ACRValues   []string `yaml:"acr_values"`
	MaxAge      string   `yaml:"max_age"`
	Bound       string   `yaml:"bound"`
}

func parse(data []byte) (interceptor.Policy, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("it's longer than %d bytes", maxBytes)
	}
	lines, err := linesOf(data)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var written map[string]*rule
	if err := decoder.Decode(&written); err != nil {
		return nil, explain(err)
	}
	policy := make(interceptor.Policy, len(written))
	for key, rule := range written {
		compiled, err := rule.compile()
		if err == nil {
			err = new(interceptor.Authenticator).SetPolicy(interceptor.Policy{key: compiled})
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", lines[key], key, err)
		}
		policy[key] = compiled
	}
	return policy, nil
}

// explain returns a decoder's error on one line, in words about the file and not about our types.
func explain(err error) error {
	wrong, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return err
	}
	return errors.New(strings.NewReplacer(
		"not found in type policyfile.rule", "is unknown",
		"into []string", "into a list",
	).Replace(strings.Join(wrong.Errors, "; ")))
}

// linesOf returns the line of each policy key. It refuses what is no policy, and values that
// don't say what they seem to.
func linesOf(data []byte) (map[string]int, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it holds no rules")
		}
		return nil, err
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one YAML document")
	}
	rules := document.Content[0]
	if rules.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: it must hold policy keys, each with a rule", rules.Line)
	}
	if err := checkValues(rules); err != nil {
		return nil, err
	}
	lines := make(map[string]int)
	for i := 0; i < len(rules.Content); i += 2 {
		lines[rules.Content[i].Value] = rules.Content[i].Line
	}
	return lines, nil
}

// checkValues refuses whatever could drop or change a restriction unseen: an empty list, a value
// that was left out, and text that YAML reads as a number or a truth value.
func checkValues(node *yaml.Node) error {
	switch {
	case node.Kind == yaml.AliasNode:
		return fmt.Errorf("line %d: aliases aren't supported: write the rule out", node.Line)
	case node.Kind == yaml.SequenceNode && len(node.Content) == 0:
		return fmt.Errorf("line %d: the list is empty", node.Line)
	case node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null":
		return fmt.Errorf("line %d: there is no value: to ask for any valid token, write access: required", node.Line)
	case node.Kind == yaml.ScalarNode && node.ShortTag() != "!!str":
		return fmt.Errorf("line %d: %q must be text: put it between quotes", node.Line, node.Value)
	}
	for i, child := range node.Content {
		if i > 0 && node.Kind == yaml.MappingNode && node.Content[i-1].Value == "bound" && child.ShortTag() == "!!bool" {
			continue
		}
		if err := checkValues(child); err != nil {
			return err
		}
	}
	return nil
}

func (r *rule) compile() (interceptor.Rule, error) {
	if r == nil || r.isZero() {
		return interceptor.Rule{}, errSaysNothing
	}
	access, err := r.access()
	if err != nil {
		return interceptor.Rule{}, err
	}
	require := verifier.Requirement{
		Scopes:      r.Scopes,
		AnyScopes:   r.AnyScopes,
		Permissions: r.Permissions,
		Issuers:     r.Issuers,
		Subjects:    r.Subjects,
		Actors:      r.Actors,
		ACRValues:   r.ACRValues,
		Bound:       r.Bound == "true",
	}
	if r.Bound != "" && !require.Bound {
		return interceptor.Rule{}, errors.New("bound must be true, or left out")
	}
	if r.MaxAge != "" {
		if require.MaxAge, err = time.ParseDuration(r.MaxAge); err != nil || require.MaxAge <= 0 {
			return interceptor.Rule{}, errors.New(`max_age must be a duration such as "5m", and more than zero`)
		}
	}
	return interceptor.Rule{Access: access, Require: require}, nil
}

var errSaysNothing = errors.New("the rule says nothing: to ask for any valid token, write access: required")

// isZero reports whether each part is absent. An empty list is a mistake: it asks for nothing.
func (r *rule) isZero() bool {
	return r.Bound == "" && r.Access == "" && r.MaxAge == "" && len(r.Scopes)+len(r.AnyScopes)+len(r.Permissions)+len(r.Issuers)+
		len(r.Subjects)+len(r.Actors)+len(r.ACRValues) == 0
}

func (r *rule) access() (interceptor.Access, error) {
	if r.Access == "" {
		return interceptor.AccessRequired, nil
	}
	for _, access := range []interceptor.Access{
		interceptor.AccessRequired, interceptor.AccessOptional, interceptor.AccessPublic, interceptor.AccessDenied,
	} {
		if access.String() == r.Access {
			return access, nil
		}
	}
	return 0, fmt.Errorf("access is %q, want required, optional, public or denied", r.Access)
}
