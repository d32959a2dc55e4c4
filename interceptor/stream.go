package interceptor

import (
	"context"
	"reflect"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Stream is an admitted stream. It lives no longer than its token: at
// [verifier.Claims.ValidUntil] its context ends with an [*verifier.AuthError] as
// the cause, Receive returns, and [Stream.End] has the refusal that the caller is to
// see, whatever the handler returned.
//
// A stream without claims, or one of an Authenticator made [WithoutStreamExpiry],
// has no such bound and pays nothing for it.
type Stream struct {
	ctx     context.Context
	receive func(any) error

	// The rest is set only for a stream that expires.

	call    *admission
	until   time.Time
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	over    sync.Once
	done    chan struct{} // closed when the stream has expired or ended
	refusal *Refusal      // final once done is closed; nil unless it expired

	pumping  sync.Once
	wanted   chan any      // messages to receive into
	received chan received // one for each, unless the stream is over first
}

type received struct {
	err      error
	panicked any
}

// AuthenticateStream judges a stream, at its start. Receive reads the transport's
// next message into its argument. The caller must call [Stream.End] when the
// handler has returned.
func (a *Authenticator) AuthenticateStream(
	ctx context.Context, call Call, receive func(any) error,
) (*Stream, *Refusal) {
	admitted, refusal := a.admit(ctx, call)
	if refusal != nil {
		return nil, refusal
	}
	claims := admitted.decision.Claims
	s := &Stream{ctx: admitted, receive: receive}
	if claims == nil || !a.streamExpiry {
		return s, nil
	}
	s.call = admitted
	s.until = claims.ValidUntil()
	s.ctx, s.cancel = context.WithCancelCause(s.ctx)
	s.done = make(chan struct{})
	s.wanted = make(chan any)
	s.received = make(chan received, 1)
	s.timer = time.AfterFunc(time.Until(s.until), s.expire)
	return s, nil
}

// Context returns the context to handle the stream with.
func (s *Stream) Context() context.Context { return s.ctx }

// Receive reads the next message into m. It returns at the latest when the token
// expires, and then with the refusal for the handler to see. Like the method that
// it stands in for, it must not be called concurrently with itself.
func (s *Stream) Receive(m any) (*Refusal, error) {
	if s.timer == nil {
		return nil, s.receive(m)
	}
	s.pumping.Do(func() { go s.pump() })
	// A receive that is left behind at expiry must not write to a message that the
	// handler may have put to another use.
	fresh := newMessage(m)
	select {
	case s.wanted <- fresh:
	case <-s.done:
		return s.ended()
	}
	select {
	case r := <-s.received:
		if refusal := s.Expired(); refusal != nil {
			return refusal, nil
		}
		if r.panicked != nil {
			panic(r.panicked) //nolint:forbidigo // the transport's own, raised where it belongs
		}
		if r.err == nil {
			moveMessage(m, fresh)
		}
		return nil, r.err
	case <-s.done:
		return s.ended()
	}
}

func (s *Stream) ended() (*Refusal, error) {
	if s.refusal != nil {
		return s.refusal, nil
	}
	return nil, s.ctx.Err()
}

// pump receives in the handler's stead, since nothing but the end of the stream
// makes a transport's own receive return. It ends with the stream.
func (s *Stream) pump() {
	for {
		select {
		case m := <-s.wanted:
			s.received <- s.receiveSafely(m)
		case <-s.done:
			return
		}
	}
}

// receiveSafely keeps a panic, which the server may know how to survive, for the
// goroutine that it belongs to.
func (s *Stream) receiveSafely(m any) (r received) {
	defer func() { r.panicked = recover() }()
	return received{err: s.receive(m)}
}

// Expired returns the refusal if the token has expired, so that nothing more may be
// sent, and nil otherwise. It asks the clock, too: timers stand still while a
// machine is suspended.
func (s *Stream) Expired() *Refusal {
	if s.timer == nil {
		return nil
	}
	if !time.Now().Before(s.until) {
		s.expire()
	}
	select {
	case <-s.done:
		return s.refusal
	default:
		return nil
	}
}

func (s *Stream) expire() {
	s.over.Do(func() {
		s.refusal = s.call.auth.refuseCaller(expired())
		s.cancel(expired())
		close(s.done)
	})
}

// expired returns a new error each time: whoever gets one may change it.
func expired() *verifier.AuthError {
	return &verifier.AuthError{
		Code:    verifier.CodeTokenExpired,
		Message: "the token expired while the stream was open",
	}
}

// End ends the stream after its handler has returned. It returns the refusal to
// write if the token expired before, and nil otherwise. It must be called once.
func (s *Stream) End() *Refusal {
	if s.timer == nil {
		return nil
	}
	s.timer.Stop()
	s.over.Do(func() {
		s.cancel(nil)
		close(s.done)
	})
	if s.refusal != nil {
		decision := s.call.decision
		decision.Code, decision.Err, decision.Expired = s.refusal.Code, expired(), true
		s.call.end(s.ctx, decision)
	}
	return s.refusal
}

// newMessage returns a message to receive into in place of m: an empty one of m's
// type or, for types that are no protobuf, a shallow copy, since a codec may need what
// is in it. It is m itself when that is no pointer to a message.
func newMessage(m any) any {
	if message, ok := m.(proto.Message); ok {
		if fresh := message.ProtoReflect().New().Interface(); isSameType(fresh, m) {
			return fresh
		}
	}
	value := reflect.ValueOf(m)
	if value.Kind() != reflect.Pointer || value.IsNil() {
		return m
	}
	fresh := reflect.New(value.Type().Elem())
	fresh.Elem().Set(value.Elem())
	return fresh.Interface()
}

// isSameType is false for a type that merely embeds a message.
func isSameType(a, b any) bool { return reflect.TypeOf(a) == reflect.TypeOf(b) }

// moveMessage replaces dst's content by that of src, which newMessage made for it and
// which is not used again.
func moveMessage(dst, src any) {
	message, ok := dst.(proto.Message)
	if ok && isSameType(message.ProtoReflect().Interface(), dst) {
		proto.Reset(message)
		proto.Merge(message, src.(proto.Message)) //nolint:errcheck,forcetypeassert // newMessage made it
		return
	}
	if value := reflect.ValueOf(dst); value.Kind() == reflect.Pointer && !value.IsNil() {
		value.Elem().Set(reflect.ValueOf(src).Elem())
	}
}
