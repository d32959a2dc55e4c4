package main

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A mutant that no longer applies is noticed here, long before all of them are tried.
func TestEveryMutantApplies(t *testing.T) {
	t.Chdir("../..")
	checker := newChecker(t)
	sources := make(map[string]*source)
	names := make(map[string]bool)
	for _, m := range slices.Concat(rules, lesserRules) {
		if names[m.name] {
			t.Errorf("two mutants are named %q", m.name)
		}
		names[m.name] = true
		if sources[m.home.dir] == nil {
			s, err := load(m.home.dir)
			if err != nil {
				t.Fatal(err)
			}
			sources[m.home.dir] = s
		}
		path, text, err := m.edit.apply(sources[m.home.dir], m.decl)
		if err == nil {
			err = checker.check(sources[m.home.dir], path, text)
		}
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

// A checker knows the types that our packages import.
type checker struct{ imports types.Importer }

// newChecker reads what the compiler has exported. With -short it only checks the
// syntax.
func newChecker(t *testing.T) *checker {
	t.Helper()
	if testing.Short() {
		return &checker{}
	}
	output, err := exec.Command("go", "list", "-e", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := make(map[string]string)
	for line := range strings.Lines(string(output)) {
		path, export, _ := strings.Cut(strings.TrimSpace(line), " ")
		exports[path] = export
	}
	lookUp := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	return &checker{importer.ForCompiler(token.NewFileSet(), "gc", lookUp)}
}

// check returns an error if the package doesn't compile with a file's new text.
func (c *checker) check(s *source, path, text string) error {
	changed, err := parser.ParseFile(s.fset, path, text, parser.SkipObjectResolution)
	if err != nil || c.imports == nil {
		return err
	}
	files := []*ast.File{changed}
	for _, f := range s.files {
		if f.path != path {
			files = append(files, f.tree)
		}
	}
	config := types.Config{Importer: c.imports}
	_, err = config.Check(s.dir, s.fset, files, nil)
	return err
}

func TestEditsIgnoreLayout(t *testing.T) {
	for _, tt := range []struct{ name, code string }{
		{"one line", `func f(a, b int) bool { if a > b && b > 0 { return true }; return false }`},
		{"comments", "func f(a, b int) bool {\n\tif a > b && // why\n\t\tb > 0 {\n\t\treturn true /* yes */\n\t}\n\treturn false\n}"},
		{"a trailing comma", "func f(\n\ta,\n\tb int,\n) bool {\n\tif a > b &&\n\t\tb > 0 {\n\t\treturn true\n\t}\n\treturn false\n}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := parse(t, tt.code)
			for _, e := range []struct {
				edit edit
				want string
			}{
				{never(`b > 0`), "(false && (b > 0))"},
				{always(`a > b`), "(true || (a > b))"},
				{become(`return true`, `return !true`), "return !true"},
				{skip(`return true`), "if false { return true }"},
				{in(`if a > b && b > 0`, become(`true`, `false`)), "return false"},
			} {
				_, text, err := e.edit.apply(s, "f")
				if err != nil || !strings.Contains(form(text), form(e.want)) {
					t.Errorf("got %v:\n%s\nwant `%s` in it", err, text, e.want)
				}
			}
		})
	}
}

func TestErrorsSayWhereThePieceIs(t *testing.T) {
	s := parse(t, "func f(a int) bool { return a > 1 }\nfunc (t *T) g(a int) bool { return a > 2 || a > 2 }\ntype T struct{}")
	for _, tt := range []struct {
		decl string
		edit edit
		want string
	}{
		{"f", never(`a > 2`), "it stands in T.g"},
		{"f", never(`a > 3`), "perhaps `a > 1`"},
		{"h", never(`a > 1`), "declares no h; it stands in f"},
		{"T.g", never(`a > 2`), "2 times"},
		{"f", in(`if a > 1`, never(`a > 1`)), "0 blocks begin with `if a > 1`"},
	} {
		if _, _, err := tt.edit.apply(s, tt.decl); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error = %v, want one that says %q", err, tt.want)
		}
	}
}

func parse(t *testing.T, code string) *source {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/f.go", fmt.Append(nil, "package p\n", code, "\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
