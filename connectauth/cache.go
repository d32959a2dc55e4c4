package connectauth

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// keepPrivate keeps what an admitted caller gets out of shared caches, unless the
// handler chose for itself. A cache would hand it to callers without a token. Even a
// browser's own cache has to see whether the caller is the same, or still anonymous.
// Caches only store responses to a GET, as Connect has for procedures without side
// effects.
func keepPrivate(
	ctx context.Context, admission *interceptor.Admission, req connect.AnyRequest, res connect.AnyResponse, err error,
) {
	if req.HTTPMethod() != http.MethodGet {
		return
	}
	header := make(http.Header) // goes nowhere
	if info, ok := connect.CallInfoForHandlerContext(ctx); ok && info.Spec().Procedure == req.Spec().Procedure {
		header = info.ResponseHeader()
	} else if err == nil {
		header = res.Header()
	}
	for _, key := range admission.Keys() {
		header.Add("Vary", key)
	}
	_, ok := interceptor.ClaimsFromContext(admission.Context())
	if chosen := ownHeader(res, err); ok && chosen["Cache-Control"] == nil {
		setPrivate(header, req.HTTPMethod())
	}
}

// ownHeader returns the header that the handler's result brings along. It looks into no
// error that calls might share, since that would change it.
func ownHeader(res connect.AnyResponse, err error) http.Header {
	notModified, ok := errors.AsType[*connect.Error](err)
	switch {
	case err == nil:
		return res.Header()
	case ok && connect.IsNotModifiedError(err):
		return notModified.Meta()
	default:
		return nil
	}
}

func setPrivate(header http.Header, method string) {
	if method == http.MethodGet && header["Cache-Control"] == nil {
		header.Set("Cache-Control", "private")
	}
}
