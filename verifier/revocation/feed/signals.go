package feed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// Event types that mean something here (CAEP 1.0, section 3; Shared Signals Framework 1.0,
// section 8.1).
const (
	SessionRevoked    = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	TokenClaimsChange = "https://schemas.openid.net/secevent/caep/event-type/token-claims-change"
	CredentialChange  = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
	Verification      = "https://schemas.openid.net/secevent/ssf/event-type/verification"
	StreamUpdated     = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"
)

var knownTypes = []string{SessionRevoked, TokenClaimsChange, CredentialChange, Verification, StreamUpdated}

const (
	signalType          = "secevent+jwt"
	defaultSignalMaxAge = 24 * time.Hour
)

// Signals say whose security events a [Push] or a [Poll] takes, and what they mean here. Only
// Verifier is required.
type Signals struct {
	// Verifier says who signs the events, and for whom. Issuer is the transmitter, and Audiences
	// holds the stream's aud. Types must be nil, since it's secevent+jwt, and no field about
	// access tokens may be set: see [verifier.NewEventVerifier]. If the transmitter's
	// ssf-configuration has another jwks_uri than its OpenID metadata, or it has none, set
	// JWKSURL.
	Verifier verifier.Config

	// TokenIssuer is the issuer whose tokens end. The default is Verifier.Issuer. Subjects from
	// any other issuer are ignored, so the transmitter can't speak about its callers.
	TokenIssuer string

	// Map, if set, translates email addresses and opaque IDs to what the tokens hold. It returns
	// the zero [Subject] if there's no such user here. An error means that it couldn't find out,
	// and the transmitter sends the event again. Without Map such subjects are ignored. It must
	// be safe for concurrent use, and return when ctx ends.
	Map func(ctx context.Context, id Identifier) (Subject, error)

	// Decide, if set, says whether an event ends the tokens that were issued before. It's called
	// for a known subject, and for every type but session-revoked, which always does, and the two
	// types about the stream. An error means that it couldn't decide, and the transmitter sends
	// the event again. It must be safe for concurrent use, and return when ctx ends.
	//
	// By default, a token-claims-change ends them, because they hold what's no longer so, and so
	// does a credential-change unless a credential was created. All other types are ignored.
	Decide func(ctx context.Context, event Event) (bool, error)

	// ExpectState, if set, reports whether this service has asked for a verification with that
	// state. If not, the event is refused. A verification without a state was the transmitter's
	// idea, and is always good. [Status] shows the last one.
	ExpectState func(state string) bool

	// MaxAge is how old an event may be, by its iat. The default is 24 hours, the minimum a second
	// and the maximum 366 days. It should be [revocation.Config].Keep: with less, an event that
	// was held up in an outage is lost, and with more, it's about tokens that have expired.
	MaxAge time.Duration

	// Timeout bounds what is done about one event: fetching keys, Map, Decide and
	// [revocation.Bus.Publish]. A [Push] also gives a request so long to arrive. The default is 5
	// seconds and the maximum a minute.
	Timeout time.Duration

	// OnEvent, if set, is called after each event, sometimes concurrently. It should return soon
	// and must not panic.
	OnEvent func(Report)
}

// An Event is what [Signals].Decide decides about. The transmitter has signed it.
type Event struct {
	Type    string         // a URI, such as CredentialChange
	ID      string         // jti
	Time    time.Time      // when it happened
	Issuer  string         // whose tokens they are
	Subject Subject        // the user or the session; zero if it's about a single token
	TokenID string         // the single token's jti, or ""
	Details jsontext.Value // the event's members, as a JSON object
}

// A stream applies Signals.
type stream struct {
	Signals

	resolver resolver
	status   streamStatus
}

// newStream returns an intake for signals, which are a field of config, or an error that names the
// invalid field.
func newStream(list *revocation.List, config string, s Signals) (*stream, *intake, error) {
	if s.Verifier.Types != nil {
		return nil, nil, fmt.Errorf("%s.Signals.Verifier.Types must be nil: the only type is secevent+jwt", config)
	}
	if s.TokenIssuer == "" {
		s.TokenIssuer = s.Verifier.Issuer
	}
	all := &stream{Signals: s, resolver: resolver{s.TokenIssuer, s.Map}}
	in, err := newIntake(list, intakeConfig{
		name: config + ".Signals", verifier: s.Verifier, types: []string{signalType},
		onEvent: s.OnEvent, read: all.read,
		maxAge: s.MaxAge, defaultMaxAge: defaultSignalMaxAge, timeout: s.Timeout,
	})
	return all, in, err
}

// A signal is one event as sent. Event types from before Shared Signals Framework 1.0 may have the
// subject among the details (section 3.1.1).
type signal struct {
	kind, details, subject string
	at                     time.Time
}

// read says what a security event token means.
func (s *stream) read(ctx context.Context, event *verifier.EventClaims) (meaning, error) {
	signal, err := readSignal(event)
	m := meaning{kind: signal.kind}
	if err != nil {
		return m, err
	}
	switch signal.kind {
	case Verification:
		return m, s.status.verify(signal.details, s.ExpectState)
	case StreamUpdated:
		return m, s.status.update(signal.details)
	}
	t, err := s.resolver.resolve(ctx, signal.subject)
	if err != nil {
		return m, err
	}
	if t.isEmpty() {
		m.why = errors.New("its subject is none that tokens from the issuer can have")
		return m, nil
	}
	ends, err := s.ends(ctx, event, signal, t)
	if err != nil {
		return m, err
	}
	if !ends {
		m.why = errors.New("an event of this type ends nothing")
		return m, nil
	}
	m.revoke = []revocation.Event{s.revocation(signal, t)}
	return m, nil
}

// ends reports whether a signal ends its subject's tokens.
func (s *stream) ends(ctx context.Context, event *verifier.EventClaims, signal signal, t target) (bool, error) {
	if signal.kind == SessionRevoked {
		return true, nil
	}
	if s.Decide != nil {
		return s.Decide(ctx, Event{
			Type: signal.kind, ID: event.ID(), Time: signal.at, Issuer: s.TokenIssuer,
			Subject: t.Subject, TokenID: t.tokenID, Details: jsontext.Value(signal.details),
		})
	}
	switch signal.kind {
	case TokenClaimsChange:
		return true, nil
	case CredentialChange:
		return textIn(signal.details, "change_type") != "create", nil
	default:
		return false, nil
	}
}

// revocation says what ends a target's tokens. Only a revoked session has its own end: anything
// else concerns all sessions.
func (s *stream) revocation(signal signal, t target) revocation.Event {
	e := revocation.Event{Issuer: s.TokenIssuer, IssuedBefore: signal.at}
	if t.tokenID != "" {
		e.TokenID = t.tokenID
		return e
	}
	e.Subject, e.SessionID = t.Subject.Subject, t.SessionID
	if signal.kind != SessionRevoked && e.Subject != "" {
		e.SessionID = ""
	}
	return e
}

// readSignal reads the one event in a token. Several are allowed only as names for the same thing
// (Shared Signals Framework 1.0, section 4.2.1), and so one that is known stands for all.
func readSignal(event *verifier.EventClaims) (s signal, err error) {
	var claims struct {
		SubjectID jsontext.Value            `json:"sub_id"`
		Events    map[string]jsontext.Value `json:"events"`
	}
	if err := event.Decode(&claims); err != nil || len(claims.Events) == 0 {
		return s, refuse(codeRequest, "the token has no events")
	}
	kinds := slices.Sorted(maps.Keys(claims.Events))
	isUnknown := func(kind string) bool { return !slices.Contains(knownTypes, kind) }
	known := slices.DeleteFunc(slices.Clone(kinds), isUnknown)
	if len(known) > 1 {
		return s, refuse(codeRequest, "the token has events of several types")
	}
	s.kind = append(known, kinds...)[0]
	s.details = string(claims.Events[s.kind])
	s.at, s.subject = event.IssuedAt(), string(claims.SubjectID)
	isValid := strictjson.Members(s.details, maxEventDepth, func(name, value string) {
		switch name {
		case "event_timestamp":
			s.at = earlier(s.at, value)
		case "subject":
			if s.subject == "" {
				s.subject = value
			}
		}
	})
	switch {
	case !isValid || s.at.IsZero():
		return s, refuse(codeRequest, "the event is no object, or its event_timestamp no number")
	case s.subject == "":
		return s, refuse(codeRequest, "the token has no sub_id")
	}
	return s, nil
}

// earlier returns an event's own time, which can't be later than the token about it. A transmitter
// that says so may count in milliseconds. The zero time means that it isn't a time.
func earlier(issued time.Time, timestamp string) time.Time {
	seconds, ok := strictjson.Number(timestamp)
	if !ok || seconds <= 0 {
		return time.Time{}
	}
	if seconds >= float64(issued.Unix()) {
		return issued
	}
	return time.Unix(int64(seconds), 0)
}
