package wire_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A service keeps account of its handlers, which play the scripts that calls name.
type service struct {
	ran    atomic.Int64  // handlers that were reached
	faults logbook       // what handlers saw and should not have seen
	reused chan struct{} // closed by a handler that has given a message away
	end    verifier.Code // why its streams end early; "" for an expiry
}

func (s *service) fault(format string, args ...any) {
	fmt.Fprintf(&s.faults, format+"\n", args...)
}

// A stream is what a script needs of the server's side of a stream, whatever its
// kind and framework.
type stream struct {
	receive     func() error              // nil in a server stream
	receiveInto func(proto.Message) error // of bidi streams only
	send        func() error              // nil in a client stream
	sendHeader  func() error              // sends the header without a message
	codeOf      func(error) codes.Code
	refuse      func(context.Context, error) error // the adapter's
	service     *service
}

// A script is what a handler does with its stream.
type script func(context.Context, stream) error

// Calls name a script in this header.
const scriptHeader = "Script"

const (
	answers              = "answers"
	waits                = "waits"
	waitsThenFails       = "waits, then fails"
	receives             = "receives"
	sends                = "sends"
	sendsThenWaits       = "sends, then waits"
	sendsThenReceives    = "sends, then receives"
	sendsHeaderThenWaits = "sends the header, then waits"
)

var scripts = map[string]script{
	answers:              inTurn(receiveOne, sendOne),
	waits:                untilExpiry,
	waitsThenFails:       inTurn(untilExpiry, fail),
	receives:             receiveUntilExpiry,
	sends:                sendUntilExpiry,
	sendsThenWaits:       inTurn(sendOne, untilExpiry),
	sendsThenReceives:    inTurn(sendOne, receiveUntilExpiry),
	sendsHeaderThenWaits: inTurn(sendHeader, untilExpiry),
	reuse:                reuseMessage,

	refuses:                refuse,
	refusesForAScope:       refuseForAScope,
	refusesForTheUser:      refuseForTheUser,
	receivesThenRefuses:    inTurn(receiveOne, refuse),
	sendsThenRefuses:       inTurn(sendOne, refuse),
	sendsHeaderThenRefuses: inTurn(sendHeader, refuse),
	returnsAnAuthError:     returnAnAuthError,
}

func (s *service) play(ctx context.Context, name string, stream stream) error {
	s.ran.Add(1)
	stream.service = s
	return scripts[name](ctx, stream)
}

func inTurn(steps ...script) script {
	return func(ctx context.Context, s stream) error {
		for _, step := range steps {
			if err := step(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}
}

func receiveOne(_ context.Context, s stream) error {
	if s.receive == nil {
		return nil
	}
	return s.receive()
}

func sendOne(_ context.Context, s stream) error {
	if s.send == nil {
		return nil
	}
	return s.send()
}

func sendHeader(_ context.Context, s stream) error { return s.sendHeader() }

// untilExpiry waits for the end of the token and returns nil, as a handler does
// that takes any end of its context for the caller's.
func untilExpiry(ctx context.Context, s stream) error {
	<-ctx.Done()
	cause := context.Cause(ctx)
	if _, ok := errors.AsType[*verifier.AuthError](cause); !ok || verifier.CodeOf(cause) != cmp.Or(s.service.end, verifier.CodeTokenExpired) {
		s.service.fault("the context's cause is %v", cause)
	}
	return nil
}

func fail(context.Context, stream) error { return errors.New("the handler's own error") }

// receiveUntilExpiry looks at nothing but its receives.
func receiveUntilExpiry(_ context.Context, s stream) error {
	for {
		if err := s.receive(); err != nil {
			s.checkExpired("a receive", err)
			return err
		}
	}
}

// sendUntilExpiry looks at nothing but its sends.
func sendUntilExpiry(_ context.Context, s stream) error {
	for {
		if err := s.send(); err != nil {
			s.checkExpired("a send", err)
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s stream) checkExpired(what string, err error) {
	if s.codeOf(err) != codes.Unauthenticated {
		s.service.fault("%s returned %v", what, err)
	}
}
