package e2e_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A caller calls one server over one protocol.
type caller interface {
	greet(ctx context.Context, token string) outcome
	watch(ctx context.Context, token string) outcome
	collect(ctx context.Context, token string) outcome
	converse(ctx context.Context, token string) outcome

	// watchOn opens a stream that the handler answers once and then leaves open.
	watchOn(ctx context.Context, token string) outcome
}

// startServers starts a server on each stack, both with one Authenticator, until the
// test ends. It returns a caller for each way to reach them.
func startServers(t *testing.T, config verifier.Config, options ...interceptor.Option) map[string]caller {
	t.Helper()
	v, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := interceptor.New(v, options...)
	if err != nil {
		t.Fatal(err)
	}
	callers := startConnect(t, auth)
	callers["grpc-go"] = startGRPC(t, auth)
	return callers
}

// An outcome is what a client learns about a call.
type outcome struct {
	err        error
	identity   string // as the handler saw it
	code       codes.Code
	challenges []string              // in headers and trailers
	info       *errdetails.ErrorInfo // nil when there is none
	retryAfter time.Duration
}

func (o *outcome) addDetail(detail any) {
	switch detail := detail.(type) {
	case *errdetails.ErrorInfo:
		o.info = detail
	case *errdetails.RetryInfo:
		o.retryAfter = detail.GetRetryDelay().AsDuration()
	}
}

// A check says what the outcome must be.
type check func(*testing.T, outcome)

func admitted(identity string) check {
	return func(t *testing.T, o outcome) {
		t.Helper()
		if o.err != nil || o.identity != identity {
			t.Errorf("got %q, %v; want %q", o.identity, o.err, identity)
		}
	}
}

// refused expects the challenge in one header or trailer, and in the ErrorInfo.
func refused(code codes.Code, reason, challenge string) check {
	return func(t *testing.T, o outcome) {
		t.Helper()
		if o.code != code || o.info.GetReason() != reason {
			t.Errorf("got %v %q (%v), want %v %q", o.code, o.info.GetReason(), o.err, code, reason)
		}
		if len(o.challenges) != 1 || o.challenges[0] != challenge {
			t.Errorf("challenges = %q, want one: %s", o.challenges, challenge)
		}
		if got := o.info.GetMetadata()["challenge"]; got != challenge {
			t.Errorf("challenge in ErrorInfo = %s, want %s", got, challenge)
		}
	}
}

// unavailable expects nothing to be said about the token. It stores the delay before the
// caller should try again.
func unavailable(reason string, retryAfter *time.Duration) check {
	return func(t *testing.T, o outcome) {
		t.Helper()
		if o.code != codes.Unavailable || o.info.GetReason() != reason {
			t.Errorf("got %v %q (%v), want Unavailable %q", o.code, o.info.GetReason(), o.err, reason)
		}
		if len(o.challenges) > 0 || o.info.GetMetadata()["challenge"] != "" {
			t.Errorf("challenges = %q and %v, want none", o.challenges, o.info.GetMetadata())
		}
		if o.retryAfter <= 0 {
			t.Errorf("retry delay = %v, want a positive one", o.retryAfter)
		}
		*retryAfter = o.retryAfter
	}
}

// procedures has one of each kind.
var procedures = map[string]func(caller, context.Context, string) outcome{
	"Greet":    caller.greet,
	"Watch":    caller.watch,
	"Collect":  caller.collect,
	"Converse": caller.converse,
}

// forEachProcedure calls every procedure through every caller, one after the other.
func forEachProcedure(t *testing.T, callers map[string]caller, token string, want check) {
	t.Helper()
	for name, caller := range callers {
		for procedure, call := range procedures {
			t.Run(name+"/"+procedure, func(t *testing.T) {
				ctx, cancel := callContext(t)
				defer cancel()
				want(t, call(caller, ctx, token))
			})
		}
	}
}

// atOnce calls through every caller at the same time.
func atOnce(t *testing.T, callers map[string]caller, call func(context.Context, caller) outcome, want check) {
	t.Helper()
	ctx, cancel := callContext(t)
	defer cancel()
	var mu sync.Mutex
	outcomes := make(map[string]outcome, len(callers))
	var wait sync.WaitGroup
	for name, caller := range callers {
		wait.Go(func() {
			outcome := call(ctx, caller)
			mu.Lock()
			defer mu.Unlock()
			outcomes[name] = outcome
		})
	}
	wait.Wait()
	for name, outcome := range outcomes {
		t.Run(name, func(t *testing.T) { want(t, outcome) })
	}
}

func callContext(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), 10*time.Second)
}
