package client

import (
	"errors"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/field"
)

// A TokenError means that there is no access token to send, or no proof for it, so the call was not
// made.
type TokenError struct {
	RetryAfter time.Duration // how long until another request for a token; 0 if there's none to relay
	Err        error         // why the last one failed: often an [*oauth2.RetrieveError]
}

// Error returns the cause too, which may quote the token endpoint: keep it in your logs.
func (e *TokenError) Error() string { return "client: " + e.Message() + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error { return e.Err }

// Message returns a fixed text without the cause. For adapters.
func (e *TokenError) Message() string {
	switch {
	case e.isOfRelay():
		return "there is no token to relay"
	case e.isOfProof():
		return "the proof for the token can't be signed"
	case e.Temporary():
		return "no access token is available at the moment"
	default:
		return "the token endpoint refuses this client"
	}
}

func (e *TokenError) isOfRelay() bool {
	return errors.Is(e.Err, errNoCaller) || errors.Is(e.Err, errOtherAudience) || errors.Is(e.Err, errBound)
}

func (e *TokenError) isOfProof() bool {
	_, ok := errors.AsType[*signingError](e.Err)
	return ok
}

// Temporary reports whether another attempt can help. It can't if the token endpoint has refused
// the client, its secret, its assertion or its refresh token, or if there's no token to relay.
func (e *TokenError) Temporary() bool {
	if e.isOfRelay() {
		return false
	}
	refused, ok := errors.AsType[*oauth2.RetrieveError](e.Err)
	if !ok || refused.Response == nil {
		return true
	}
	if refused.ErrorCode == string(codeUseNonce) { // another may do
		return true
	}
	switch status := refused.Response.StatusCode; status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	default:
		return status < 400 || status >= 500
	}
}

// Code returns Unavailable, or Unauthenticated if the error isn't temporary. For adapters.
func (e *TokenError) Code() interceptor.Code {
	if e.Temporary() {
		return interceptor.CodeUnavailable
	}
	return interceptor.CodeUnauthenticated
}

// Why a call has no token to relay.
var (
	errNoCaller = errors.New("the context has no caller's token: " +
		"the server needs interceptor.WithTokenInContext, and the call its handler's context")
	errOtherAudience = errors.New("the caller's token is for other audiences")
	errBound         = errors.New("the caller's token is bound to its key or its certificate: exchange it instead")
)

// A signingError is why there's no proof.
type signingError struct{ error }

func (e *signingError) Error() string { return "the DPoP key: " + e.error.Error() }
func (e *signingError) Unwrap() error { return e.error }

// withRetryAfter tells the next request when the endpoint wants it (RFC 9110, section 10.2.3).
func withRetryAfter(err error) error {
	failed, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || failed.Response == nil {
		return err
	}
	if after := field.RetryAfter(failed.Response.Header.Get("Retry-After")); after > 0 {
		return &delayedError{error: err, after: after}
	}
	return err
}

type delayedError struct {
	error

	after time.Duration
}

func (e *delayedError) Unwrap() error             { return e.error }
func (e *delayedError) RetryAfter() time.Duration { return e.after }
