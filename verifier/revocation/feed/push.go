package feed

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

// A PushConfig says which events a [Push] takes. Only Signals is required.
type PushConfig struct {
	Signals Signals

	// Authorization, if set, lists the Authorization headers with which the transmitter may send
	// events. It's the stream's authorization_header, such as "Bearer ..." (Shared Signals
	// Framework 1.0, section 6.1.1). List two while one replaces the other. An event's signature
	// counts in any case.
	Authorization []string

	// MaxConcurrent is how many verified events are taken at a time. Others are answered 503. The
	// default is 16 and the maximum 10,000.
	MaxConcurrent int
}

// A Push takes security events that a transmitter sends (RFC 8935). Make one with [NewPush]. It is
// an [http.Handler], safe for concurrent use, with nothing to close.
//
// The answer is 202 if the list has what the event revokes, or if it revokes nothing here. It's
// 400 with a JSON error if the event is bad (section 2.3), and 503 with Retry-After if the
// transmitter's keys, the bus, or your own functions are unavailable.
type Push struct {
	door          *door
	intake        *intake
	stream        *stream
	authorization [][sha256.Size]byte
}

// NewPush returns a Push, or an error that names the invalid field. It makes no request.
func NewPush(list *revocation.List, config PushConfig) (*Push, error) {
	p, err := newPush(list, config)
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	return p, nil
}

func newPush(list *revocation.List, config PushConfig) (*Push, error) {
	if config.Authorization != nil && len(config.Authorization) == 0 || slices.Contains(config.Authorization, "") {
		return nil, errors.New("PushConfig.Authorization must hold a value, and none may be empty")
	}
	stream, in, err := newStream(list, "PushConfig", config.Signals)
	if err != nil {
		return nil, err
	}
	d, err := newDoor("PushConfig", config.MaxConcurrent, in)
	if err != nil {
		return nil, err
	}
	p := &Push{door: d, intake: in, stream: stream}
	for _, value := range config.Authorization {
		p.authorization = append(p.authorization, sha256.Sum256([]byte(value)))
	}
	return p, nil
}

// Status returns what is known about the stream.
func (p *Push) Status() Status { return p.stream.status.current() }

// ServeHTTP implements [http.Handler].
func (p *Push) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if !p.isAuthorized(r) {
		p.refuse(w, refuse(codeAuthentication, "the Authorization header is missing or wrong"))
		return
	}
	body, ok := p.door.enter(w, r, "application/"+signalType, p.refuse)
	if !ok {
		return
	}
	report := p.intake.take(r.Context(), body)
	switch report.Outcome {
	case Refused:
		p.refuse(w, refusalOf(report.Err))
	case Failed:
		unavailable(w, report.Err)
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

// isAuthorized takes the same time for any wrong value.
func (p *Push) isAuthorized(r *http.Request) bool {
	if p.authorization == nil {
		return true
	}
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return false
	}
	sent, matches := sha256.Sum256([]byte(values[0])), 0
	for _, value := range p.authorization {
		matches |= subtle.ConstantTimeCompare(sent[:], value[:])
	}
	return matches == 1
}

// refuse writes an error (RFC 8935, section 2.3).
func (p *Push) refuse(w http.ResponseWriter, r *refusal) {
	w.Header().Set("Content-Language", "en")
	writeJSON(w, http.StatusBadRequest, map[string]string{"err": r.code, "description": r.description})
}
