package grpcauth

import (
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// readRefusal returns what a failed call's status and metadata say, or nil if the server hasn't
// refused it.
func readRefusal(err error, header, trailer metadata.MD, proof *client.Proof) *client.Refusal {
	s, ok := status.FromError(err)
	if !ok {
		return nil
	}
	response := client.Response{
		Code:    interceptor.Code(s.Code()),
		Message: s.Message(),
		Header:  header.Get,
		Trailer: trailer.Get,
		Proof:   proof,
	}
	for _, detail := range s.Proto().GetDetails() {
		response.Details = append(response.Details, client.Detail{Type: detail.GetTypeUrl(), Value: detail.GetValue()})
	}
	return client.ReadRefusal(response)
}

// A callError has both a status and what it comes from.
type callError struct {
	error // with the status

	cause error
}

func (e *callError) GRPCStatus() *status.Status { return status.Convert(e.error) }
func (e *callError) Unwrap() []error            { return []error{e.error, e.cause} }

func newRefusedError(err error, refusal *client.Refusal) error {
	return &callError{error: err, cause: refusal}
}

// newTokenError returns the error of a call that has no token to send.
func newTokenError(err error) error {
	if tokenErr, ok := errors.AsType[*client.TokenError](err); ok {
		return &callError{error: status.Error(codes.Code(tokenErr.Code()), tokenErr.Message()), cause: err}
	}
	return status.FromContextError(err).Err()
}
