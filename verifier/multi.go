package verifier

import (
	"context"
	"errors"
	"fmt"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// A Multi verifies tokens from several issuers, each with its own [Config] and keys. Make one
// with [NewMulti]. It is safe for concurrent use, and the zero Multi refuses every token.
//
// Each token is judged only by the Config for the issuer it names, so one issuer's keys and
// outages don't affect tokens from another.
//
// Subjects are unique only within their issuer. When you check ownership, compare both
// [Claims.Issuer] and [Claims.Subject], or one issuer's "alice" passes for another's.
type Multi struct {
	verifiers []*Verifier // in configuration order
	byIssuer  map[string]*Verifier
	index     tokenIndex

	maxTokenBytes int
}

// NewMulti returns a Multi that accepts the configured issuers, or an error that names the issuer
// and the invalid field. At least one Config is required, and no issuer may appear twice. Like
// [New], it makes no request.
func NewMulti(configs ...Config) (*Multi, error) {
	if len(configs) == 0 {
		return nil, errors.New("verifier: NewMulti needs a Config")
	}
	m := &Multi{byIssuer: make(map[string]*Verifier, len(configs)), index: newTokenIndex()}
	for _, config := range configs {
		if m.byIssuer[config.Issuer] != nil {
			return nil, fmt.Errorf("verifier: issuer %q is configured twice", config.Issuer)
		}
		v, err := newVerifier(config, false, m.index)
		if err != nil {
			return nil, fmt.Errorf("verifier: issuer %q: %w", config.Issuer, err)
		}
		m.verifiers = append(m.verifiers, v)
		m.byIssuer[config.Issuer] = v
		m.maxTokenBytes = max(m.maxTokenBytes, v.config.MaxTokenBytes)
	}
	return m, nil
}

// Verify checks an access token from any configured issuer and returns its claims. The errors are
// as for [Verifier.Verify]. A token from another issuer is refused with [CodeInvalidIssuer], and
// nothing is fetched for it.
func (m *Multi) Verify(ctx context.Context, token string) (*Claims, error) {
	return m.VerifyBound(ctx, token, bearerOnly)
}

// VerifyBound does what Verify does, and also accepts a bound token if prove returns nil: see
// [Verifier.VerifyBound].
func (m *Multi) VerifyBound(
	ctx context.Context, token string, prove func(Confirmation) error,
) (*Claims, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	claims, ok := recallAny(m.index, token)
	if !ok {
		var err error
		if claims, err = m.verify(ctx, token); err != nil {
			return nil, err
		}
	}
	return admit(claims, prove)
}

// verify chooses the verifier for a new token, which checks all of it.
func (m *Multi) verify(ctx context.Context, raw string) (*Claims, error) {
	if len(m.verifiers) == 0 {
		return nil, anotherIssuer().because("the Multi was not made by NewMulti")
	}
	b := jws.NewBuffer()
	defer b.Release()
	t, refusal := parseToken(raw, m.maxTokenBytes, b)
	if refusal != nil {
		return nil, refusal
	}
	issuer, refusal := t.claimedIssuer()
	if refusal != nil {
		return nil, refusal
	}
	v, ok := m.byIssuer[issuer]
	if !ok {
		return nil, anotherIssuer().because(
			"its iss is the Config.Issuer of none of the %d issuers: it must be the same to the last slash",
			len(m.verifiers))
	}
	claims, key, err := v.judgeLimited(ctx, raw, &t)
	if err != nil {
		return nil, err
	}
	return v.remember(raw, claims, t.keyName(), key), nil
}

// Judges reports whether a token has the form of a compact JWS and names one of the issuers: see
// [Verifier.Judges].
func (m *Multi) Judges(token string) bool {
	return m.index.Get(token) != nil ||
		names(token, func(issuer string) bool { return m.byIssuer[issuer] != nil })
}

// MaxTokenBytes returns the largest [Config].MaxTokenBytes. An interceptor.Authenticator uses it
// to limit credentials.
func (m *Multi) MaxTokenBytes() int { return m.maxTokenBytes }

// Ready fetches all missing keys and returns nil if at least one issuer's keys are available: an
// outage at one issuer should not take the service away from the others' callers. Otherwise it
// joins the errors from [Verifier.Ready]. [Multi.Status] shows each issuer.
func (m *Multi) Ready(ctx context.Context) error {
	return anyReady(ctx, m.verifiers)
}

func anyReady(ctx context.Context, verifiers []*Verifier) error {
	ctx, cancel := context.WithCancel(ctx) // fetches go on without us
	defer cancel()
	type result struct {
		index int
		err   error
	}
	results := make(chan result, len(verifiers))
	for i, v := range verifiers {
		go func() { results <- result{i, v.Ready(ctx)} }()
	}
	failures := make([]error, len(verifiers))
	for range verifiers {
		r := <-results
		if r.err == nil {
			return nil
		}
		failures[r.index] = fmt.Errorf("issuer %q: %w", verifiers[r.index].config.Issuer, r.err)
	}
	return errors.Join(failures...)
}

// Status returns the state of each issuer's keys, in configuration order. It fetches nothing.
func (m *Multi) Status() []Status {
	all := make([]Status, len(m.verifiers))
	for i, v := range m.verifiers {
		all[i] = v.status()
	}
	return all
}
