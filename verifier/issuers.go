package verifier

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

// Issuers accepts the tokens of several issuers, each by a [Config] of its own and by
// keys of its own. Make one with [NewIssuers]. It is safe for concurrent use.
//
// A token is judged by the verifier of the issuer that it names, and by no other. What
// one issuer publishes, or that it cannot be reached, is of no consequence to the
// tokens of another.
type Issuers struct {
	verifiers []*Verifier // in the order of their configurations
	byName    map[string]*Verifier
}

// NewIssuers returns the verifier of an allow list of issuers, or an error that names
// the issuer and the field which is wrong. Like [New] it contacts nobody.
func NewIssuers(configs ...Config) (*Issuers, error) {
	if len(configs) == 0 {
		return nil, errors.New("verifier: NewIssuers needs a Config")
	}
	i := &Issuers{byName: make(map[string]*Verifier, len(configs))}
	for _, config := range configs {
		if i.byName[config.Issuer] != nil {
			return nil, fmt.Errorf("verifier: issuer %q is configured twice", config.Issuer)
		}
		v, err := newVerifier(config)
		if err != nil {
			return nil, fmt.Errorf("verifier: issuer %q: %w", config.Issuer, err)
		}
		i.verifiers = append(i.verifiers, v)
		i.byName[config.Issuer] = v
	}
	return i, nil
}

// Verify returns the claims of an access token of one of the issuers, as
// [Verifier.Verify] does for one. A token of any other issuer is refused with
// [CodeInvalidIssuer], and nothing is fetched for it.
func (i *Issuers) Verify(ctx context.Context, token string) (*Claims, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, v := range i.verifiers {
		if v.tokens.get(token) != nil {
			return v.Verify(ctx, token)
		}
	}
	name, refusal := claimedIssuer(token)
	if refusal != nil {
		return nil, refusal
	}
	v, ok := i.byName[name]
	if !ok {
		return nil, anotherIssuer()
	}
	return v.Verify(ctx, token)
}

// Ready fetches the keys of all issuers that have none that may be used, and returns
// nil when at least one issuer has some: that another one is down should not keep a
// service from its callers. [Issuers.Status] tells them apart. The error joins those of
// [Verifier.Ready].
func (i *Issuers) Ready(ctx context.Context) error {
	failures := make([]error, len(i.verifiers))
	var wg sync.WaitGroup
	for n, v := range i.verifiers {
		wg.Go(func() { failures[n] = v.Ready(ctx) })
	}
	wg.Wait()
	for n, failure := range failures {
		if failure == nil {
			return nil
		}
		failures[n] = fmt.Errorf("issuer %q: %w", i.verifiers[n].issuer, failure)
	}
	return errors.Join(failures...)
}

// Status returns the state of every issuer's keys, in the order of the configurations.
func (i *Issuers) Status() []Status {
	all := make([]Status, len(i.verifiers))
	for n, v := range i.verifiers {
		all[n] = v.Status()
	}
	return all
}

// claimedIssuer returns the iss of a token that nobody has verified. It serves to choose
// the verifier, which looks at the whole token and asks for that iss again once it
// believes it.
func claimedIssuer(token string) (string, *AuthError) {
	if len(token) > MaxTokenBytes {
		return "", refuse(CodeMalformedToken, "the token is too long")
	}
	_, rest, _ := strings.Cut(token, ".")
	segment, _, _ := strings.Cut(rest, ".")
	payload, err := segmentEncoding.DecodeString(segment)
	if err != nil || len(payload) == 0 {
		return "", notCompact()
	}
	var name string
	isText := true
	wellFormed := strictjson.Members(string(payload), maxPayloadDepth, func(member, value string) {
		if member == "iss" {
			name, isText = strictjson.Text(value)
		}
	})
	switch {
	case !wellFormed:
		return "", refuse(CodeMalformedToken, "the token payload is not a valid JSON object")
	case !isText:
		return "", refuse(CodeMalformedToken, "a registered claim has the wrong type")
	case name == "":
		return "", refuse(CodeMissingClaim, "the token has no iss")
	}
	return name, nil
}
