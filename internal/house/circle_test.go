package house_test

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"testing"
)

var packages = []string{
	"verifier", "verifier/verifiertest", "verifier/introspection", "verifier/kubernetes", "verifier/dpop", "verifier/revocation",
	"verifier/revocation/redisbus", "verifier/revocation/feed", "verifier/dpop/redisreplays",
	"interceptor", "interceptor/client", "interceptor/schema", "interceptor/httpauth", "interceptor/otelauth",
	"interceptor/policyfile", "grpcauth", "grpcauth/gatewayauth", "connectauth", "connectauth/v2",
	"internal/earlyhttp",
	"internal/refresh", "internal/jwks", "internal/jws", "internal/strictjson", "internal/field",
	"internal/tokencache", "internal/clientcert", "internal/kept",
}

func TestNoPackageHasACircleOfFiles(t *testing.T) {
	for _, path := range packages {
		uses := usesOf(t, filepath.Join("..", "..", path))
		if len(uses) == 0 {
			t.Errorf("%s has no files", path)
		}
		if circle := circleIn(uses); circle != nil {
			t.Errorf("%s has a circle of files: %v", path, circle)
		}
	}
}

func TestCirclesAreFound(t *testing.T) {
	for _, test := range []struct {
		uses map[string][]string
		want bool
	}{
		{map[string][]string{"a": {"b", "c"}, "b": {"c"}, "c": nil}, false},
		{map[string][]string{"a": {"b"}, "b": {"a"}}, true},
		{map[string][]string{"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": {"b"}}, true},
	} {
		if got := circleIn(test.uses); (got != nil) != test.want {
			t.Errorf("%v: circle %v, want one: %v", test.uses, got, test.want)
		}
	}
}

// usesOf returns which files of a package each of them uses.
func usesOf(t *testing.T, dir string) map[string][]string {
	t.Helper()
	built, err := build.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range built.GoFiles {
		file, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	// What other packages declare doesn't matter here, so they may be empty.
	config := types.Config{Importer: nothing{}, Error: func(error) {}}
	pkg, _ := config.Check(dir, fset, files, info)
	fileOf := func(pos token.Pos) string { return filepath.Base(fset.Position(pos).Filename) }
	uses := make(map[string]map[string]bool)
	for _, file := range files {
		uses[fileOf(file.Pos())] = make(map[string]bool)
	}
	for ident, object := range info.Uses {
		if variable, ok := object.(*types.Var); ok && variable.Parent() != pkg.Scope() && !variable.IsField() {
			continue // a local one
		}
		if object.Pkg() != pkg || !object.Pos().IsValid() {
			continue
		}
		if from, to := fileOf(ident.Pos()), fileOf(object.Pos()); from != to {
			uses[from][to] = true
		}
	}
	sorted := make(map[string][]string)
	for from, to := range uses {
		sorted[from] = slices.Sorted(maps.Keys(to))
	}
	return sorted
}

type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	pkg := types.NewPackage(path, filepath.Base(path))
	pkg.MarkComplete()
	return pkg, nil
}

// circleIn returns the files that stand in circles or lead to one, or nil.
func circleIn(uses map[string][]string) []string {
	left := maps.Clone(uses)
	for {
		settled := 0
		for file, used := range left {
			if !slices.ContainsFunc(used, func(other string) bool { _, ok := left[other]; return ok }) {
				delete(left, file)
				settled++
			}
		}
		if settled == 0 {
			break
		}
	}
	if len(left) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(left))
}
