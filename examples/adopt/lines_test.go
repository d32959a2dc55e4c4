// Package adopt_test counts the lines that security adds, by comparing the programs open and
// secured.
package adopt_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table into README.md")

// A piece is a part of a service, and the lines that security adds to it.
type piece struct {
	name   string
	where  string // matches "FILE DECLARATION PARAGRAPH: LINE"; the first piece that matches has a line
	target int    // 0: none
}

var pieces = []piece{
	{"grpc-gateway in front", `^grpc\.go newGateway `, 3},
	{"a plain HTTP handler", `^web\.go newWebHandler .*/hello|^app\.go policy .*/greet\.http/Hello`, 3},
	{"metrics and span attributes", `^app\.go newApp // Metrics`, 5},
	{"a client for its own calls", `^client\.go `, 4},
	{"browsers", `^connect\.go allowBrowsers `, 2},
	{"an MCP server", `^web\.go new.*(tools\b|Stateless)|^app\.go (policy .*http/Tools|newApp // MCP|app .*tools)`, 0},
	{"handlers that know their caller", `^greeter\.go greeting |^web\.go newTools `, 0},
	{"the server itself, gRPC and Connect", `^(app\.go|grpc\.go newGRPCServer|connect\.go newConnectHandler) `, 24},
}

// The targets are from before this was written. A line that only moved counts as nothing, and
// one that has changed counts as one.
func TestSecurityAddsFewLines(t *testing.T) {
	table := "| piece | lines new or changed | the most we wanted |\n|---|---|---|\n"
	counts := make([]int, len(pieces))
	for _, line := range addedLines(t) {
		i := slices.IndexFunc(pieces, func(p piece) bool { return regexp.MustCompile(p.where).MatchString(line) })
		if i < 0 {
			t.Fatalf("no piece has this line: %s", line)
		}
		counts[i]++
		t.Logf("%s | %s", pieces[i].name, line)
	}
	for i, p := range pieces {
		target := "–"
		if p.target > 0 {
			target = fmt.Sprint(p.target)
			if counts[i] > p.target {
				t.Errorf("%s takes %d lines, more than %d", p.name, counts[i], p.target)
			}
		}
		table += fmt.Sprintf("| %s | %d | %s |\n", p.name, counts[i], target)
	}
	// The lines in the function, in place of those that call verifier.New.
	cluster, issuer := len(code(t, "secured/kubernetes.go"))-2, 4
	if got := cluster - issuer; got > 3 {
		t.Errorf("a cluster as the issuer takes %d lines more", got)
	}
	table += fmt.Sprintf("| a Kubernetes cluster in place of an issuer | %d instead of %d | 3 more |\n", cluster, issuer)
	compare(t, table)
}

func compare(t *testing.T, table string) {
	t.Helper()
	const begin, end = "<!-- lines -->\n", "<!-- end of lines -->\n"
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(page), begin)
	_, after, ok := strings.Cut(rest, end)
	want := before + begin + "\n" + table + "\n" + end + after
	switch {
	case !ok:
		t.Fatal("README.md has no place for the table")
	case *update:
		if err := os.WriteFile("README.md", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	case want != string(page):
		t.Errorf("README.md differs from this table. Write it with -update:\n%s", table)
	}
}

// addedLines returns the lines of secured that open lacks, file by file, without those of
// kubernetes.go, which is no part of the program.
func addedLines(t *testing.T) (added []string) {
	t.Helper()
	files, err := filepath.Glob("secured/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasSuffix(name, "_test.go") || name == "kubernetes.go" {
			continue
		}
		for _, line := range missing(code(t, file), code(t, filepath.Join("open", name))) {
			added = append(added, name+" "+line.where+": "+line.text)
		}
	}
	return added
}

// A line has its text, without the spaces with which gofmt lines it up.
type line struct{ where, text string }

var (
	opening = regexp.MustCompile(`^(?:func (?:\([^)]*\) )?|var |type )(\w+)`)
	spaces  = regexp.MustCompile(`\s+`)
)

// code returns the lines of a file that aren't blank, a comment or an import. Each one knows its
// declaration, and the comment at the head of its paragraph.
func code(t *testing.T, file string) (lines []line) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := strings.Cut(string(text), "\nimport ")
	if !ok {
		t.Fatalf("%s has no imports", file)
	}
	if strings.HasPrefix(body, "(") {
		_, body, _ = strings.Cut(body, "\n)\n")
	} else {
		_, body, _ = strings.Cut(body, "\n")
	}
	var declaration, paragraph string
	for text := range strings.Lines(body) {
		trimmed := strings.TrimSpace(text)
		if match := opening.FindStringSubmatch(text); match != nil {
			declaration, paragraph = match[1], ""
		}
		switch {
		case trimmed == "":
			paragraph = ""
		case strings.HasPrefix(trimmed, "//"):
			paragraph = trimmed
		default:
			lines = append(lines, line{declaration + " " + paragraph, spaces.ReplaceAllString(trimmed, " ")})
		}
	}
	return lines
}

// missing returns the lines of a that aren't in a longest common subsequence with b.
func missing(a, b []line) (lines []line) {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i, of := range slices.Backward(a) {
		for j, other := range slices.Backward(b) {
			if of.text == other.text {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a); {
		switch {
		case j < len(b) && a[i].text == b[j].text:
			i, j = i+1, j+1
		case j < len(b) && common[i][j+1] >= common[i+1][j]:
			j++
		default:
			lines = append(lines, a[i])
			i++
		}
	}
	return lines
}
