package grpcauth

import (
	"context"
	"net/http"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// refuse returns the error for a refused call, and sends the challenge by the road
// that is open.
func refuse(ctx context.Context, refusal *interceptor.Refusal) error {
	if refusal.Challenge != "" {
		field := metadata.Pairs("www-authenticate", refusal.Challenge)
		if isServedByNetHTTP(ctx) {
			// It fails once a message has been sent. Then no road is left: net/http
			// would drop the trailer and log a line for it.
			_ = grpc.SetHeader(ctx, field)
		} else {
			// A header would cost the client its Trailers-Only response.
			_ = grpc.SetTrailer(ctx, field)
		}
	}
	return newError(refusal)
}

func isServedByNetHTTP(ctx context.Context) bool {
	return ctx.Value(http.ServerContextKey) != nil
}

func newError(refusal *interceptor.Refusal) error {
	return status.FromProto(&rpcstatus.Status{
		Code:    int32(refusal.Code),
		Message: refusal.Message,
		Details: refusal.Details,
	}).Err()
}
