package feed

import (
	"sync"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

// A Status describes a stream of signals at one moment, for dashboards. It contains no secrets,
// and a time is zero if its event has not happened.
type Status struct {
	// LastVerified is when the latest verification event came, and LastState its state, which is
	// "" if the transmitter sent it by itself.
	LastVerified time.Time
	LastState    string

	// Stream is what the transmitter last said about the stream: "enabled", "paused" or
	// "disabled". It's "" if it has said nothing. No events come while it's paused or disabled.
	// StreamReason is why, in the transmitter's words.
	Stream       string
	StreamReason string

	// LastPoll is when the transmitter last answered a [Poll], LastError why it last didn't, and
	// Failures how often in a row. They aren't set for a [Push].
	LastPoll  time.Time
	LastError string
	Failures  int
}

// A streamStatus is what a transmitter says about the stream itself.
type streamStatus struct {
	mu     sync.Mutex
	status Status
}

// verify notes a verification event (Shared Signals Framework 1.0, section 8.1.4.1).
func (s *streamStatus) verify(details string, isExpected func(state string) bool) error {
	state := textIn(details, "state")
	if state != "" && isExpected != nil && !isExpected(state) {
		return refuse(codeState, "a verification with this state was not asked for")
	}
	s.note(func(status *Status) {
		status.LastVerified, status.LastState = time.Now(), state
	})
	return nil
}

// update notes that the transmitter has changed the stream's status (section 8.1.5).
func (s *streamStatus) update(details string) error {
	status := textIn(details, "status")
	if status == "" {
		return refuse(codeRequest, "the event has no status")
	}
	s.note(func(now *Status) {
		now.Stream, now.StreamReason = field.Printable(status), field.Printable(textIn(details, "reason"))
	})
	return nil
}

func (s *streamStatus) note(change func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
}

func (s *streamStatus) current() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// textIn returns a member of an object, or "" if it's absent or no string.
func textIn(object, member string) (text string) {
	strictjson.Members(object, maxEventDepth, func(name, value string) {
		if name == member {
			text, _ = strictjson.Text(value)
		}
	})
	return text
}

const maxEventDepth = 32
