package grpcauth

import (
	"bytes"
	"hash/maphash"
	"slices"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/kept"
)

// newError returns the error for a refusal. Refusals that say the same have the same error, since
// floods are made of refused calls, and grpc-go's errors can't be changed.
func newError(refusal *interceptor.Refusal) error {
	if refusal.RetryAfter != 0 { // the next one says another time
		return newStatus(refusal).Err()
	}
	hash, size := hashOf(refusal)
	if known := statuses.Find(hash, func(s *keptStatus) bool { return s.says(refusal) }); known != nil {
		return known.err
	}
	made := newStatus(refusal)
	if size <= maxStatusBytes {
		proto := made.Proto() // a copy, as the details belong to the refusal
		statuses.Keep(hash, &keptStatus{proto: proto, err: made.Err()})
	}
	return made.Err()
}

// statuses holds nothing but what [newError] would make again.
var (
	statuses   kept.Table[keptStatus]
	statusSeed = maphash.MakeSeed()
)

// maxStatusBytes is the most that a kept status has in texts and details.
const maxStatusBytes = 4 << 10

type keptStatus struct {
	proto *rpcstatus.Status // the error's content
	err   error
}

// says reports whether this is the status for a refusal, to the last byte.
func (s *keptStatus) says(refusal *interceptor.Refusal) bool {
	return s.proto.GetCode() == codeOf(refusal) && s.proto.GetMessage() == refusal.Message &&
		slices.EqualFunc(s.proto.GetDetails(), refusal.Details, func(a, b *anypb.Any) bool {
			return a.GetTypeUrl() == b.GetTypeUrl() && bytes.Equal(a.GetValue(), b.GetValue())
		})
}

// hashOf returns a refusal's hash, and how many bytes its status has.
func hashOf(refusal *interceptor.Refusal) (hash uint64, size int) {
	hash = maphash.String(statusSeed, refusal.Message)
	size = len(refusal.Message)
	for _, detail := range refusal.Details {
		hash ^= maphash.Bytes(statusSeed, detail.GetValue())
		size += len(detail.GetTypeUrl()) + len(detail.GetValue())
	}
	return hash, size
}

func newStatus(refusal *interceptor.Refusal) *status.Status {
	return status.FromProto(&rpcstatus.Status{
		Code:    codeOf(refusal),
		Message: refusal.Message,
		Details: refusal.Details,
	})
}

func codeOf(refusal *interceptor.Refusal) int32 {
	return int32(refusal.Code) //nolint:gosec // no code passes 16
}
