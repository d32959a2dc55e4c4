package earlyhttp

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

// A body is a request's, as the middleware passes it on. The interceptor finds it in the
// call's context.
//
// The rest of a refused request gets in the way of its response. Over HTTP/1.1
// connect-go and net/http wait for the rest, and the response waits with them. So the
// body stays open, and the connection ends with the response, unless all of it has
// arrived. Over HTTP/2 net/http resets the stream, and then proxies lose the response. So
// the rest is read, within limits.
type body struct {
	io.ReadCloser

	response http.ResponseWriter
	request  *http.Request
	refused  atomic.Bool

	reading sync.Mutex
	ended   bool // the handler has read all of it
}

type bodyKey struct{}

// LeaveBody leaves the rest of a refused request to the middleware, if there is any. The
// ctx is the call's own.
func LeaveBody(ctx context.Context) {
	if b, ok := ctx.Value(bodyKey{}).(*body); ok {
		b.refused.Store(true)
	}
}

// EndsConnection reports whether a refusal's header must say Connection: close. It's the
// case over HTTP/1.1 behind the middleware, if the body is still coming. Then net/http
// sends the response without waiting for the rest of the request, which no server could
// tell from the next one.
func EndsConnection(ctx context.Context) bool {
	b, ok := ctx.Value(bodyKey{}).(*body)
	return ok && isHTTP1(b.request) && !b.hasArrived()
}

func (b *body) hasArrived() bool {
	if !b.reading.TryLock() {
		return false // a receive that was left behind still waits for more
	}
	defer b.reading.Unlock()
	return b.ended || hasArrived(b.response, b.request, b.ReadCloser)
}

// RequestOf returns the request behind the middleware whose header this is. A call within another
// may have the outer one's context, but never its header.
func RequestOf(ctx context.Context, header http.Header) (*http.Request, bool) {
	b, ok := ctx.Value(bodyKey{}).(*body)
	if !ok || reflect.ValueOf(b.request.Header).Pointer() != reflect.ValueOf(header).Pointer() {
		return nil, false
	}
	return b.request, true
}

// withBody returns the request to pass on, and its body.
func withBody(w http.ResponseWriter, r *http.Request) (*http.Request, *body) {
	b := &body{ReadCloser: r.Body, response: w, request: r}
	r = r.WithContext(context.WithValue(r.Context(), bodyKey{}, b))
	r.Body = b
	return r, b
}

// isHTTP1 is false for a request that may become one over HTTP/2. All later requests on
// the connection then inherit its context.
func isHTTP1(r *http.Request) bool { return r.ProtoMajor == 1 && r.Header["Upgrade"] == nil }

// Read may be called while a receive that was left behind still waits in it.
func (b *body) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err == io.EOF
	return n, err
}

// Close leaves the body of a refused call to the middleware and the server.
func (b *body) Close() error {
	if b.refused.Load() {
		return nil
	}
	return b.ReadCloser.Close()
}

// Refuse calls write, which writes a refusal, and sees to what the client still sends. The
// handler may have read some of the body, or none.
func Refuse(w http.ResponseWriter, r *http.Request, write func()) {
	if isHTTP1(r) && !hasArrived(w, r, r.Body) {
		w.Header().Set("Connection", "close")
	}
	write()
	drain(w, r)
}

const (
	drainBytes = 64 << 10
	drainTime  = 20 * time.Millisecond
)

// hasArrived reports whether the whole body of a request over HTTP/1.1 is there, or is so
// in a moment. It reads what is left, which is then out of the way. A body without a
// length, or one the client holds back, may never end.
func hasArrived(w http.ResponseWriter, r *http.Request, body io.Reader) bool {
	switch {
	case r.ContentLength == 0:
		return true
	case r.ContentLength < 0, r.ContentLength > drainBytes, r.Header["Expect"] != nil:
		return false
	}
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(drainTime)) != nil {
		return false
	}
	_, err := io.Copy(io.Discard, body)
	return err == nil && control.SetReadDeadline(time.Time{}) == nil
}

// drain reads the rest of a refused request over HTTP/2, unless it's long in coming.
func drain(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor != 2 {
		return
	}
	// It bounds this stream alone. Over HTTP/1.1 it would end the connection.
	if http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTime)) == nil {
		_, _ = io.CopyN(io.Discard, r.Body, drainBytes)
	}
}
