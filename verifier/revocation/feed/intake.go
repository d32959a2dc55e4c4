package feed

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// maxSeen is how many events are remembered, so that a repeated one isn't applied again. One takes
// about 100 bytes.
const maxSeen = 10_000

// An intake decides about security event tokens, for every kind of feed. It is safe for concurrent
// use.
type intake struct {
	list     *revocation.List
	verifier *verifier.EventVerifier
	leeway   time.Duration
	maxAge   time.Duration
	timeout  time.Duration
	seen     *lru.Cache[[sha256.Size]byte, struct{}]
	onEvent  func(Report)
	places   chan struct{} // full if no more events may be taken just now; nil: any number may

	// read says what a verified event means. Its error is a *refusal if the event is at fault.
	read func(context.Context, *verifier.EventClaims) (meaning, error)
}

// A meaning is what an event asks for.
type meaning struct {
	kind   string // the event's type
	revoke []revocation.Event
	why    error // why nothing is revoked, for the operator
}

// take decides about one token. What it has begun it finishes, within the timeout, even if the
// sender has gone.
func (in *intake) take(ctx context.Context, token string) Report {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), in.timeout)
	defer cancel()
	report := in.decide(ctx, token)
	if in.onEvent != nil {
		in.onEvent(report)
	}
	return report
}

func (in *intake) decide(ctx context.Context, token string) (r Report) {
	event, err := in.verifier.VerifyEvent(ctx, token)
	if err != nil {
		return r.with(err)
	}
	r.ID = event.ID()
	if err := in.check(event, time.Now()); err != nil {
		return r.with(err)
	}
	fingerprint := sha256.Sum256([]byte(token[:strings.LastIndexByte(token, '.')]))
	if in.seen.Contains(fingerprint) {
		r.Outcome = Repeated
		return r
	}
	if !in.enter() {
		return r.with(errBusy)
	}
	defer in.leave()
	m, err := in.read(ctx, event)
	r.Type = m.kind
	if err != nil {
		return r.with(err)
	}
	for _, e := range m.revoke {
		if err := in.list.Revoke(ctx, e); err != nil {
			return r.with(err)
		}
	}
	in.seen.Add(fingerprint, struct{}{})
	r.Outcome, r.Err = Applied, m.why
	if len(m.revoke) == 0 {
		r.Outcome = Ignored
	}
	return r
}

var errBusy = errors.New("MaxConcurrent other events are being taken")

// enter takes one of the places, if there's one left. Only a verified event may: a stranger who
// holds a place, such as while keys are fetched, would keep an issuer's event out.
func (in *intake) enter() bool {
	if in.places == nil {
		return true
	}
	select {
	case in.places <- struct{}{}:
		return true
	default:
		return false
	}
}

func (in *intake) leave() {
	if in.places != nil {
		<-in.places
	}
}

// check makes the checks for every kind of event. Both claims are required (RFC 8417, section
// 2.2).
func (in *intake) check(event *verifier.EventClaims, now time.Time) error {
	issued := event.IssuedAt()
	switch {
	case event.ID() == "":
		return refuse(codeRequest, "the event has no jti")
	case issued.IsZero():
		return refuse(codeRequest, "the event has no iat")
	case issued.After(now.Add(in.leeway)):
		return refuse(codeRequest, "the event is from the future: its iat has not come yet")
	case issued.Before(now.Add(-in.maxAge - in.leeway)):
		return refuse(codeRequest, "the event is too old")
	}
	return nil
}
