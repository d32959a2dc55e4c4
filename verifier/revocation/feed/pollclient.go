package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/internal/field"
)

const (
	maxRetryAfter  = 10 * time.Minute
	maxEventID     = 512     // bytes for an event's name in an answer
	answerOverhead = 4 << 10 // what an answer may have besides its events
)

// A pollRequest is RFC 8936, section 2.2. With returnImmediately absent, the transmitter may wait
// for an event.
type pollRequest struct {
	MaxEvents int                  `json:"maxEvents"`
	Acks      []string             `json:"ack,omitempty"`
	Errors    map[string]pollError `json:"setErrs,omitempty"`
}

// A pollError is RFC 8936, section 2.4.3.
type pollError struct {
	Code        string `json:"err"`
	Description string `json:"description"`
}

// A pollAnswer is RFC 8936, section 2.3. Whether more events are there makes no difference to us,
// since we always ask again.
type pollAnswer struct {
	Events map[string]string `json:"sets"`
}

// errTooLong means that an answer had more bytes than the events asked for can have.
var errTooLong = errors.New("the transmitter's answer is too long")

// A statusError is an answer other than 200.
type statusError struct {
	status     int
	retryAfter time.Duration
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the transmitter's status is %d %s", e.status, http.StatusText(e.status))
}

// A pollClient sends requests, one at a time.
type pollClient struct {
	http     http.Client
	endpoint string
	tokens   oauth2.TokenSource
	wait     time.Duration
	maxEvent int64
}

// alone returns a copy of client that follows no redirect: the access token is for the endpoint
// alone.
func alone(client *http.Client) http.Client {
	var c http.Client
	if client != nil {
		c = *client
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// send returns a transmitter's answer. Errors quote nothing from it.
func (c *pollClient) send(ctx context.Context, request pollRequest) (answer pollAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.wait)
	defer cancel()
	body, err := json.Marshal(request)
	if err != nil {
		return answer, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return answer, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if err := c.authorize(req); err != nil {
		return answer, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.http.CloseIdleConnections() // one of them may be why
		return answer, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		after := field.RetryAfter(res.Header.Get("Retry-After"))
		return answer, &statusError{res.StatusCode, min(after, maxRetryAfter)}
	}
	limit := answerOverhead + int64(request.MaxEvents)*c.maxEvent
	text, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return answer, err
	case int64(len(text)) > limit:
		return answer, errTooLong
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return answer, errors.New("the transmitter's answer is not what RFC 8936 has")
	}
	return answer, nil
}

func (c *pollClient) authorize(req *http.Request) error {
	if c.tokens == nil {
		return nil
	}
	token, err := c.tokens.Token()
	if err != nil {
		return fmt.Errorf("PollConfig.TokenSource: %w", err)
	}
	token.SetAuthHeader(req)
	return nil
}
