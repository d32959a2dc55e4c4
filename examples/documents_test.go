// Package examples_test holds the documents to the code: what they quote is compiled, what
// they link to exists, and the map of files is whole.
package examples_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestSnippetsInDocumentsAreCompiledCode(t *testing.T) {
	documents := documents(t)
	for _, language := range []string{"go", "proto", "js"} {
		sources := sources(t, language)
		count := 0
		for name, text := range documents {
			blocks := strings.Split(text, "```"+language+"\n")
			for _, block := range blocks[1:] {
				count++
				snippet, _, _ := strings.Cut(block, "```")
				if !anyContains(sources, unindented(snippet)) {
					t.Errorf("%s: no .%s file holds this snippet:\n%s", name, language, snippet)
				}
			}
		}
		if count == 0 {
			t.Errorf("no document has snippets of .%s files", language)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksInDocumentsLeadToFiles(t *testing.T) {
	count := 0
	for name, text := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(match[1], "#") // a heading in a file
			if strings.Contains(target, "://") {
				continue
			}
			count++
			if _, err := os.Stat(filepath.Join("..", path.Dir(name), target)); err != nil {
				t.Errorf("%s links to %s: %v", name, target, err)
			}
		}
	}
	if count == 0 {
		t.Error("no document links to a file")
	}
}

var (
	mappedPackage = regexp.MustCompile("(?m)^### `(.+)`$")
	mappedFile    = regexp.MustCompile("(?m)^- `(.+)`: ")
)

func TestContributingMapsEveryFile(t *testing.T) {
	text := documents(t)["CONTRIBUTING.md"]
	sections := mappedPackage.FindAllStringSubmatchIndex(text, -1)
	mapped := make(map[string]bool)
	for i, section := range sections {
		end := strings.Index(text, "\n## Where tests stand")
		if i+1 < len(sections) {
			end = sections[i+1][0]
		}
		dir := text[section[2]:section[3]]
		mapped[dir] = true
		var files []string
		for _, match := range mappedFile.FindAllStringSubmatch(text[section[1]:end], -1) {
			files = append(files, match[1])
		}
		slices.Sort(files)
		if want := goFiles(t, dir); !slices.Equal(files, want) {
			t.Errorf("%s: the map has %q, the folder %q", dir, files, want)
		}
	}
	for _, dir := range libraryFolders(t) {
		if !mapped[dir] {
			t.Errorf("the map lacks %s", dir)
		}
	}
}

// documents returns the text of all Markdown files, by their path from the root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	walk(t, func(name string) {
		if path.Ext(name) == ".md" {
			found[name] = read(t, name)
		}
	})
	return found
}

func sources(t *testing.T, language string) (found []string) {
	t.Helper()
	walk(t, func(name string) {
		if path.Ext(name) == "."+language {
			found = append(found, unindented(read(t, name)))
		}
	})
	return found
}

// goFiles returns the names of the Go files in a folder, without tests.
func goFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("..", dir))
	if err != nil {
		t.Error(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go") {
			names = append(names, name)
		}
	}
	return names
}

// libraryFolders returns the folders with code that users of the library run, except
// generated code.
func libraryFolders(t *testing.T) (dirs []string) {
	t.Helper()
	scaffolding := regexp.MustCompile(
		`^(examples|internal/(bench|clients|conformance|connectconformance|e2e|house|issuers|messages|mutants|natsbus|netfaults|ports|redistest|revocations|storm|telemetry|wire))(/|$)|/policyv1$|^grpcauth/gatewayauth/internal/`)
	walk(t, func(name string) {
		dir := path.Dir(name)
		if path.Ext(name) == ".go" && !scaffolding.MatchString(dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	})
	return dirs
}

func walk(t *testing.T, visit func(name string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(".."), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case !entry.IsDir():
			visit(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func anyContains(sources []string, snippet string) bool {
	return slices.ContainsFunc(sources, func(source string) bool { return strings.Contains(source, snippet) })
}

// unindented drops the indentation of each line, in which a snippet may differ.
func unindented(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimLeft(line, "\t "))
	}
	return b.String()
}
