package jwks

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/field"
)

// A Failure says why keys could not be read.
type Failure struct {
	Answered bool // the issuer answered, but the answer is unusable
	Err      error

	// Code is the OAuth error code with status 400 or 401 (RFC 6749, section 5.2), or "".
	Code string

	retryAfter time.Duration
}

// Error returns the cause's text.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// RetryAfter returns how long the issuer asked us to wait, or 0.
func (f *Failure) RetryAfter() time.Duration { return f.retryAfter }

func unreachable(url string, cause error) *Failure {
	return &Failure{Err: &fetchError{"GET " + printable(url), cause}}
}

func unusable(format string, args ...any) *Failure {
	return &Failure{Answered: true, Err: fmt.Errorf(format, args...)}
}

// after returns f together with an earlier failure that may have caused it.
func (f *Failure) after(earlier *Failure) *Failure {
	if earlier == nil {
		return f
	}
	return &Failure{
		Answered:   f.Answered,
		Err:        fmt.Errorf("%w; before that, %w", f.Err, earlier.Err),
		retryAfter: max(f.retryAfter, earlier.retryAfter),
	}
}

// instead returns f with what could be done about it.
func (f *Failure) instead(remedy string) *Failure {
	return &Failure{Answered: f.Answered, Err: fmt.Errorf("%w; %s", f.Err, remedy), retryAfter: f.retryAfter}
}

type statusError int

func (e statusError) Error() string { return "status " + strconv.Itoa(int(e)) }

// hasStatus reports whether f was caused by a response with one of these statuses.
func (f *Failure) hasStatus(statuses ...int) bool {
	if f == nil {
		return false
	}
	status, ok := errors.AsType[statusError](f.Err)
	return ok && slices.Contains(statuses, int(status))
}

// A fetchError says why a document could not be fetched. Its text includes the cause's only if
// the cause quotes nothing the other side sent. net/http quotes unreadable lines at any length,
// and crypto/tls quotes names from certificates.
type fetchError struct {
	request string // its method and URL
	cause   error
}

func (e *fetchError) Error() string { return e.request + ": " + e.reason() }

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
	if refusal, ok := errors.AsType[addressError](cause); ok {
		return refusal.Error()
	}
	if certErr, ok := errors.AsType[*tls.CertificateVerificationError](cause); ok {
		return certificateReason(certErr)
	}
	if netErr, ok := errors.AsType[net.Error](cause); ok { // including timeouts
		return field.Printable(netErr.Error())
	}
	switch {
	case errors.Is(cause, http.ErrSchemeMismatch):
		return http.ErrSchemeMismatch.Error()
	case errors.Is(cause, io.EOF), errors.Is(cause, io.ErrUnexpectedEOF):
		return "the response is cut short"
	case errors.Is(cause, errSlow):
		return errSlow.Error()
	}
	return "no valid response"
}

// certificateReason describes err without quoting the certificate, which is still untrusted.
func certificateReason(err *tls.CertificateVerificationError) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate is signed by an unknown authority; Config.HTTPClient can trust it"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate is for another host"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "the certificate has expired or is not valid yet"
	}
	return "the certificate is not valid"
}

var errSlow = errors.New("no answer in time")

// A redirectError says why a redirect was not followed.
type redirectError string

func (e redirectError) Error() string { return string(e) }

// printable returns url without its query, which may hold secrets, for use in a log.
func printable(url string) string {
	shown, _, _ := strings.Cut(url, "?")
	return field.Printable(shown)
}
