package client

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
)

// A Proof shows possession of a token's key for one attempt (RFC 9449). It has a new value each
// time the framework sends the attempt. Nil is for a token without a key. For adapters.
type Proof struct {
	credential *Credential

	mu     sync.Mutex
	isMade bool
	origin string // of the latest value
	nonce  string // in it
}

type proofKey struct{}

// Prove returns the context for an attempt to send the credential, and its proof. A bearer token
// leaves ctx as it is. For adapters.
func (c *Credential) Prove(ctx context.Context) (context.Context, *Proof) {
	if c.dpop == nil {
		return ctx, nil
	}
	p := &Proof{credential: c}
	return context.WithValue(ctx, proofKey{}, p), p
}

func proofOf(ctx context.Context) *Proof {
	p, _ := ctx.Value(proofKey{}).(*Proof)
	return p
}

// NeedsProof reports whether the credential is worth nothing without one. For adapters.
func (c *Credential) NeedsProof() bool { return c.dpop != nil }

// MetadataFor returns gRPC metadata with the credential and a proof, for an attempt with the context
// from [Credential.Prove]. The procedure is called at origin, such as https://api.example.
// The error is a [*TokenError]. For adapters.
func (c *Credential) MetadataFor(ctx context.Context, origin, procedure string) (map[string]string, error) {
	value, err := proofOf(ctx).make(ctx, c, http.MethodPost, origin, procedure)
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": c.header[0], "dpop": value}, nil
}

// ProofFor returns a proof for one of Connect's attempts, with the context from [Credential.Prove].
// It's empty unless the DPoPConfig has an Origin, since an interceptor can't see
// which URL is called: then [Source.Transport] adds one. The error is a [*TokenError]. For adapters.
func (c *Credential) ProofFor(ctx context.Context, procedure string) (string, error) {
	if c.dpop.origin == "" {
		return "", nil
	}
	return proofOf(ctx).make(ctx, c, http.MethodPost, "", procedure)
}

// make returns a new value, which a nil Proof doesn't note.
func (p *Proof) make(ctx context.Context, c *Credential, method, origin, path string) (string, error) {
	if c.dpop.origin != "" {
		origin, path = c.dpop.origin, procedureOf(path)
	}
	nonce := c.dpop.nonces.of(origin)
	value, err := c.dpop.prove(ctx, proofClaims{Method: method, Target: origin + path, Hash: c.hash, Nonce: nonce})
	if err != nil {
		return "", &TokenError{Err: &signingError{err}}
	}
	if p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.isMade, p.origin, p.nonce = true, origin, nonce
	}
	return value, nil
}

// procedureOf returns the last two segments of a path.
func procedureOf(path string) string {
	end := max(0, strings.LastIndexByte(path, '/'))
	return path[max(0, strings.LastIndexByte(path[:end], '/')):]
}

// Learn takes over a response's nonce for the next proofs. For adapters.
func (p *Proof) Learn(fields ...func(name string) []string) {
	if p == nil {
		return
	}
	var values []string
	for _, read := range fields {
		if read != nil {
			values = append(values, read("dpop-nonce")...)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isMade {
		p.credential.dpop.nonces.learn(p.origin, values)
	}
}

// isOutdated reports whether the latest value lacks the server's nonce.
func (p *Proof) isOutdated() bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.isMade && p.credential.dpop.nonces.of(p.origin) != p.nonce
}

// isMissing reports whether an attempt was made without its proof.
func (p *Proof) isMissing() bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.isMade
}

var errNoProof = errors.New("the call was sent without a proof: " +
	"with Connect, the HTTP client needs Source.Transport, or the DPoPConfig an Origin")
