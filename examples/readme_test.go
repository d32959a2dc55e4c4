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
	for _, language := range []string{"go", "proto"} {
		sources := sourcesOf(t, language)
		blocks := strings.Split(string(readme), "```"+language+"\n")
		for _, block := range blocks[1:] {
			snippet, _, _ := strings.Cut(block, "```")
			if !anyContains(sources, unindented(snippet)) {
				t.Errorf("no .%s file holds this snippet:\n%s", language, snippet)
			}
		}
		if len(blocks) == 1 {
			t.Errorf("README has no snippets of .%s files", language)
		}
	}
}

func sourcesOf(t *testing.T, language string) (sources []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(".."), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "."+language) {
			return err
		}
		source, err := os.ReadFile("../" + path)
		sources = append(sources, unindented(string(source)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sources
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
		b.WriteString(strings.TrimLeft(line, "\t "))
	}
	return b.String()
}
