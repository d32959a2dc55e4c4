package wire_test

import (
	"context"
	"testing"
	"time"
)

// A kind of procedure, by the side that streams.
type kind string

const (
	unary        kind = "unary"
	serverStream kind = "server stream"
	clientStream kind = "client stream"
	bidiStream   kind = "bidi stream"
)

// A call is what a client is asked to do: send one message, and receive until the
// end.
type call struct {
	kind          kind
	authorization []string
	proofs        []string // in the dpop field
	script        string
	hold          bool // keep the client's side of the stream open meanwhile
}

// A client makes calls to one server over one protocol.
type client interface {
	do(ctx context.Context, call call) answer
}

// patience bounds each exchange, so that a hang fails the test. No call needs more than
// a hundredth of it, even on a busy machine.
const patience = time.Minute

// perform makes a call.
func perform(t *testing.T, c client, call call) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a := c.do(ctx, call)
	a.ended = time.Now()
	return a
}
