package client

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// An Attempt is a framework's stream, as far as a [Stream] needs it. For adapters.
type Attempt interface {
	Send(m any) error // nil only opens the stream
	CloseSend() error
	Receive(m any) error
	Learn(isEnd bool) // passes on what a response brings for the next proofs, after its end or before
	Close()           // abandons the attempt, if the framework needs to be told
}

// A Stream is a client's stream that begins again if the server refuses its token, or wants a nonce
// in its proof. It does so at most once for each, and only if nothing was received and no more than
// one message sent. That message is held until the first response, and must not change before. For
// adapters.
//
// Send and Receive may run at the same time, and Close at any time.
type Stream[A Attempt] struct {
	tokens     *Source
	credential *Credential // as the latest attempt was begun with
	done       tries
	begin      func(ctx context.Context, c *Credential) (A, error)
	refusal    func(A, error) *Refusal

	isSettled atomic.Bool // its attempt stays: it never begins again
	isAgain   atomic.Bool // no further attempt has been accepted yet

	mu      sync.Mutex
	attempt A
	isOver  bool

	sending sync.Mutex // held while it sends, and while it begins again
	isOpen  bool
	sent    int
	first   any // the first message
	closed  bool
}

// NewStream returns a Stream with its first attempt, which was begun with the given credential.
// The function begin opens another attempt, and refusal reads what an attempt's Receive returns:
// it returns nil if the server hasn't refused the call.
func NewStream[A Attempt](
	tokens *Source, c *Credential, first A,
	begin func(context.Context, *Credential) (A, error), refusal func(A, error) *Refusal,
) *Stream[A] {
	return &Stream[A]{tokens: tokens, credential: c, attempt: first, begin: begin, refusal: refusal}
}

// Attempt returns the current attempt.
func (s *Stream[A]) Attempt() A {
	if s.isSettled.Load() {
		return s.attempt
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempt
}

// Settle returns the current attempt and keeps the stream from beginning again: call it when the
// user looks at the response.
func (s *Stream[A]) Settle() A {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isSettled.Store(true)
	return s.attempt
}

// Send sends a message, or opens the stream if m is nil.
func (s *Stream[A]) Send(m any) error {
	if s.isSettled.Load() {
		return s.attempt.Send(m)
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	s.isOpen = true
	if m != nil {
		s.sent++
		s.first = m
	}
	if s.sent > 1 {
		s.first = nil
	}
	err := s.Attempt().Send(m)
	if s.sent <= 1 && errors.Is(err, io.EOF) {
		return nil // Receive says why, or sends it again
	}
	return err
}

// CloseSend ends the sending side.
func (s *Stream[A]) CloseSend() error {
	if s.isSettled.Load() {
		return s.attempt.CloseSend()
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	s.isOpen, s.closed = true, true
	return s.Attempt().CloseSend()
}

// Close returns the attempt for the adapter to close. No other begins.
func (s *Stream[A]) Close() A {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isOver = true
	return s.attempt
}

// Receive receives a message. If the server has refused the call, it returns both the refusal and
// the attempt's error.
func (s *Stream[A]) Receive(ctx context.Context, m any) (*Refusal, error) {
	attempt := s.Attempt()
	err := attempt.Receive(m)
	if err == nil || errors.Is(err, io.EOF) {
		s.noteSuccess(attempt, err)
		return nil, err
	}
	refusal := s.refusal(attempt, err)
	if refusal == nil || s.isSettled.Load() || !s.beginAgain(ctx, refusal) {
		return refusal, err
	}
	return s.Receive(ctx, m)
}

// noteSuccess pays for what was received: a message, or the end.
func (s *Stream[A]) noteSuccess(attempt A, err error) {
	isFirst := !s.isSettled.Load()
	if isFirst || err != nil {
		attempt.Learn(err != nil)
	}
	switch {
	case s.isAgain.Load() && s.isAgain.CompareAndSwap(true, false):
		s.tokens.retries.refill(s.done.cost())
	case isFirst:
		s.tokens.retries.refill(1)
	}
	if isFirst {
		s.Settle()
	}
}

// beginAgain reports whether a new attempt stands where the refused one did.
func (s *Stream[A]) beginAgain(ctx context.Context, refusal *Refusal) bool {
	if !s.canBeginAgain() { // don't ask for a token in vain
		return false
	}
	credential := s.tokens.again(ctx, s.credential, refusal, &s.done)
	if credential == nil {
		return false
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	if s.sent > 1 {
		return false
	}
	s.Attempt().Close()
	attempt, err := s.begin(ctx, credential)
	if err != nil || !s.replace(attempt) {
		return false
	}
	s.credential = credential
	// An error here is for Receive to find.
	if s.isOpen {
		_ = attempt.Send(s.first)
	}
	if s.closed {
		_ = attempt.CloseSend()
	}
	return true
}

func (s *Stream[A]) canBeginAgain() bool {
	s.sending.Lock()
	defer s.sending.Unlock()
	return s.sent <= 1
}

// replace puts another attempt in place, unless the user has closed the stream or looked at it.
func (s *Stream[A]) replace(attempt A) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isOver || s.isSettled.Load() {
		attempt.Close()
		return false
	}
	s.attempt = attempt
	s.isAgain.Store(true)
	return true
}
