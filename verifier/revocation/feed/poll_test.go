package feed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/revocation/feed"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const endpoint = "https://transmitter.test/poll"

// A transmitter answers polls in the test's process. It keeps an event until it's acknowledged or
// reported, and lets a request wait for 30 seconds if there's none.
type transmitter struct {
	mu       sync.Mutex
	events   map[string]string
	news     chan struct{}
	requests []polled
	refused  map[string]string // by event, the error reported
	strays   int               // requests that were for another endpoint
	answer   func(n int) *http.Response
}

// maxRequests is more than any test is good for.
const maxRequests = 1000

// A polled is one request.
type polled struct {
	MaxEvents         int                  `json:"maxEvents"`
	ReturnImmediately *bool                `json:"returnImmediately"`
	Ack               []string             `json:"ack"`
	SetErrs           map[string]feedError `json:"setErrs"`

	at     time.Time
	header http.Header
}

type feedError struct {
	Err         string `json:"err"`
	Description string `json:"description"`
}

func newTransmitter() *transmitter {
	return &transmitter{events: make(map[string]string), news: make(chan struct{}, 1), refused: make(map[string]string)}
}

func (x *transmitter) add(id, token string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.events[id] = token
	select {
	case x.news <- struct{}{}:
	default:
	}
}

func (x *transmitter) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.String() != endpoint {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.strays++
		return nil, errors.New("another endpoint")
	}
	var p polled
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil || r.Method != http.MethodPost {
		return nil, fmt.Errorf("an odd request: %w", err)
	}
	p.at, p.header = time.Now(), r.Header
	x.mu.Lock()
	x.requests = append(x.requests, p)
	n, answer := len(x.requests), x.answer
	if n > maxRequests {
		x.mu.Unlock()
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if answer != nil {
		x.mu.Unlock()
		if res := answer(n); res != nil {
			return res, nil
		}
		x.mu.Lock()
	}
	for _, id := range p.Ack {
		delete(x.events, id)
	}
	for id, e := range p.SetErrs {
		delete(x.events, id)
		x.refused[id] = e.Err
	}
	waits := len(x.events) == 0
	x.mu.Unlock()
	if waits {
		select {
		case <-x.news:
		case <-time.After(30 * time.Second):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	sets := make(map[string]string)
	for _, id := range slices.Sorted(maps.Keys(x.events))[:min(p.MaxEvents, len(x.events))] {
		sets[id] = x.events[id]
	}
	body, err := json.Marshal(map[string]any{"sets": sets, "moreAvailable": len(sets) < len(x.events)})
	return response(http.StatusOK, string(body)), err
}

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: make(http.Header), Body: io.NopCloser(strings.NewReader(body))}
}

// left returns the events that are neither acknowledged nor reported.
func (x *transmitter) left() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Sorted(maps.Keys(x.events))
}

func (x *transmitter) polls() []polled {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.requests)
}

func pollConfig(issuer *verifiertest.Issuer, x http.RoundTripper) feed.PollConfig {
	return feed.PollConfig{
		Signals:    feed.Signals{Verifier: offline(issuer)},
		Endpoint:   endpoint,
		HTTPClient: &http.Client{Transport: x},
	}
}

// runPoll runs a Poll for the rest of the test.
func runPoll(t *testing.T, list *revocation.List, config feed.PollConfig) *feed.Poll {
	t.Helper()
	p, err := feed.NewPoll(list, config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v, want the context's error", err)
		}
	})
	return p
}

func sessionRevoked(issuer *verifiertest.Issuer, id string) string {
	claims := signalClaims(feed.SessionRevoked, aboutAlice(issuer), map[string]any{})
	return issuer.Token(with(claims, map[string]any{"jti": id}), signed)
}

func TestPollTakesEventsAndAcknowledgesThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, list, x := verifiertest.NewIssuer(), newList(t, revocation.Config{}), newTransmitter()
		config := pollConfig(issuer, x)
		config.TokenSource = oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "ours"})
		config.MaxEvents = 2
		p := runPoll(t, list, config)
		synctest.Wait()
		for i := range 5 {
			id := fmt.Sprintf("event-%d", i)
			x.add(id, sessionRevoked(issuer, id))
		}
		synctest.Wait()
		if !ended(t, list, issuer)["alice"] || len(x.left()) != 0 || len(x.refused) != 0 {
			t.Errorf("ended %v, left %v, refused %v", ended(t, list, issuer), x.left(), x.refused)
		}
		polls := x.polls()
		if len(polls) > 7 {
			t.Errorf("%d requests for 5 events in twos", len(polls))
		}
		for i, p := range polls {
			h := p.header
			if p.MaxEvents != 2 || p.ReturnImmediately != nil || h.Get("Content-Type") != "application/json" ||
				h.Get("Accept") != "application/json" || h.Get("Authorization") != "Bearer ours" {
				t.Errorf("request %d: %+v", i, p)
			}
		}
		if status := p.Status(); status.LastPoll.IsZero() || status.Failures != 0 || status.LastError != "" {
			t.Errorf("status %+v", status)
		}
		time.Sleep(time.Hour)
		if n := len(x.polls()) - len(polls); n > 120 {
			t.Errorf("%d requests in an hour without events, want one for each half minute", n)
		}
	})
}

// Bad events are reported with their code, and good ones beside them count.
func TestPollReportsBadEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, list, x := verifiertest.NewIssuer(), newList(t, revocation.Config{}), newTransmitter()
		subject := map[string]any{"format": "iss_sub", "iss": issuer.URL()}
		x.add("forged", verifiertest.NewIssuer().Token(signalClaims(feed.SessionRevoked, aboutAlice(issuer), map[string]any{}), signed))
		x.add("foreign", issuer.Token(with(signalClaims(feed.SessionRevoked, aboutAlice(issuer), map[string]any{}),
			map[string]any{"iss": otherIssuer}), signed))
		x.add("odd", issuer.Token(with(signalClaims(feed.SessionRevoked, subject, map[string]any{}),
			map[string]any{"jti": "odd"}), signed))
		x.add("huge", strings.Repeat("a", 17<<10))
		x.add("another issuer's", issuer.Token(with(signalClaims(feed.SessionRevoked,
			with(aboutAlice(issuer), map[string]any{"iss": otherIssuer}), map[string]any{}),
			map[string]any{"jti": "another issuer's"}), signed))
		runPoll(t, list, pollConfig(issuer, x))
		synctest.Wait()
		want := map[string]string{
			"forged": "invalid_request", "foreign": "invalid_issuer", "odd": "invalid_request",
			"huge": "invalid_request",
		}
		if !maps.Equal(x.refused, want) || len(x.left()) != 0 {
			t.Errorf("refused %v, left %v, want %v", x.refused, x.left(), want)
		}
		nothingChanged(t, list)
	})
}

// What could not be kept is not acknowledged, and comes again.
func TestPollAcknowledgesNothingThatIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, bus, x := verifiertest.NewIssuer(), &testBus{}, newTransmitter()
		list := newList(t, revocation.Config{Bus: bus, Stale: revocation.Admit})
		bus.setDown(true)
		p := runPoll(t, list, pollConfig(issuer, x))
		x.add("event-1", sessionRevoked(issuer, "event-1"))
		time.Sleep(10 * time.Minute)
		if got := x.left(); len(got) != 1 || len(x.refused) != 0 {
			t.Errorf("without the bus: left %v, refused %v, want the event", got, x.refused)
		}
		if n := len(x.polls()); n > 40 {
			t.Errorf("%d requests in 10 minutes without the bus", n)
		}
		if status := p.Status(); status.Failures < 5 || status.LastError == "" {
			t.Errorf("status %+v, want failures", status)
		}
		bus.setDown(false)
		time.Sleep(time.Minute)
		if got := x.left(); len(got) != 0 || len(x.refused) != 0 || p.Status().Failures != 0 {
			t.Errorf("with the bus: left %v, refused %v, %+v", got, x.refused, p.Status())
		}
	})
}

func TestPollBacksOff(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	long := response(http.StatusServiceUnavailable, "")
	long.Header.Set("Retry-After", "300")
	longest := response(http.StatusTooManyRequests, "")
	longest.Header.Set("Retry-After", "86400")
	for name, row := range map[string]struct {
		answer   *http.Response
		max, min int // requests in an hour
	}{
		"an error":         {response(http.StatusInternalServerError, ""), 130, 55},
		"a refusal":        {response(http.StatusUnauthorized, ""), 130, 55},
		"a redirect":       {response(http.StatusTemporaryRedirect, ""), 130, 55},
		"no JSON":          {response(http.StatusOK, "<html>"), 130, 55},
		"events in a list": {response(http.StatusOK, `{"sets":["event"]}`), 130, 55},
		"a name twice":     {response(http.StatusOK, `{"sets":{},"sets":{}}`), 130, 55},
		"an answer of 202": {response(http.StatusAccepted, `{"sets":{}}`), 130, 55},
		"a time to wait":   {long, 13, 11},
		"a day to wait":    {longest, 7, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x, body := newTransmitter(), []byte(nil)
				body, _ = io.ReadAll(row.answer.Body)
				x.answer = func(int) *http.Response {
					answer := *row.answer
					answer.Header = row.answer.Header.Clone()
					answer.Header.Set("Location", "https://evil.test/")
					answer.Body = io.NopCloser(bytes.NewReader(body))
					return &answer
				}
				list := newList(t, revocation.Config{})
				p := runPoll(t, list, pollConfig(issuer, x))
				time.Sleep(time.Hour)
				if n := len(x.polls()); n > row.max || n < row.min {
					t.Errorf("%d requests in an hour, want %d to %d", n, row.min, row.max)
				}
				if x.strays != 0 {
					t.Errorf("%d requests went elsewhere", x.strays)
				}
				if status := p.Status(); status.Failures == 0 || status.LastError == "" || !status.LastPoll.IsZero() {
					t.Errorf("status %+v, want a failure", status)
				}
			})
		})
	}
}

// What was said about events is said again until it has arrived.
func TestPollRepeatsAcknowledgementsThatFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, list, x := verifiertest.NewIssuer(), newList(t, revocation.Config{}), newTransmitter()
		x.answer = func(n int) *http.Response {
			if n == 2 {
				return response(http.StatusBadGateway, "")
			}
			return nil
		}
		x.add("event-1", sessionRevoked(issuer, "event-1"))
		x.add("forged", "event")
		runPoll(t, list, pollConfig(issuer, x))
		time.Sleep(time.Minute)
		polls := x.polls()
		for _, p := range polls[1:3] {
			if !slices.Equal(p.Ack, []string{"event-1"}) || len(p.SetErrs) != 1 {
				t.Errorf("request %+v, want both answers", p)
			}
		}
		for _, p := range polls[3:] {
			if len(p.Ack)+len(p.SetErrs) != 0 {
				t.Errorf("request %+v repeats what has arrived", p)
			}
		}
	})
}

// An answer may not be longer than its events. Then one event is asked for.
func TestPollBoundsAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, list, x := verifiertest.NewIssuer(), newList(t, revocation.Config{}), newTransmitter()
		endless := &endless{}
		x.answer = func(n int) *http.Response {
			if n == 1 {
				return &http.Response{StatusCode: http.StatusOK, Header: make(http.Header), Body: endless}
			}
			return nil
		}
		x.add("event-1", sessionRevoked(issuer, "event-1"))
		runPoll(t, list, pollConfig(issuer, x))
		time.Sleep(time.Minute)
		if endless.read > 1<<20 || !endless.closed {
			t.Errorf("%d bytes were read, closed = %v, want less than 1 MiB", endless.read, endless.closed)
		}
		if polls := x.polls(); polls[0].MaxEvents != 50 || polls[1].MaxEvents != 1 || polls[2].MaxEvents != 50 {
			t.Errorf("asked for %d, %d and %d events", polls[0].MaxEvents, polls[1].MaxEvents, polls[2].MaxEvents)
		}
		if !ended(t, list, issuer)["alice"] {
			t.Error("the event has ended nothing")
		}
	})
}

// An endless body is of opening quotes.
type endless struct {
	read   int
	closed bool
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '{'
	}
	e.read += len(p)
	return len(p), nil
}

func (e *endless) Close() error {
	e.closed = true
	return nil
}

// A request that is never answered ends after Wait.
func TestPollGivesUpARequestAfterWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
		hang := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		config := pollConfig(issuer, hang)
		config.Wait = 2 * time.Minute
		p := runPoll(t, list, config)
		time.Sleep(119 * time.Second)
		if got := p.Status().Failures; got != 0 {
			t.Errorf("%d failures before Wait", got)
		}
		time.Sleep(2 * time.Second)
		if got := p.Status().Failures; got != 1 {
			t.Errorf("%d failures after Wait, want 1", got)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestPollSendsNothingWithoutItsToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, list, x := verifiertest.NewIssuer(), newList(t, revocation.Config{}), newTransmitter()
		config := pollConfig(issuer, x)
		config.TokenSource = noToken{}
		p := runPoll(t, list, config)
		time.Sleep(time.Hour)
		if n := len(x.polls()); n != 0 || !strings.Contains(p.Status().LastError, "PollConfig.TokenSource") {
			t.Errorf("%d requests, status %+v", n, p.Status())
		}
	})
}

type noToken struct{}

func (noToken) Token() (*oauth2.Token, error) { return nil, errors.New("no token") }

func TestNewPollNamesTheInvalidField(t *testing.T) {
	t.Parallel()
	issuer, list := verifiertest.NewIssuer(), newList(t, revocation.Config{})
	for want, change := range map[string]func(*feed.PollConfig){
		"PollConfig.Signals.Verifier: Config.Issuer": func(c *feed.PollConfig) { c.Signals.Verifier.Issuer = "" },
		"PollConfig.Endpoint must be an https":       func(c *feed.PollConfig) { c.Endpoint = "http://transmitter.test" },
		"PollConfig.Endpoint must be an absolute":    func(c *feed.PollConfig) { c.Endpoint = "" },
		"PollConfig.MaxEvents":                       func(c *feed.PollConfig) { c.MaxEvents = 1001 },
		"PollConfig.Wait":                            func(c *feed.PollConfig) { c.Wait = 30 },
	} {
		config := pollConfig(issuer, nil)
		change(&config)
		if _, err := feed.NewPoll(list, config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want %q named", err, want)
		}
	}
}
