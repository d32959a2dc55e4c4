package wire_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// An answer is all that a client saw of a call's end.
type answer struct {
	code    codes.Code
	message string
	details []proto.Message

	inHeader []string // the challenges in the header
	inAll    []string // those in header and trailer together, as the client shows them

	nonceInHeader []string // and the same for nonces
	nonceInAll    []string

	messages int
	ended    time.Time
	bare     bool // no header came before the trailer: grpc-go's Trailers-Only

	// Of HTTP, unless the client is grpc-go's.
	status int
	closes bool // the connection ends with it
}

// A place is where a challenge travels.
type place string

const (
	header  place = "in the header"
	trailer place = "in the trailer"
	nowhere place = "nowhere" // but in the ErrorInfo
	both    place = "in both" // the response is one block
)

// check compares all that is the same for every path.
func (a answer) check(t *testing.T, want outcome, where place) {
	t.Helper()
	if a.code != want.code || a.message != want.message {
		t.Errorf("status = %v %q, want %v %q", a.code, a.message, want.code, want.message)
	}
	a.checkDetails(t, want)
	var inHeader, inAll []string
	if want.challenge != "" && (where == header || where == both) {
		inHeader = []string{want.challenge}
	}
	if want.challenge != "" && where != nowhere {
		inAll = []string{want.challenge}
	}
	if where == both {
		inAll = append(inAll, inHeader...)
	}
	checkChallenges(t, "the header", a.inHeader, inHeader)
	checkChallenges(t, "header and trailer", a.inAll, inAll)
}

func checkChallenges(t *testing.T, where string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("challenges in %s = %q, want %q", where, got, want)
	}
}

// checkDetails wants one ErrorInfo, a RetryInfo where it helps, and nothing else.
func (a answer) checkDetails(t *testing.T, want outcome) {
	t.Helper()
	var infos, retries int
	for _, detail := range a.details {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			infos++
			if want.needs == "" {
				delete(detail.GetMetadata(), "permissions")
			}
			if !proto.Equal(detail, want.info()) {
				t.Errorf("ErrorInfo = %v, want %v", detail, want.info())
			}
		case *errdetails.RetryInfo:
			retries++
			if detail.GetRetryDelay().AsDuration() <= 0 {
				t.Errorf("RetryInfo = %v, want a delay", detail)
			}
		default:
			t.Errorf("unknown detail %v", detail)
		}
	}
	if wantInfos := count(want.reason != ""); infos != wantInfos {
		t.Errorf("%d ErrorInfo details, want %d", infos, wantInfos)
	}
	if wantRetries := count(want.retry); retries != wantRetries {
		t.Errorf("%d RetryInfo details, want %d", retries, wantRetries)
	}
}

func count(one bool) int {
	if one {
		return 1
	}
	return 0
}
