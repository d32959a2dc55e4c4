package verifier

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
)

// A fetchError says why a document could not be had from a URL. Its text is that of
// the cause only where the cause is known to quote nothing of the response: net/http
// quotes the lines that it cannot read, however long, and redirects by their target.
type fetchError struct {
	url   string
	cause error
}

func (e *fetchError) Error() string { return "GET " + e.url + ": " + e.reason() }

func (e *fetchError) Unwrap() error { return e.cause }

func (e *fetchError) reason() string {
	cause := e.cause
	if urlErr, ok := errors.AsType[*url.Error](cause); ok {
		cause = urlErr.Err
	}
	if status, ok := errors.AsType[statusError](cause); ok {
		return status.Error()
	}
	if refusal, ok := errors.AsType[redirectError](cause); ok {
		return refusal.Error()
	}
	if netErr, ok := errors.AsType[net.Error](cause); ok { // timeouts among them
		return netErr.Error()
	}
	if certErr, ok := errors.AsType[*tls.CertificateVerificationError](cause); ok {
		return certErr.Error()
	}
	if errors.Is(cause, http.ErrSchemeMismatch) {
		return http.ErrSchemeMismatch.Error()
	}
	if errors.Is(cause, io.EOF) || errors.Is(cause, io.ErrUnexpectedEOF) {
		return "the response is cut short"
	}
	return "no valid response"
}

// A redirectError says why a redirect is not followed.
type redirectError string

func (e redirectError) Error() string { return string(e) }
