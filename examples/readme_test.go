// Package examples_test holds README to code that is compiled and run.
package examples_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
)

func TestSnippetsOfREADMEAreCompiledCode(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	err = fs.WalkDir(os.DirFS(".."), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		source, err := os.ReadFile("../" + path)
		sources = append(sources, unindented(string(source)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	snippets := 0
	for i, block := range strings.Split(string(readme), "```go\n") {
		if i == 0 {
			continue
		}
		snippet, _, _ := strings.Cut(block, "```")
		snippets++
		if !anyContains(sources, unindented(snippet)) {
			t.Errorf("no Go file holds this snippet:\n%s", snippet)
		}
	}
	if snippets == 0 {
		t.Error("README has no snippets")
	}
}

func anyContains(sources []string, snippet string) bool {
	for _, source := range sources {
		if strings.Contains(source, snippet) {
			return true
		}
	}
	return false
}

// unindented drops the indentation of each line, in which a snippet may differ.
func unindented(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimLeft(line, "\t"))
	}
	return b.String()
}
