package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

const (
	defaultMaxConcurrent = 16
	maxMaxConcurrent     = 10_000
	formOverhead         = 4 << 10 // what a body may have besides its token
	maxTypeBytes         = 256     // for a content type: a megabyte of parameters takes long to parse
	defaultRetryAfter    = 5 * time.Second
)

// A door bounds how long requests are, and how many events they get in at a time.
type door struct {
	maxBody int64
	timeout time.Duration
}

func newDoor(config string, maxConcurrent int, in *intake) (*door, error) {
	if maxConcurrent == 0 {
		maxConcurrent = defaultMaxConcurrent
	}
	if maxConcurrent < 0 || maxConcurrent > maxMaxConcurrent {
		return nil, fmt.Errorf("%s.MaxConcurrent must be at most %d, and not negative", config, maxMaxConcurrent)
	}
	in.places = make(chan struct{}, maxConcurrent)
	return &door{
		maxBody: int64(in.verifier.MaxTokenBytes()) + formOverhead,
		timeout: in.timeout,
	}, nil
}

// enter returns a POST's body, if it has this media type. It returns false if it has answered the
// request instead.
func (d *door) enter(
	w http.ResponseWriter, r *http.Request, mediaType string, refuseWith func(http.ResponseWriter, *refusal),
) (body string, ok bool) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return "", false
	}
	contentType := r.Header.Get("Content-Type")
	if len(contentType) > maxTypeBytes {
		contentType = ""
	}
	if sent, _, err := mime.ParseMediaType(contentType); err != nil || sent != mediaType {
		refuseWith(w, refuse(codeRequest, "the content type must be "+mediaType))
		return "", false
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(d.timeout)) // not every server can
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, d.maxBody))
	_ = control.SetReadDeadline(time.Time{})
	if err != nil {
		refuseWith(w, refuse(codeRequest, "the request body is too long, or did not come in time"))
		return "", false
	}
	return string(text), true
}

// unavailable tells the sender to try again.
func unavailable(w http.ResponseWriter, err error) {
	after := defaultRetryAfter
	if keysErr, ok := errors.AsType[*verifier.KeysError](err); ok {
		after = keysErr.RetryAfter
	}
	seconds := max(1, (after+time.Second-1)/time.Second)
	w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	w.WriteHeader(http.StatusServiceUnavailable)
}

func writeJSON(w http.ResponseWriter, status int, object map[string]string) {
	body, err := json.Marshal(object)
	if err != nil { // never with strings
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
