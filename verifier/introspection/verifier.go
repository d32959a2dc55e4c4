package introspection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/internal/refresh"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Verifier accepts or refuses tokens as one authorization server says. Make one with [New] and
// keep it for the life of the process. It is safe for concurrent use, has nothing to close, and
// its zero value refuses every token.
type Verifier struct {
	config Config
	memory *memory
	asked  *refresh.Group[verdict]
}

// New returns a Verifier, or an error naming the invalid field. It keeps a copy of config,
// starts no goroutine and makes no request, so a server can start while its authorization server
// is down.
func New(config Config) (*Verifier, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("introspection: %w", err)
	}
	server, err := newServer(config)
	if err != nil {
		return nil, fmt.Errorf("introspection: %w", err)
	}
	v := &Verifier{config: config, memory: newMemory(config)}
	perSecond := config.UnknownTokensPerSecond
	v.asked = refresh.NewGroup(refresh.GroupConfig[verdict]{
		Fetch: func(ctx context.Context, token string) (verdict, error) {
			answer, err := server.ask(ctx, token)
			answer.revoked = v.memory.revokedBy(token, answer)
			return answer, err
		},
		Probe: server.probe,
		Keep:  v.memory.keep,
		Report: func(r refresh.Result[verdict]) {
			report(config, r)
			revoke(config, r.Value.revoked)
		},
		Timeout: config.FetchTimeout,
		Known:   refresh.NewBudget(knownBurst, knownRefill),
		Strange: refresh.NewBudget(max(minUnknownBurst, perSecond), time.Second/time.Duration(perSecond)),
	})
	return v, nil
}

// The budget for known tokens, which get it back unless they fail, limits how many are asked about
// at the same time.
const (
	knownBurst  = 1024
	knownRefill = time.Millisecond
)

// Verify asks about an access token, unless the answer is remembered, and returns its claims. The
// token is passed without its scheme, and nothing is trimmed.
//
// The error is an [*verifier.AuthError] if the token is refused, a [*verifier.KeysError] if there
// is no answer or the token may not be asked about just now, and wraps ctx.Err() if ctx ends
// first. With any error the claims are nil.
func (v *Verifier) Verify(ctx context.Context, token string) (*verifier.Claims, error) {
	return v.VerifyBound(ctx, token, bearerOnly)
}

// VerifyBound does what Verify does, and also accepts a bound token if prove returns nil: see
// [verifier.Verifier.VerifyBound]. The authorization server says what it is bound to (RFC 8705,
// section 3.2; RFC 9449, section 6.2).
func (v *Verifier) VerifyBound(
	ctx context.Context, token string, prove func(verifier.Confirmation) error,
) (*verifier.Claims, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if v.memory == nil {
		return nil, refuse(verifier.CodeInvalidToken, "the token is not active", "the Verifier was not made by New")
	}
	now := time.Now()
	known := v.memory.known(token)
	if known != nil && !known.isDue(now) && !known.claims.IsZero() {
		return admit(known.claims, prove)
	}
	claims, err := v.find(ctx, token, known, now)
	if err != nil {
		return nil, err
	}
	return admit(claims, prove)
}

// bearerOnly is a proof for Verify, which has none.
func bearerOnly(c verifier.Confirmation) error {
	if c.IsZero() {
		return nil
	}
	return refuse(verifier.CodeInvalidToken, "the token is bound to a proof that is not supported",
		"the response has cnf, so the token is bound by DPoP or mTLS: interceptor.WithDPoP or WithMutualTLS can check "+
			"its proof; else have the issuer issue bearer tokens")
}

// find returns a token's claims, from a new answer if necessary.
func (v *Verifier) find(
	ctx context.Context, token string, known *acceptance, now time.Time,
) (*verifier.Claims, error) {
	switch {
	case known == nil:
		if refusal := v.checkForm(token); refusal != nil {
			return nil, refusal
		}
	case !known.isOver(now):
		v.asked.Renew(token, func() (verdict, bool) { // unless that has just happened
			known := v.memory.known(token)
			return verdict{}, known != nil && !known.isDue(now)
		})
		return known.claims, nil
	case !now.Before(known.claims.ValidUntil()) && !known.claims.IsZero():
		return nil, refuse(verifier.CodeTokenExpired, "the token has expired",
			"the exp in the authorization server's last answer has passed")
	}
	answer, err := v.asked.Get(ctx, token, known != nil, func() (verdict, bool) {
		return v.memory.recall(token, time.Now()) // it may be later, after a wait
	})
	if err != nil {
		return nil, v.unavailable(ctx, err)
	}
	if answer.err != nil {
		return nil, repeated(answer.err)
	}
	return answer.claims, nil
}

// checkForm refuses what can't be a bearer token, so nothing is asked about it.
func (v *Verifier) checkForm(token string) *verifier.AuthError {
	switch {
	case len(token) > v.config.MaxTokenBytes:
		return refuse(verifier.CodeMalformedToken, "the token is too long", fmt.Sprintf(
			"it has %d bytes, more than the %d of Config.MaxTokenBytes", len(token), v.config.MaxTokenBytes))
	case !field.IsToken68(token):
		return refuse(verifier.CodeMalformedToken, "the token is not a bearer token",
			"it's empty or has other characters than a b64token (RFC 6750, section 2.1)")
	}
	return nil
}

// repeated returns a copy of a remembered error, so that callers share nothing they can change.
func repeated(err error) error {
	switch err := err.(type) { //nolint:errorlint // as remembered
	case *verifier.AuthError:
		c := *err
		return &c
	case *verifier.KeysError:
		c := *err
		return &c
	default:
		return err
	}
}

// unavailable explains why there is no verdict.
func (v *Verifier) unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w while waiting for an answer about the token", ctx.Err())
	}
	return keysError(err)
}

// admit makes the checks that depend on the call: whether it proves what the token is bound to, and
// then [Config].Require, which the claims carry.
func admit(claims *verifier.Claims, prove func(verifier.Confirmation) error) (*verifier.Claims, error) {
	if err := prove(claims.Confirmation()); err != nil {
		return nil, err
	}
	if err := (verifier.Requirement{}).Check(claims); err != nil {
		return nil, err
	}
	return claims, nil
}

// Ready returns nil if the authorization server answers. Unless it did so within CacheTTL, Ready
// asks about a made-up token, which also shows whether the endpoint is found and
// accepts the Client. Otherwise the error is a [*verifier.KeysError] or wraps ctx.Err(). Use it at
// start-up and in readiness probes; Verify works without it.
func (v *Verifier) Ready(ctx context.Context) error {
	if v.memory == nil {
		return errors.New("introspection: the Verifier was not made by New")
	}
	state := v.asked.State()
	isRecent := !state.LastSuccess.IsZero() && !refresh.HasCome(state.LastSuccess.Add(v.config.CacheTTL), time.Now())
	if state.Failures == 0 && isRecent {
		return nil
	}
	if err := v.asked.Probe(ctx); err != nil {
		return v.unavailable(ctx, err)
	}
	return nil
}

// MaxTokenBytes returns [Config].MaxTokenBytes, with which an interceptor.Authenticator limits
// credentials.
func (v *Verifier) MaxTokenBytes() int { return v.config.MaxTokenBytes }

// Status returns a slice with one element, which says whether the authorization server answers.
// Its Keys are 0, and NextRefresh is set only in an outage. It asks nothing.
func (v *Verifier) Status() []verifier.Status {
	if v.memory == nil {
		return nil
	}
	state := v.asked.State()
	status := verifier.Status{
		Issuer:      v.config.Issuer,
		Usable:      state.Failures == 0,
		LastSuccess: state.LastSuccess,
		LastFailure: state.LastFailure,
		Failures:    state.Failures,
		NextRefresh: state.NextFetch,
	}
	if state.Err != nil {
		status.LastError = keysError(state.Err).Error()
	}
	return []verifier.Status{status}
}
