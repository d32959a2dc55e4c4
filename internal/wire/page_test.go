package wire_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

var update = flag.Bool("update", false, "write the tables into docs/outcomes.md")

const outcomesPage = "../../docs/outcomes.md"

// The page shows the tables that the other tests go by, so they have seen all of it.
func TestOutcomesPageShowsWhatTheTestsGoBy(t *testing.T) {
	raw, err := os.ReadFile(outcomesPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	for name, table := range map[string]string{"outcomes": outcomesTable(t), "paths": pathsTable()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end -->"
		table = "\n" + table + "\n"
		before, rest, ok := strings.Cut(page, begin)
		old, after, ended := strings.Cut(rest, end)
		switch {
		case !ok || !ended:
			t.Errorf("the page has no table %q", name)
		case *update:
			page = before + begin + table + end + after
		case old != table:
			t.Errorf("the table %q differs; run go test ./internal/wire -run Page -update. Want\n%s", name, table)
		}
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(outcomesPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func outcomesTable(t *testing.T) string {
	t.Helper()
	_, tokens := newAuth(t)
	all := outcomes(t, tokens)
	ended := expired
	ended.name, ended.status = "a stream whose token expires", http.StatusOK
	cut := revoked(nil)
	cut.name, cut.status = "a stream whose token is revoked", http.StatusOK
	late := notAllowed()
	late.name = "a handler that refuses its caller"
	var table strings.Builder
	table.WriteString("| a call with | code | HTTP | `ErrorInfo.reason` | challenge |\n|---|---|---|---|---|\n")
	for _, o := range append(all, stale(), ended, cut, late) {
		reason, challenge := "none", "none"
		if o.reason != "" {
			reason = "`" + o.reason + "`"
		}
		if o.challenge != "" {
			challenge = "`" + o.challenge + "`"
		}
		if o.retry {
			reason += ", and a `RetryInfo`"
		}
		fmt.Fprintf(&table, "| %s | `%s` | %d | %s | %s |\n", o.name, nameOf(o.code), o.status, reason, challenge)
	}
	return table.String()
}

func nameOf(code codes.Code) string {
	if code == codes.OK {
		return "ok"
	}
	return interceptor.Code(code).String()
}

func pathsTable() string {
	var table strings.Builder
	table.WriteString("| path | kinds | challenge, nothing sent | challenge, something sent |\n|---|---|---|---|\n")
	for _, p := range paths() {
		kinds := "all four"
		if len(p.kinds) != len(allKinds) {
			kinds = "no bidi stream"
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", p.name, kinds, p.unsent, p.sent)
	}
	return table.String()
}
