package interceptor

import (
	"context"
	"sync"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Stream is an admitted stream, and lives no longer than its token. At
// [verifier.Claims.ValidUntil] its context is canceled with an [*verifier.AuthError]
// as the cause, and Receive returns. Whatever the handler then returns, End has a
// refusal for the caller. Streams whose tokens expire together end apart, each at a random
// time in the leeway's last second, and none before exp. For adapters.
//
// The verifier is asked again once per [verifier.Claims.Recheck], and at least once a
// minute. An AuthError about the token, such as one for a withdrawn key or a removed
// tenant, ends the stream in the same way. An outage doesn't, and neither does what the
// token grants: that counts at the start.
//
// If the token is revoked, the stream ends in the same way, and at once: see
// [WithRevocations].
//
// A stream without claims isn't bounded, and pays nothing for it. With
// [WithoutStreamExpiry] only a revocation ends one.
type Stream struct {
	admission *Admission
	ctx       context.Context
	pump      pump

	// Only a bounded stream has the rest.

	expiry  expiry
	unwatch func() // nil if the token can't be revoked
	cancel  context.CancelCauseFunc
	end     sync.Once
	ended   chan struct{} // closed when the stream has ended early, or its handler has returned
	refusal *Refusal      // final once ended is closed; nil unless the stream ended early

	interrupt   func(*Refusal) // nil if the transport can't be interrupted
	interrupted sync.WaitGroup // until interrupt has returned
}

// AuthenticateStream admits or refuses a stream, at its start. Receive reads the
// transport's next message into its argument. The caller must call [Stream.End] once,
// after the handler has returned. For adapters.
func (a *Authenticator) AuthenticateStream(
	ctx context.Context, call Call, receive func(any) error,
) (*Stream, *Refusal) {
	return a.AuthenticateInterruptible(ctx, call, receive, nil)
}

// AuthenticateInterruptible is [Authenticator.AuthenticateStream] for a transport that can
// end a stream while its handler runs. If the stream ends early, interrupt is called once,
// in a goroutine of its own, and [Stream.End] waits for it. It must tell the caller the
// refusal, and make the transport's receive return. The Stream then receives in the
// handler's goroutine, into the handler's message. That message may hold anything if Receive
// returns the refusal. With a nil interrupt the two methods are the same. For adapters.
func (a *Authenticator) AuthenticateInterruptible(
	ctx context.Context, call Call, receive func(any) error, interrupt func(*Refusal),
) (*Stream, *Refusal) {
	admission, refusal := a.Authenticate(ctx, call)
	if refusal != nil {
		return nil, refusal
	}
	return admission.stream(receive, interrupt)
}

// Stream makes a stream of a call that turns out to be one: it lives no longer than its
// token from now on. The context of the Stream is derived from the call's, and the
// handler has to learn about its end. The Stream's End takes the place of the Admission's.
// A refusal is reported already, and then nothing has to be ended.
func (a *Admission) Stream() (*Stream, *Refusal) { return a.stream(nil, nil) }

func (a *Admission) stream(receive func(any) error, interrupt func(*Refusal)) (*Stream, *Refusal) {
	s := &Stream{admission: a, ctx: a.Context(), pump: pump{receive: receive}, interrupt: interrupt}
	auth, claims := a.ctx.auth, a.ctx.decision.Claims
	if claims == nil || !auth.streamExpiry && auth.revocations == nil {
		return s, nil
	}
	s.bound()
	if refusal := s.watch(claims); refusal != nil {
		return nil, refusal
	}
	if auth.streamExpiry {
		s.expiry.begin(claims, s.look)
	}
	if auth.openStreams != nil {
		auth.openStreams.Add(1)
	}
	return s, nil
}

// bound prepares the stream to end before its handler returns.
func (s *Stream) bound() {
	s.ctx, s.cancel = context.WithCancelCause(s.ctx)
	s.ended = make(chan struct{})
	s.pump.ended = s.ended
}

// watch has a revocation end the stream. The token may have been revoked since it was admitted.
func (s *Stream) watch(claims *verifier.Claims) *Refusal {
	a := s.admission.ctx.auth
	if a.revocations == nil {
		return nil
	}
	var err error
	if s.unwatch, err = a.revocations.Watch(claims, s.endEarly); err == nil {
		return nil
	}
	refusal := a.newRefusal(s.ctx, err, &s.admission.ctx.decision)
	refusal.cause = err
	s.cancel(err)
	s.admission.report(StageStream, refusal)
	return refusal
}

// look ends the stream if its token isn't valid any more. It runs off the message path,
// and asks the wall clock, which may have been set forward.
func (s *Stream) look() {
	if s.Check() != nil {
		return
	}
	if refusal, ok := s.expiry.verifyAgain(s.ctx, s.admission.credential); ok {
		s.endEarly(refusal)
		return
	}
	select {
	case <-s.ended:
	default:
		s.expiry.lookAgain()
	}
}

// Nonce returns what the response's header must carry in DPoP-Nonce: see [Admission.Nonce].
func (s *Stream) Nonce() string { return s.admission.Nonce() }

// Context returns the context to handle the stream with.
func (s *Stream) Context() context.Context { return s.ctx }

// Ended returns a channel that is closed when the stream ends: early, as [Stream.Check] then
// says, or with [Stream.End]. The context may end before, for another reason. It's nil for a
// stream that nothing ends early.
func (s *Stream) Ended() <-chan struct{} { return s.ended }

// Receive reads the next message into m. If the stream has ended early, or does so
// meanwhile, it returns the refusal at once, for the handler to see. Otherwise it
// returns what the transport did. Like the transport's own method, it must not be
// called concurrently with itself.
func (s *Stream) Receive(m any) (*Refusal, error) {
	if s.ended == nil {
		return nil, s.pump.receive(m)
	}
	if s.interrupt != nil {
		return s.receiveInline(m)
	}
	// A receive that is left behind when the stream ends must not write to a message
	// that the handler may have put to another use.
	fresh := newMessage(m)
	r, ok := s.pump.next(fresh)
	if refusal := s.Check(); refusal != nil {
		return refusal, nil
	}
	switch {
	case !ok:
		return nil, s.ctx.Err()
	case r.panicked != nil:
		panic(r.panicked) //nolint:forbidigo // the transport's own, raised where it belongs
	case r.err == nil:
		moveMessage(m, fresh)
	}
	return nil, r.err
}

// receiveInline is Receive for a transport that is interrupted when the stream ends.
func (s *Stream) receiveInline(m any) (*Refusal, error) {
	err := s.pump.receive(m)
	if refusal := s.Check(); refusal != nil {
		return refusal, nil
	}
	return nil, err
}

// Check returns the refusal if the stream has ended early, and nil if it may go on.
// Call it before you send a message. It looks at the clock, too, and ends a stream
// whose time has come: timers stand still while a machine is suspended.
func (s *Stream) Check() *Refusal {
	if s.ended == nil {
		return nil
	}
	if s.expiry.hasCome() {
		s.endEarly(expired("the token expired while the stream was open", ""))
	}
	select {
	case <-s.ended:
		return s.early()
	default:
		return nil
	}
}

func (s *Stream) endEarly(err *verifier.AuthError) {
	s.end.Do(func() {
		s.refusal = s.admission.ctx.auth.newChallenge(err, &s.admission.ctx.decision)
		s.refusal.cause = err
		close(s.ended) // first: who sees the context's end must find the refusal, too
		cause := *err  // its receiver might change it
		s.cancel(&cause)
		if s.interrupt != nil {
			// A revocation doesn't wait for each of its streams' transports.
			s.interrupted.Go(func() { s.interrupt(s.refusal) })
		}
	})
}

// early returns the refusal of a stream that has ended early, or nil. The context has ended then.
func (s *Stream) early() *Refusal {
	if s.refusal != nil {
		<-s.ctx.Done()
	}
	return s.refusal
}

// End ends the stream, after its handler has returned. It takes the refusal in the
// handler's error, or nil, and returns the one to write. If the stream ended early, End
// reports and returns the refusal for this, whatever the handler returned. Otherwise it
// does what [Admission.End] does.
func (s *Stream) End(refusal *Refusal) *Refusal {
	if s.ended == nil {
		return s.admission.End(refusal)
	}
	if open := s.admission.ctx.auth.openStreams; open != nil {
		open.Add(-1)
	}
	s.expiry.stop()
	if s.unwatch != nil {
		s.unwatch()
	}
	s.end.Do(func() {
		s.cancel(nil)
		close(s.ended)
	})
	if s.refusal == nil {
		return s.admission.End(refusal)
	}
	s.interrupted.Wait()
	s.admission.report(StageStream, s.refusal)
	return s.refusal
}
