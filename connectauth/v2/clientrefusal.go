package connectauth

import (
	"context"
	"errors"

	"connectrpc.com/connect/v2"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// readRefusal returns what a failed call's error and metadata say, or nil if the server hasn't
// refused it.
func readRefusal(err error, spec connect.Spec, info *connect.CallInfo, proof *client.Proof) *client.Refusal {
	connectErr, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return nil
	}
	response := client.Response{
		Code:       interceptor.Code(connectErr.Code()),
		Message:    connectErr.Message(),
		Header:     info.ResponseHeader().Values,
		Trailer:    info.ResponseTrailer().Values,
		Idempotent: spec.IdempotencyLevel != connect.IdempotencyUnknown,
		Proof:      proof,
	}
	for _, detail := range connectErr.Details() {
		response.Details = append(response.Details, client.Detail{Type: detail.Type, Value: detail.Value})
	}
	return client.ReadRefusal(response)
}

func newRefusedError(err error, refusal *client.Refusal) error {
	if connectErr, ok := errors.AsType[*connect.Error](err); ok {
		return connectErr.WithCause(errors.Join(refusal, connectErr.Unwrap()))
	}
	return err
}

// newTokenError returns the error of a call that has no token to send.
func newTokenError(err error) error {
	if tokenErr, ok := errors.AsType[*client.TokenError](err); ok {
		return connect.NewError(connect.Code(tokenErr.Code()), tokenErr.Message()).WithCause(err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return connect.NewError(connect.CodeDeadlineExceeded, "the call's deadline has passed").WithCause(err)
	}
	return connect.NewError(connect.CodeCanceled, "the call was canceled").WithCause(err)
}
