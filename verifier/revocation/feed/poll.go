package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

const (
	defaultMaxEvents = 50
	maxMaxEvents     = 1000
	defaultWait      = 5 * time.Minute
	maxWait          = time.Hour

	minPollBackoff = 500 * time.Millisecond
	maxPollBackoff = time.Minute
)

// A PollConfig says which events a [Poll] asks for, and where. Signals and Endpoint are required.
type PollConfig struct {
	Signals Signals

	// Endpoint is the stream's endpoint_url (Shared Signals Framework 1.0, section 6.1.2). It must
	// be an https URL, or http on this host.
	Endpoint string

	// TokenSource, if set, returns the access token to send with each request. In package
	// golang.org/x/oauth2/clientcredentials, it's a Config's TokenSource. A source that hangs
	// stops the polls, as [Status] shows.
	TokenSource oauth2.TokenSource

	// HTTPClient sends the requests. The default uses [http.DefaultTransport]. The client is
	// copied, and some limits always apply: a redirected request is a failure, an answer has a
	// bounded size, and Wait covers everything. Its Timeout must be longer than the transmitter
	// lets a request wait.
	HTTPClient *http.Client

	// MaxEvents is how many events to ask for at a time. The default is 50 and the maximum 1000.
	MaxEvents int

	// Wait is how long one request may take. The transmitter answers when there's an event, or
	// after a time that it chooses, which must be shorter. The default is 5 minutes, the
	// minimum a second and the maximum an hour.
	Wait time.Duration

	// AllowHTTP permits plain http to other hosts. An attacker on the network path can then read
	// the access token, and keep events away.
	AllowHTTP bool
}

// A Poll asks a transmitter for security events, again and again (RFC 8936). Make one with
// [NewPoll], and start [Poll.Run].
//
// An event is acknowledged once the list has what it revokes, and reported as an error if it's
// bad. If it could neither be judged nor kept just now, nothing is said about it, and the
// transmitter delivers it again.
type Poll struct {
	intake    *intake
	stream    *stream
	client    *pollClient
	maxEvents int
}

// NewPoll returns a Poll, or an error that names the invalid field. It makes no request.
func NewPoll(list *revocation.List, config PollConfig) (*Poll, error) {
	p, err := newPoll(list, config)
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	return p, nil
}

func newPoll(list *revocation.List, config PollConfig) (*Poll, error) {
	config.MaxEvents = cmp.Or(config.MaxEvents, defaultMaxEvents)
	config.Wait = cmp.Or(config.Wait, defaultWait)
	switch {
	case config.MaxEvents < 0 || config.MaxEvents > maxMaxEvents:
		return nil, fmt.Errorf("PollConfig.MaxEvents must be at most %d, and not negative", maxMaxEvents)
	case config.Wait < time.Second || config.Wait > maxWait:
		return nil, fmt.Errorf("PollConfig.Wait must be between a second and %v; a bare number is nanoseconds", maxWait)
	}
	if err := jwks.CheckURL(config.Endpoint, config.AllowHTTP); err != nil {
		return nil, fmt.Errorf("PollConfig.Endpoint %w", err)
	}
	stream, in, err := newStream(list, "PollConfig", config.Signals)
	if err != nil {
		return nil, err
	}
	return &Poll{
		intake: in, stream: stream, maxEvents: config.MaxEvents,
		client: &pollClient{
			http: alone(config.HTTPClient), endpoint: config.Endpoint, tokens: config.TokenSource,
			wait: config.Wait, maxEvent: int64(in.verifier.MaxTokenBytes() + maxEventID),
		},
	}, nil
}

// Status returns what is known about the stream, and how the last request went.
func (p *Poll) Status() Status { return p.stream.status.current() }

// Run asks for events until ctx ends, and returns ctx.Err(). Start it once, with go. After a
// failure it waits, at first half a second and at most a minute, or as long as the transmitter
// asks for, up to 10 minutes.
func (p *Poll) Run(ctx context.Context) error {
	said := &answers{}
	for failures := 0; ctx.Err() == nil; {
		err := p.round(ctx, said)
		if err == nil {
			failures = 0
			continue
		}
		failures++
		p.failed(ctx, err, failures)
		pause(ctx, backoff(err, failures))
	}
	return ctx.Err()
}

// round sends one request and takes the events in its answer. It fails if any of them could not be
// taken, since the next request would bring it at once.
func (p *Poll) round(ctx context.Context, said *answers) error {
	limit := p.maxEvents
	if said.tooLong {
		limit = 1
	}
	answer, err := p.client.send(ctx, pollRequest{MaxEvents: limit, Acks: said.acks, Errors: said.errors})
	said.tooLong = errors.Is(err, errTooLong)
	if err != nil {
		return err
	}
	*said = answers{}
	p.stream.status.note(func(s *Status) { s.LastPoll, s.Failures = time.Now(), 0 })
	var failed error
	for _, id := range slices.Sorted(maps.Keys(answer.Events)) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := said.add(id, p.intake.take(ctx, answer.Events[id])); err != nil {
			failed = err
		}
	}
	return failed
}

// failed notes a failure, except for the end of Run.
func (p *Poll) failed(ctx context.Context, err error, failures int) {
	if ctx.Err() == nil {
		p.stream.status.note(func(s *Status) { s.LastError, s.Failures = err.Error(), failures })
	}
}

// answers are what the next request says about the events so far. They're kept until a request
// has arrived.
type answers struct {
	acks    []string
	errors  map[string]pollError
	tooLong bool // the last answer was
}

// add notes what became of an event, and returns an error if it should come again. The id is its
// name in the transmitter's answer.
func (a *answers) add(id string, r Report) error {
	switch r.Outcome {
	case Failed:
		return r.Err
	case Refused:
		if a.errors == nil {
			a.errors = make(map[string]pollError)
		}
		refusal := refusalOf(r.Err)
		a.errors[id] = pollError{Code: refusal.code, Description: refusal.description}
	default:
		a.acks = append(a.acks, id)
	}
	return nil
}

// backoff returns how long to wait after so many failures, at random.
func backoff(err error, failures int) time.Duration {
	wait := min(maxPollBackoff, minPollBackoff<<min(failures-1, 16))
	wait = wait/2 + rand.N(wait/2)
	if refused, ok := errors.AsType[*statusError](err); ok {
		return max(wait, refused.retryAfter)
	}
	return wait
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
