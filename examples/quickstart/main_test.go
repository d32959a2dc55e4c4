package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect"
	"go.uber.org/goleak"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newTable is what a run shows if all is as promised.
func newTable() table {
	t := table{calls: calls(verifiertest.NewIssuer())}
	for _, column := range [][2]string{
		{"grpc-go", "gRPC"}, {"connect v2", "gRPC"}, {"connect v2", "gRPC-Web"}, {"connect v2", "Connect"},
		{"connect v1", "gRPC"}, {"connect v1", "gRPC-Web"}, {"connect v1", "Connect"},
	} {
		t.clients = append(t.clients, &client{server: column[0], protocol: column[1]})
	}
	for _, call := range t.calls {
		row := make([]answer, len(t.clients))
		for i := range row {
			row[i].outcome = call.promised
		}
		t.answers = append(t.answers, row)
	}
	return t
}

func text(t *testing.T, table table) (printed string, broken int) {
	t.Helper()
	var b strings.Builder
	broken = table.write(&b)
	return b.String(), broken
}

func TestTableFitsInto100ColumnsAndSaysEachChallengeOnce(t *testing.T) {
	t.Parallel()
	table := newTable()
	for _, row := range table.answers {
		row[1].onlyDetail = true
	}
	printed, broken := text(t, table)
	if broken != 0 || strings.Contains(printed, "\x1b") {
		t.Errorf("%d cells are broken, or coloured, in\n%s", broken, printed)
	}
	for line := range strings.Lines(printed) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 || strings.HasSuffix(line, " \n") {
			t.Errorf("%d columns, or a space at the end: %q", n, line)
		}
	}
	unfolded := strings.ReplaceAll(printed, ",\n       ", ", ")
	for _, call := range table.calls {
		if challenge := call.promised.challenge; challenge != "" && strings.Count(unfolded, "  "+challenge+"\n") != 1 {
			t.Errorf("%s isn't said once in\n%s", challenge, printed)
		}
		if !strings.Contains(printed, call.procedure+" ") || !strings.Contains(printed, call.sent+" ") {
			t.Errorf("%s with %s has no row", call.procedure, call.sent)
		}
	}
}

func TestTableIsColouredOnDemand(t *testing.T) {
	t.Parallel()
	table := newTable()
	table.colour = true
	if printed, _ := text(t, table); !strings.Contains(printed, "\x1b[32mok ") || !strings.Contains(printed, "\x1b[33mdenied ") {
		t.Errorf("there are no colours in\n%s", printed)
	}
}

func TestTableTellsOfABrokenPromise(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*table){
		"admitted":          func(t *table) { t.answers[5][2] = answer{} },
		"refused":           func(t *table) { t.answers[0][2].code = connect.CodeUnavailable },
		"another code":      func(t *table) { t.answers[5][2].code = connect.CodePermissionDenied },
		"another challenge": func(t *table) { t.answers[5][2].challenge = "" },
	} {
		table := newTable()
		change(&table)
		printed, broken := text(t, table)
		if broken != 1 || !strings.Contains(printed, "  !  connect v2 by gRPC-Web, Greet with ") {
			t.Errorf("%s: %d broken, in\n%s", name, broken, printed)
		}
	}
}

func TestOnlyATerminalHasColours(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isColourful(file) {
		t.Error("a file is coloured")
	}
	terminal, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, too
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	if info, err := terminal.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Skip("there is no character device")
	}
	if !isColourful(terminal) {
		t.Error("a terminal is not coloured")
	}
	t.Setenv("TERM", "dumb")
	if isColourful(terminal) {
		t.Error("a dumb terminal is coloured")
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	if isColourful(terminal) {
		t.Error("NO_COLOR isn't honoured")
	}
}

func TestEveryOutcomeIsAsPromised(t *testing.T) {
	if testing.Short() {
		t.Skip("a token has to expire")
	}
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), &out, false, nil); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); !strings.HasPrefix(lines[0], "Starting") ||
		!strings.HasPrefix(lines[len(lines)-1], "Try next: ") {
		t.Errorf("it begins and ends otherwise:\n%s", out.String())
	}
}

func TestInterruptionIsNoError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	if err := run(ctx, &out, false, []string{"-serve"}); err != nil || !strings.HasSuffix(out.String(), "\nGoodbye.\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestOnlyServeIsTaken(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), io.Discard, false, []string{"serve"}); err == nil || !strings.Contains(err.Error(), `"serve"`) {
		t.Errorf("an argument: %v", err)
	}
	if err := run(t.Context(), io.Discard, false, []string{"-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}
