package interceptor_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func newList(tb testing.TB, config revocation.Config) *revocation.List {
	tb.Helper()
	list, err := revocation.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

// revokeAll revokes what [acceptAll] accepts.
func revokeAll(tb testing.TB, list *revocation.List) {
	tb.Helper()
	claims := claimsOf(nil)
	if err := list.Revoke(tb.Context(), revocation.Event{Issuer: claims.Issuer(), Subject: claims.Subject()}); err != nil {
		tb.Fatal(err)
	}
}

func TestARevokedCallerIsRefused(t *testing.T) {
	var log auditLog
	list := newList(t, revocation.Config{})
	auth := mustNew(t, acceptAll{}, interceptor.WithRevocations(list), log.observer())
	admit(t.Context(), t, auth, withToken("/a.S/M"))
	revokeAll(t, list)
	_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
	if got := reasonOf(t, refusal); got != "TOKEN_REVOKED" || refusal.Code != interceptor.CodeUnauthenticated {
		t.Errorf("the refusal is %v %s", refusal.Code, got)
	}
	const challenge = `Bearer realm="api", error="invalid_token", error_description="the token was revoked"`
	if refusal.Challenge != challenge {
		t.Errorf("the challenge is %s", refusal.Challenge)
	}
	d := log[len(log)-1]
	if verifier.CodeOf(d.Err) != verifier.CodeTokenRevoked || d.Claims.IsZero() || d.Code != refusal.Code {
		t.Errorf("the observer saw %v about %v", d.Err, d.Claims)
	}
}

func TestARevokedCallerIsRefusedAheadOfItsRule(t *testing.T) {
	list := newList(t, revocation.Config{})
	auth := mustNew(t, acceptAll{}, interceptor.WithRevocations(list), interceptor.WithPolicy(interceptor.Policy{
		"/a.S/Optional": {Access: interceptor.AccessOptional},
		"/a.S/Allowed":  {Allow: func(context.Context, *verifier.Claims) error { panic("it was asked") }},
		"/a.S/Denied":   {Access: interceptor.AccessDenied},
		"/a.S/Public":   {Access: interceptor.AccessPublic},
	}))
	revokeAll(t, list)
	for _, procedure := range []string{"/a.S/Optional", "/a.S/Allowed", "/a.S/Denied"} {
		_, refusal := auth.Authenticate(t.Context(), withToken(procedure))
		if got := reasonOf(t, refusal); got != "TOKEN_REVOKED" {
			t.Errorf("%s: %s", procedure, got)
		}
		if refusal := auth.Preauthenticate(t.Context(), withToken(procedure)); reasonOf(t, refusal) != "TOKEN_REVOKED" {
			t.Errorf("%s ahead of the interceptor: %v", procedure, refusal)
		}
	}
	admit(t.Context(), t, auth, withToken("/a.S/Public"))
	admit(t.Context(), t, auth, interceptor.Call{Procedure: "/a.S/Optional"})
}

func TestACallerWhoIsRevokedWhileAllowRunsIsRefused(t *testing.T) {
	list := newList(t, revocation.Config{})
	auth := mustNew(t, acceptAll{}, interceptor.WithRevocations(list), interceptor.WithPolicy(interceptor.Policy{
		"/a.S/M": {Allow: func(context.Context, *verifier.Claims) error {
			revokeAll(t, list)
			return nil
		}},
	}))
	_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
	if got := reasonOf(t, refusal); got != "TOKEN_REVOKED" {
		t.Errorf("the reason is %s", got)
	}
}

func TestARevokedCredentialIsRefusedWhereverItStands(t *testing.T) {
	list := newList(t, revocation.Config{})
	auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) { return nil, errors.New("not asked") }),
		interceptor.WithCredential(interceptor.Metadata("x-api-key"), acceptAll{}), interceptor.WithRevocations(list))
	call := interceptor.Call{Procedure: "/a.S/M", Request: request{"X-Api-Key": {"key"}}}
	admit(t.Context(), t, auth, call)
	revokeAll(t, list)
	_, refusal := auth.Authenticate(t.Context(), call)
	if got := reasonOf(t, refusal); got != "TOKEN_REVOKED" {
		t.Errorf("the reason is %s", got)
	}
}

func TestARevokedStreamEnds(t *testing.T) {
	for _, options := range [][]interceptor.Option{nil, {interceptor.WithoutStreamExpiry()}} {
		synctest.Test(t, func(t *testing.T) {
			var log auditLog
			list := newList(t, revocation.Config{})
			auth := mustNew(t, acceptAll{}, append(options, interceptor.WithRevocations(list), log.observer())...)
			messages := make(transport)
			defer close(messages)
			stream := open(t, auth, messages)
			if got := list.Status().Streams; got != 1 {
				t.Errorf("%d streams are watched, want 1", got)
			}
			go func() {
				time.Sleep(time.Second)
				revokeAll(t, list)
			}()
			opened := time.Now()
			refusal, err := stream.Receive(&wrapperspb.StringValue{})
			if err != nil || reasonOf(t, refusal) != "TOKEN_REVOKED" || time.Since(opened) != time.Second {
				t.Errorf("after %v, Receive returned %v, %v", time.Since(opened), refusal, err)
			}
			if got := verifier.CodeOf(context.Cause(stream.Context())); got != verifier.CodeTokenRevoked {
				t.Errorf("the context's cause is %v", context.Cause(stream.Context()))
			}
			if stream.Check() != refusal {
				t.Error("a message can be sent")
			}
			if got := stream.End(nil); got != refusal {
				t.Errorf("End returned %v", got)
			}
			d := log[len(log)-1]
			if len(log) != 2 || d.Stage != interceptor.StageStream || verifier.CodeOf(d.Err) != verifier.CodeTokenRevoked {
				t.Errorf("the observer saw %v", log)
			}
			if got := list.Status().Streams; got != 0 {
				t.Errorf("%d streams are watched after the end", got)
			}
		})
	}
}

// An upgraded connection is closed by what looks for the refusal when the context ends.
func TestAStreamsRefusalIsThereWhenItsContextEnds(t *testing.T) {
	list := newList(t, revocation.Config{})
	auth := mustNew(t, acceptAll{}, interceptor.WithRevocations(list))
	stream := open(t, auth, make(transport))
	const lookers = 10_000 // to start them takes longer than to run the first
	var found atomic.Int64
	var all sync.WaitGroup
	all.Add(lookers)
	for range lookers {
		context.AfterFunc(stream.Context(), func() {
			defer all.Done()
			if stream.Check() != nil {
				found.Add(1)
			}
		})
	}
	revokeAll(t, list)
	all.Wait()
	stream.End(nil)
	if got := found.Load(); got != lookers {
		t.Errorf("%d of %d found a refusal", got, lookers)
	}
}

func TestAStreamIsWatchedUntilItEnds(t *testing.T) {
	list := newList(t, revocation.Config{})
	for _, options := range [][]interceptor.Option{nil, {interceptor.WithoutStreamExpiry()}} {
		auth := mustNew(t, acceptAll{}, append(options, interceptor.WithRevocations(list))...)
		stream := open(t, auth, nil)
		if got := list.Status().Streams; got != 1 {
			t.Errorf("%d streams are watched, want 1", got)
		}
		if refusal := stream.End(nil); refusal != nil {
			t.Errorf("End returned %v", refusal)
		}
		if got := list.Status().Streams; got != 0 {
			t.Errorf("%d streams are watched after the end", got)
		}
	}
}

func TestAStreamWithoutClaimsIsNotWatched(t *testing.T) {
	list := newList(t, revocation.Config{})
	auth := mustNew(t, acceptAll{}, interceptor.WithRevocations(list), interceptor.WithPolicy(interceptor.Policy{
		"/a.S/Public":   {Access: interceptor.AccessPublic},
		"/a.S/Optional": {Access: interceptor.AccessOptional},
	}))
	receive := func(any) error { return io.EOF }
	for _, call := range []interceptor.Call{withToken("/a.S/Public"), {Procedure: "/a.S/Optional"}} {
		stream, refusal := auth.AuthenticateStream(t.Context(), call, receive)
		if refusal != nil {
			t.Fatal(refusal)
		}
		if got := list.Status().Streams; got != 0 {
			t.Errorf("%s: %d streams are watched", call.Procedure, got)
		}
		if _, err := stream.Receive(&wrapperspb.StringValue{}); !errors.Is(err, io.EOF) {
			t.Errorf("%s: Receive returned %v", call.Procedure, err)
		}
	}
}

// A stream is admitted, and its token is revoked before the stream is watched.
func TestAStreamRevokedWhileItOpensNeverRuns(t *testing.T) {
	var log auditLog
	list := newList(t, revocation.Config{})
	observe := interceptor.WithObserver(func(_ context.Context, d interceptor.Decision) {
		if log = append(log, d); d.Stage == interceptor.StageStart {
			revokeAll(t, list)
		}
	})
	auth := mustNew(t, acceptAll{}, interceptor.WithRevocations(list), observe)
	stream, refusal := auth.AuthenticateStream(t.Context(), withToken("/a.S/M"), transport(nil).receive)
	if stream != nil || reasonOf(t, refusal) != "TOKEN_REVOKED" {
		t.Errorf("the stream is %v, the refusal %v", stream, refusal)
	}
	if len(log) != 2 || log[1].Stage != interceptor.StageStream || log[1].Code != interceptor.CodeUnauthenticated {
		t.Errorf("the observer saw %v", log)
	}
}

// A silentBus has nothing to say.
type silentBus struct{}

func (silentBus) Publish(context.Context, []byte) error { return nil }
func (silentBus) Receive(ctx context.Context, received func([][]byte)) error {
	received(nil)
	<-ctx.Done()
	return ctx.Err()
}

func TestAStaleListRefusesCallsIfItShould(t *testing.T) {
	for _, stale := range []revocation.Staleness{revocation.Admit, revocation.Refuse} {
		list := newList(t, revocation.Config{Bus: silentBus{}, Stale: stale})
		auth := mustNew(t, acceptAll{}, interceptor.WithRevocations(list))
		_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
		if stale == revocation.Admit {
			if refusal != nil {
				t.Errorf("Admit refused: %v", refusal)
			}
			continue
		}
		if refusal == nil || refusal.Code != interceptor.CodeUnavailable || refusal.RetryAfter <= 0 ||
			reasonOf(t, refusal) != "REVOCATIONS_STALE" || refusal.Challenge != "" {
			t.Errorf("Refuse answered %+v", refusal)
		}
	}
}

func TestWithRevocationsNeedsOneList(t *testing.T) {
	one := interceptor.WithRevocations(newList(t, revocation.Config{}))
	for name, options := range map[string][]interceptor.Option{
		"nil": {interceptor.WithRevocations(nil)}, "two": {one, one},
	} {
		if _, err := interceptor.New(acceptAll{}, options...); err == nil {
			t.Errorf("%s: New returned no error", name)
		}
	}
}

func TestALongLivedTokenIsRefusedBesideAList(t *testing.T) {
	list := newList(t, revocation.Config{Keep: time.Hour})
	long := verifiertest.Claims(map[string]any{"exp": time.Now().Add(2 * time.Hour).Unix()})
	auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) { return long, nil }),
		interceptor.WithRevocations(list))
	_, refusal := auth.Authenticate(t.Context(), withToken("/a.S/M"))
	if got := reasonOf(t, refusal); got != "INVALID_TOKEN" {
		t.Errorf("the reason is %s", got)
	}
}

func TestAListAddsNoAllocation(t *testing.T) {
	claims := claimsOf(nil)
	v := verifyFunc(func(string) (*verifier.Claims, error) { return claims, nil })
	var allocations []float64
	for _, isListed := range []bool{false, true} {
		list := newList(t, revocation.Config{})
		auth := mustNew(t, v)
		if isListed {
			auth = mustNew(t, v, interceptor.WithRevocations(list))
		}
		call := withToken("/a.S/M")
		for range 2 { // the list is empty, or isn't
			allocations = append(allocations, testing.AllocsPerRun(100, func() {
				if _, refusal := auth.Authenticate(t.Context(), call); refusal != nil {
					t.Fatal(refusal)
				}
			}))
			if err := list.Revoke(t.Context(), revocation.Event{Issuer: claims.Issuer(), Subject: "another"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if slices.Max(allocations) != allocations[0] {
		t.Errorf("allocations: %v, want the first everywhere", allocations)
	}
}
