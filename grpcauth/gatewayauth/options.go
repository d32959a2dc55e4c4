package gatewayauth

import (
	"context"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/status"
)

// Options returns what a gateway needs, for [runtime.NewServeMux]. They set its error
// handlers, and add a middleware. To have error handlers of your own, pass them afterwards:
//
//	runtime.WithErrorHandler(gatewayauth.ErrorHandler(yours))
func Options() []runtime.ServeMuxOption {
	return []runtime.ServeMuxOption{
		runtime.WithMiddlewares(watch),
		runtime.WithErrorHandler(ErrorHandler(runtime.DefaultHTTPErrorHandler)),
		runtime.WithStreamErrorHandler(StreamErrorHandler(runtime.DefaultStreamErrorHandler)),
	}
}

// ErrorHandler returns a handler that does what next does, with the challenge and
// Retry-After in the header. Every error that isn't a refusal is left to next alone.
func ErrorHandler(next runtime.ErrorHandlerFunc) runtime.ErrorHandlerFunc {
	return func(
		ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler,
		w http.ResponseWriter, r *http.Request, err error,
	) {
		next(ctx, mux, m, &response{ResponseWriter: w, refusal: refusalOf(ctx, err)}, r, err)
	}
}

// StreamErrorHandler does the same for streams. It needs [Options], since a handler for
// streams sees no response. The handler must have been generated with the request's
// context, which is the default.
func StreamErrorHandler(next runtime.StreamErrorHandlerFunc) runtime.StreamErrorHandlerFunc {
	return func(ctx context.Context, err error) *status.Status {
		if w, ok := ctx.Value(responseKey{}).(*response); ok {
			w.refusal = refusalOf(ctx, err)
		}
		return next(ctx, err)
	}
}

// watch lets the handler for streams find the response.
func watch(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		watched := &response{ResponseWriter: w}
		next(watched, r.WithContext(context.WithValue(r.Context(), responseKey{}, watched)), params)
	}
}

type responseKey struct{}

// A response adds a refusal's fields to the header, at the last moment: the gateway sets
// WWW-Authenticate itself, to the error's text.
type response struct {
	http.ResponseWriter

	refusal refusal
}

// Unwrap lets [http.ResponseController] flush a stream.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) WriteHeader(status int) {
	w.refusal.setHeader(w.Header())
	w.ResponseWriter.WriteHeader(status)
}
