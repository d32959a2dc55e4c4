package connectauth

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

const wwwAuthenticate = "Www-Authenticate"

// refuseUnary returns the error for a refused unary call, and puts the challenge
// into the response header.
func refuseUnary(ctx context.Context, refusal *interceptor.Refusal) error {
	err := newError(refusal)
	info, ok := connect.CallInfoForHandlerContext(ctx)
	if !ok {
		setChallenge(err.Meta(), refusal)
		return err
	}
	setChallenge(info.ResponseHeader(), refusal)
	closeConnection(ctx, info.ResponseHeader())
	return err
}

// refuseStream returns the error for a refused stream, and sends the challenge by
// the road that is open.
func refuseStream(
	ctx context.Context, conn connect.StreamingHandlerConn, refusal *interceptor.Refusal, sent bool,
) error {
	err := newError(refusal)
	switch {
	case !sent:
		setChallenge(conn.ResponseHeader(), refusal)
		closeConnection(ctx, conn.ResponseHeader())
	case conn.Peer().Protocol == connect.ProtocolGRPC:
		// No road is left: net/http would drop the trailer and log a line for it.
	default:
		setChallenge(err.Meta(), refusal)
	}
	return err
}

func newError(refusal *interceptor.Refusal) *connect.Error {
	err := connect.NewError(connect.Code(refusal.Code), errors.New(refusal.Message))
	for _, detail := range refusal.Details {
		if encoded, encodeErr := connect.NewErrorDetail(detail); encodeErr == nil {
			err.AddDetail(encoded)
		}
	}
	return err
}

func setChallenge(header map[string][]string, refusal *interceptor.Refusal) {
	if refusal.Challenge != "" {
		header[wwwAuthenticate] = []string{refusal.Challenge}
	}
}
