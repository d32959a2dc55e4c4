package feed

import (
	"errors"
	"fmt"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A refusal is the sender's fault: sending the same event again won't help.
type refusal struct {
	code        string // as in RFC 8935, section 2.4
	description string // for the sender, without anything from the event
	err         error
}

// Codes for senders. The last one is from Shared Signals Framework 1.0, section 8.1.4.1.
const (
	codeRequest        = "invalid_request"
	codeKey            = "invalid_key"
	codeIssuer         = "invalid_issuer"
	codeAudience       = "invalid_audience"
	codeAuthentication = "authentication_failed"
	codeState          = "invalid_state"
)

func refuse(code, description string) *refusal { return &refusal{code: code, description: description} }

// Error returns the description, and the cause if there is one.
func (r *refusal) Error() string {
	if r.err == nil {
		return r.description
	}
	return fmt.Sprintf("%s: %v", r.description, r.err)
}

func (r *refusal) Unwrap() error { return r.err }

// refusalOf returns the refusal in err, or nil if the event isn't at fault.
func refusalOf(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	authErr, ok := errors.AsType[*verifier.AuthError](err)
	if !ok {
		return nil
	}
	r := &refusal{description: authErr.Message, err: authErr}
	switch authErr.Code {
	case verifier.CodeKeyNotFound, verifier.CodeMissingKid, verifier.CodeDisallowedAlg:
		r.code = codeKey
	case verifier.CodeInvalidIssuer:
		r.code = codeIssuer
	case verifier.CodeInvalidAudience:
		r.code = codeAudience
	default:
		r.code = codeRequest
	}
	return r
}

// isTooLong reports whether a list would refuse the text, and so the same event for ever.
func isTooLong(text string) bool { return len(text) > maxTextBytes }

const maxTextBytes = 1024
