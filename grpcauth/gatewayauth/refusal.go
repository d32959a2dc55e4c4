package gatewayauth

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails" // without it the gateway can't encode a refusal
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// A refusal is what an error says to a client beside its code.
type refusal struct {
	isOurs     bool
	challenges []string
	retryAfter time.Duration
}

// refusalOf returns the refusal in a server's error. It's zero for any other error.
func refusalOf(ctx context.Context, err error) (r refusal) {
	st := status.Convert(err)
	switch st.Code() {
	case codes.Unauthenticated, codes.PermissionDenied, codes.Unavailable:
	default:
		return refusal{}
	}
	for _, detail := range st.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.GetDomain() == interceptor.ErrorDomain {
				r.isOurs = true
				if challenge := detail.GetMetadata()["challenge"]; challenge != "" {
					r.challenges = []string{challenge}
				}
			}
		case *errdetails.RetryInfo:
			r.retryAfter = detail.GetRetryDelay().AsDuration()
		}
	}
	if !r.isOurs {
		r.challenges = challengesOf(ctx)
	}
	return r
}

// challengesOf returns what a server sent as metadata, which may be someone else's server.
func challengesOf(ctx context.Context) []string {
	md, _ := runtime.ServerMetadataFromContext(ctx)
	return slices.Concat(md.HeaderMD.Get("www-authenticate"), md.TrailerMD.Get("www-authenticate"))
}

func (r refusal) setHeader(header http.Header) {
	switch {
	case len(r.challenges) > 0:
		header["Www-Authenticate"] = slices.Clone(r.challenges)
	case r.isOurs:
		header.Del("WWW-Authenticate") // the gateway's is no challenge
	}
	if r.retryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(int64((r.retryAfter+time.Second-1)/time.Second), 10))
	}
}
