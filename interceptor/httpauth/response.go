package httpauth

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// A response is an admitted handler's. It's a stream from the first flush on.
type response struct {
	http.ResponseWriter

	request   *http.Request
	admission *interceptor.Admission
	cancel    context.CancelCauseFunc // ends the handler's context
	stream    *interceptor.Stream     // nil until it is one
	stopped   *interceptor.Refusal    // why it couldn't become one
	begun     bool                    // a status was written
	hijacked  bool
	conn      net.Conn             // hijacked, and must end with the stream
	refusal   *interceptor.Refusal // the handler's
	told      bool                 // the refusal was written
}

type responseKey struct{}

// Unwrap lets [http.ResponseController] reach what a response doesn't guard.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) WriteHeader(status int) {
	if w.ended() != nil {
		return
	}
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		w.begin()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if err := w.ended(); err != nil {
		return 0, err
	}
	w.begin()
	return w.ResponseWriter.Write(p)
}

// ReadFrom implements [io.ReaderFrom], which lets net/http send files without copying them.
func (w *response) ReadFrom(src io.Reader) (int64, error) {
	if w.stream != nil || w.stopped != nil {
		return io.Copy(struct{ io.Writer }{w}, src) // each Write asks whether it has ended
	}
	w.begin()
	return io.Copy(w.ResponseWriter, src)
}

// Flush implements [http.Flusher].
func (w *response) Flush() { _ = w.FlushError() }

// FlushError is what [http.ResponseController] calls.
func (w *response) FlushError() error {
	if err := w.becomeStream(); err != nil {
		return err
	}
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// closeGrace is how long a handler may go on with a connection whose token has ended.
const closeGrace = time.Second

// Hijack implements [http.Hijacker].
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.becomeStream(); err != nil {
		return nil, nil, err
	}
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.hijacked = true
	if stream := w.stream; stream.Ended() != nil {
		w.conn = conn
		go closeAfter(stream, conn)
	}
	return conn, buffered, nil
}

// closeAfter closes a connection when its stream's token has ended. Its context alone wouldn't do,
// since other middleware may have ended that before.
func closeAfter(stream *interceptor.Stream, conn net.Conn) {
	<-stream.Ended()
	if stream.Check() != nil {
		time.AfterFunc(closeGrace, func() { _ = conn.Close() })
	}
}

// begin keeps what an admitted caller gets out of shared caches, unless the handler chose
// for itself. A cache would hand it to callers without a token. Even a browser's own cache
// has to see whether the caller is the same, or still anonymous.
func (w *response) begin() {
	if w.begun {
		return
	}
	w.begun = true
	if !isCacheable(w.request) {
		return
	}
	for _, key := range w.admission.Keys() {
		w.Header().Add("Vary", key)
	}
	if _, ok := interceptor.ClaimsFromContext(w.admission.Context()); ok {
		setPrivate(w.Header())
	}
}

// becomeStream makes the handler's context end with the token. It returns an error if it
// has ended already.
func (w *response) becomeStream() error {
	if w.stream == nil && w.stopped == nil {
		w.stream, w.stopped = w.admission.Stream()
		if w.stopped != nil {
			w.cancel(w.ended())
			return w.ended()
		}
		stream := w.stream
		context.AfterFunc(stream.Context(), func() { w.cancel(context.Cause(stream.Context())) })
	}
	return w.ended()
}

// ended returns why nothing may be sent any more.
func (w *response) ended() error {
	if w.stopped != nil {
		return errors.New("httpauth: " + w.stopped.Message)
	}
	if w.stream == nil || w.stream.Check() == nil {
		return nil
	}
	return context.Cause(w.stream.Context())
}

// release lets go of the stream, also of a handler that panics. A connection can't go on
// without it: nothing would close that when the token ends.
func (w *response) release() {
	if w.stream != nil {
		w.stream.End(nil)
	}
	if w.conn != nil {
		_ = w.conn.Close()
	}
}

// finish ends the call, after its handler has returned. Nothing can be told to a caller who
// got some of the response. A new request would tell, and server-sent events make one. All
// else is cut off.
func (w *response) finish() {
	refusal := w.end()
	switch {
	case refusal == nil, w.hijacked:
	case !w.begun:
		write(w.ResponseWriter, w.request, refusal)
	case !w.told && !strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream"):
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http has no other way
	}
}

func (w *response) end() *interceptor.Refusal {
	switch stream := w.stream; {
	case w.stopped != nil:
		return w.stopped
	case stream != nil:
		w.stream = nil
		return stream.End(w.refusal)
	default:
		return w.admission.End(w.refusal)
	}
}
