package verifier

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// A Multi accepts the tokens of several issuers, each by its own [Config] and keys. Make
// one with [NewMulti]. It's safe for concurrent use.
//
// A token is judged by the verifier of the issuer that it names, and by no other. What one
// issuer publishes, or whether it's down, doesn't affect the tokens of another.
//
// Subjects belong to their issuer: a check of ownership must compare [Claims.Issuer] as
// well as [Claims.Subject], or one issuer's "alice" passes for another's.
type Multi struct {
	verifiers []*Verifier // in the order of their configurations
	byIssuer  map[string]*Verifier
	hints     *hints[Verifier]
}

// NewMulti returns the verifier of an allow list of issuers, or an error that names the
// issuer and the invalid field. Like [New] it contacts no one.
func NewMulti(configs ...Config) (*Multi, error) {
	if len(configs) == 0 {
		return nil, errors.New("verifier: NewMulti needs a Config")
	}
	m := &Multi{byIssuer: make(map[string]*Verifier, len(configs)), hints: newHints[Verifier]()}
	for _, config := range configs {
		if m.byIssuer[config.Issuer] != nil {
			return nil, fmt.Errorf("verifier: issuer %q is configured twice", config.Issuer)
		}
		v, err := newVerifier(config, false)
		if err != nil {
			return nil, fmt.Errorf("verifier: issuer %q: %w", config.Issuer, err)
		}
		m.verifiers = append(m.verifiers, v)
		m.byIssuer[config.Issuer] = v
	}
	return m, nil
}

// Verify returns the claims of an access token from one of the issuers, as
// [Verifier.Verify] does for one. A token from any other issuer is refused with
// [CodeInvalidIssuer], and nothing is fetched for it.
func (m *Multi) Verify(ctx context.Context, token string) (*Claims, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if v := m.hints.get(token); v != nil {
		if claims, ok := v.recall(token); ok {
			return v.checkGrants(claims)
		}
	}
	issuer, refusal := claimedIssuer(token)
	if refusal != nil {
		return nil, refusal
	}
	v, ok := m.byIssuer[issuer]
	if !ok {
		return nil, anotherIssuer().because(
			"its iss is the Config.Issuer of none of the %d issuers: it must be the same to the last slash", len(m.verifiers))
	}
	claims, err := v.Verify(ctx, token)
	if err == nil {
		m.hints.put(token, v)
	}
	return claims, err
}

// MaxTokenBytes returns the largest [Config].MaxTokenBytes. An Authenticator asks it how long
// a credential may be.
func (m *Multi) MaxTokenBytes() (n int) {
	for _, v := range m.verifiers {
		n = max(n, v.config.MaxTokenBytes)
	}
	return n
}

// Ready fetches the keys of all issuers that have none that may be used, and returns nil
// when at least one issuer has some: that another one is down should not keep a service
// from its callers. [Multi.Status] tells them apart. The error joins those that
// [Verifier.Ready] returned.
func (m *Multi) Ready(ctx context.Context) error {
	return anyReady(ctx, m.verifiers)
}

func anyReady(ctx context.Context, verifiers []*Verifier) error {
	failures := make([]error, len(verifiers))
	var wg sync.WaitGroup
	for i, v := range verifiers {
		wg.Go(func() { failures[i] = v.Ready(ctx) })
	}
	wg.Wait()
	for i, failure := range failures {
		if failure == nil {
			return nil
		}
		failures[i] = fmt.Errorf("issuer %q: %w", verifiers[i].config.Issuer, failure)
	}
	return errors.Join(failures...)
}

// Status returns the state of each issuer's keys, in the order of the configurations.
func (m *Multi) Status() []Status {
	all := make([]Status, len(m.verifiers))
	for i, v := range m.verifiers {
		all[i] = v.keys.status()
	}
	return all
}

// hints remember who accepted a token last, so that its iss need not be read again. A hint
// that is wrong costs time and nothing else: the whole token is compared.
type hints[T any] struct {
	seed  maphash.Seed
	slots [1 << 14]atomic.Pointer[T]
}

func newHints[T any]() *hints[T] { return &hints[T]{seed: maphash.MakeSeed()} }

// get returns nil for a nil hints.
func (h *hints[T]) get(token string) *T {
	if h == nil || len(token) > maxTokenBytes {
		return nil
	}
	return h.slot(token).Load()
}

func (h *hints[T]) put(token string, t *T) { h.slot(token).Store(t) }

// slot looks at the end of the signature, which is as good as random.
func (h *hints[T]) slot(token string) *atomic.Pointer[T] {
	const enough = 16
	hash := maphash.String(h.seed, token[max(0, len(token)-enough):])
	return &h.slots[hash%uint64(len(h.slots))]
}

// drop forgets t.
func (h *hints[T]) drop(t *T) {
	for i := range h.slots {
		h.slots[i].CompareAndSwap(t, nil)
	}
}
