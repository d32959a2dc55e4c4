package verifier

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// An EventVerifier accepts or refuses one issuer's security event tokens (RFC 8417), such as
// logout tokens. Make one with [NewEventVerifier]. It is safe for concurrent use, has nothing to
// close, and its zero value refuses every event.
//
// Events are judged by the rules for access tokens, with two differences: exp may be absent, and
// no event is remembered. An EventVerifier can't take a [Verifier]'s place, nor can
// [EventClaims] take that of [Claims], so an event never admits a call.
type EventVerifier struct {
	verifier *Verifier
}

// NewEventVerifier returns an EventVerifier, or an error that names the invalid field. Like [New],
// it makes no request.
//
// Config.Types is required, because an event must never be mistaken for an access token, and the
// other way round: it's "logout+jwt" or "secevent+jwt" for most issuers. If it lists "JWT", an
// event without typ is accepted as well. Config.Audiences is required, too. An error follows from
// any other field about access tokens: ClientIDs, MaxLifetime, AcceptIDTokens, RFC9068, Require,
// ScopeClaim, PermissionsClaim and TokenCacheSize.
func NewEventVerifier(config Config) (*EventVerifier, error) {
	if err := config.validateForEvents(); err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	config.TokenCacheSize = -1
	v, err := newVerifier(config, false, newTokenIndex())
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	v.forEvents = true
	return &EventVerifier{verifier: v}, nil
}

// validateForEvents checks what validate doesn't know.
func (c Config) validateForEvents() error {
	for _, field := range []struct {
		name  string
		isSet bool
	}{
		{"Config.ClientIDs", c.ClientIDs != nil},
		{"Config.MaxLifetime", c.MaxLifetime != 0},
		{"Config.AcceptIDTokens", c.AcceptIDTokens},
		{"Config.RFC9068", c.RFC9068},
		{"Config.Require", !c.Require.IsZero()},
		{"Config.ScopeClaim", c.ScopeClaim != ""},
		{"Config.PermissionsClaim", c.PermissionsClaim != ""},
		{"Config.TokenCacheSize", c.TokenCacheSize != 0},
	} {
		if field.isSet {
			return fmt.Errorf("%s is about access tokens, and has no meaning for events", field.name)
		}
	}
	if c.Types == nil {
		return errors.New("Config.Types is required for events")
	}
	return nil
}

// VerifyEvent checks a security event token and returns its claims. It checks everything that
// every kind of event has in common: signature, iss, aud, typ and, if it's present, exp. What the
// event says, and whether it was seen before, is the caller's to check.
//
// The errors are as for [Verifier.Verify], and with any error the claims are nil.
func (v *EventVerifier) VerifyEvent(ctx context.Context, token string) (*EventClaims, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if v.verifier == nil {
		return nil, refuse(CodeInvalidToken, "the token is not accepted").because(
			"the EventVerifier was not made by NewEventVerifier")
	}
	claims, err := v.verifier.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	return &EventClaims{claims: claims}, nil
}

// Ready does what [Verifier.Ready] does.
func (v *EventVerifier) Ready(ctx context.Context) error { return v.verifier.Ready(ctx) }

// MaxTokenBytes returns [Config].MaxTokenBytes, with its default filled in.
func (v *EventVerifier) MaxTokenBytes() int { return v.verifier.MaxTokenBytes() }

// Status returns the state of the issuer's keys, and fetches nothing.
func (v *EventVerifier) Status() Status { return v.verifier.status() }

// EventClaims are a verified security event token's contents. They are immutable and safe for
// concurrent use. An absent claim reads as its zero value, and so does every claim of nil or
// zero EventClaims.
//
// They aren't [Claims] on purpose: whatever decides about a caller can't be given an event.
type EventClaims struct{ claims *Claims }

// data returns what c holds.
func (c *EventClaims) data() *claims {
	if c == nil {
		return &noClaims
	}
	return c.claims.get()
}

// Issuer returns iss, which always equals [Config].Issuer.
func (c *EventClaims) Issuer() string { return c.data().issuer }

// ID returns jti, which may be absent.
func (c *EventClaims) ID() string { return c.data().id }

// Subject returns sub, which is unique only within its issuer.
func (c *EventClaims) Subject() string { return c.data().subject }

// IssuedAt returns iat, or the zero time.
func (c *EventClaims) IssuedAt() time.Time { return c.data().issuedAt.time() }

// String returns only the event's ID and issuer.
func (c *EventClaims) String() string {
	if c == nil {
		return (*Claims)(nil).String()
	}
	return c.claims.String()
}

// Decode unmarshals all of the event's claims into dst, as [Claims.Decode] does.
func (c *EventClaims) Decode(dst any) error {
	if c == nil {
		return (*Claims)(nil).Decode(dst)
	}
	return c.claims.Decode(dst)
}
