package earlyhttp

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// trailersOnly makes a refusal in the gRPC protocol a Trailers-Only response: a single
// header block, which ends the stream. Written as they come, header and trailers would be
// two blocks. Then nginx and HAProxy drop the second one, and grpc-go doesn't retry.
// Responses in other protocols pass through.
type trailersOnly struct {
	http.ResponseWriter

	held bool
}

// WriteHeader holds the header back, for the trailers to join it.
func (w *trailersOnly) WriteHeader(status int) {
	if w.held = isGRPC(w.Header().Get("Content-Type")); !w.held {
		w.ResponseWriter.WriteHeader(status)
	}
}

// send sends what was held back, with when to try again.
func (w *trailersOnly) send(r *http.Request, refusal *interceptor.Refusal) {
	if !w.held {
		return
	}
	w.Header().Del("Trailer")
	w.Header()["Content-Length"] = nil // net/http would add one, unknown to gRPC
	if after := refusal.RetryAfter; 0 < after && after < min(maxPushback, timeout(r)) {
		milliseconds := (after + time.Millisecond - 1) / time.Millisecond
		w.Header().Set("Grpc-Retry-Pushback-Ms", strconv.FormatInt(int64(milliseconds), 10))
	}
	w.ResponseWriter.WriteHeader(http.StatusOK)
}

func isGRPC(contentType string) bool {
	return contentType == "application/grpc" || strings.HasPrefix(contentType, "application/grpc+")
}

// maxPushback is how long clients with a retry policy may be told to wait. They do, even
// past their deadline, and then never see the refusal.
const maxPushback = 10 * time.Second

// timeout returns how long the call may take. It's 0 if the client's word makes no sense.
func timeout(r *http.Request) time.Duration {
	value := r.Header.Get("Grpc-Timeout")
	if value == "" {
		return maxPushback
	}
	digits, unit := value[:len(value)-1], value[len(value)-1]
	n, err := strconv.ParseUint(digits, 10, 27) // 8 digits
	if err != nil {
		return 0
	}
	switch unit {
	case 'H', 'M':
		return time.Duration(n) * time.Minute // an hour is no shorter
	case 'S':
		return time.Duration(n) * time.Second
	case 'm':
		return time.Duration(n) * time.Millisecond
	case 'u':
		return time.Duration(n) * time.Microsecond
	default:
		return time.Duration(n)
	}
}
