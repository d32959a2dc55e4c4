package wire_test

import (
	"bytes"
	"io"
	"log"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc/grpclog"
)

// grpcLog has the warnings and errors from grpc-go's servers. All servers in a process
// share one logger.
var grpcLog logbook

// processLog has everything that's written with the defaults of packages log and
// log/slog.
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
