package wire_test

import (
	"bytes"
	"io"
	"log"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc/grpclog"
)

// grpcLog has the warnings and errors of grpc-go's servers. There is one logger for
// all of a process.
var grpcLog logbook

// processLog has what anybody writes by package log or log/slog without being told
// where to.
var processLog logbook

func TestMain(m *testing.M) {
	log.SetOutput(&processLog) // slog's default writes there, too
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, serverLines{&grpcLog}, io.Discard))
	goleak.VerifyTestMain(m)
}

// serverLines drops what grpc-go's clients log: they find our longest tokens long.
type serverLines struct{ next io.Writer }

func (s serverLines) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("[client-transport")) {
		return len(line), nil
	}
	return s.next.Write(line)
}
