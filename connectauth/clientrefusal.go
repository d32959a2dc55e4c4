package connectauth

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// readRefusal returns what a failed call's error says, or nil if the server hasn't refused it.
// Most of the response's metadata stands in the error.
func readRefusal(err error, spec connect.Spec, proof *client.Proof) *client.Refusal {
	connectErr, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return nil
	}
	response := client.Response{
		Code:       interceptor.Code(connectErr.Code()),
		Message:    connectErr.Message(),
		Header:     connectErr.Meta().Values,
		Idempotent: spec.IdempotencyLevel != connect.IdempotencyUnknown,
		Proof:      proof,
	}
	for _, detail := range connectErr.Details() {
		response.Details = append(response.Details, client.Detail{Type: detail.Type(), Value: detail.Bytes()})
	}
	return client.ReadRefusal(response)
}

// A callError has both an *Error and what it comes from.
type callError struct {
	error // an *Error

	cause error
}

func (e *callError) Unwrap() []error { return []error{e.error, e.cause} }

func newRefusedError(err error, refusal *client.Refusal) error {
	return &callError{error: err, cause: refusal}
}

// newTokenError returns the error of a call that has no token to send.
func newTokenError(err error) error {
	if tokenErr, ok := errors.AsType[*client.TokenError](err); ok {
		return &callError{
			error: connect.NewError(connect.Code(tokenErr.Code()), errors.New(tokenErr.Message())),
			cause: err,
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return connect.NewError(connect.CodeDeadlineExceeded, err)
	}
	return connect.NewError(connect.CodeCanceled, err)
}
