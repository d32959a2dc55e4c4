package main

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A source is one package's Go code, without its tests.
type source struct {
	dir   string
	fset  *token.FileSet
	files map[string]*file // by path
	decls map[string]*declaration
}

type file struct {
	path string
	text string
	tree *ast.File
}

// A declaration is a function, a method (Type.name), a type, a constant or a variable.
type declaration struct {
	name string
	file *file
	node ast.Node
}

// load parses the files that the build would use.
func load(dir string) (*source, error) {
	pkg, err := build.ImportDir(dir, 0)
	if err != nil {
		return nil, err
	}
	s := &source{dir: dir, fset: token.NewFileSet(), files: map[string]*file{}, decls: map[string]*declaration{}}
	for _, name := range pkg.GoFiles {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		tree, err := parser.ParseFile(s.fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		f := &file{path: path, text: string(text), tree: tree}
		s.files[path] = f
		for name, node := range declared(tree) {
			s.decls[name] = &declaration{name: name, file: f, node: node}
		}
	}
	return s, nil
}

// declared returns what a file declares, by name.
func declared(tree *ast.File) map[string]ast.Node {
	decls := make(map[string]ast.Node)
	for _, decl := range tree.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			name := decl.Name.Name
			if decl.Recv != nil {
				name = receiver(decl.Recv.List[0].Type) + "." + name
			}
			decls[name] = decl
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					decls[spec.Name.Name] = spec
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						decls[name.Name] = spec
					}
				}
			}
		}
	}
	return decls
}

// receiver returns a type's name, without * and type parameters.
func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	default:
		return ""
	}
}

// A span is a piece in a file. Its form is its tokens, without comments and layout.
type span struct {
	start, end int
	code, form string
}

// textOf returns the span between two positions.
func (s *source) textOf(f *file, from, to token.Pos) span {
	start, end := s.fset.Position(from).Offset, s.fset.Position(to).Offset
	code := f.text[start:end]
	return span{start, end, code, form(code)}
}

// parts returns the expressions and statements within a node, outermost first, each
// piece once. What is assigned to or declared is left out.
func (s *source) parts(f *file, within ast.Node) []span {
	var spans []span
	var visit func(ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n.(type) {
		case ast.Expr, ast.Stmt:
			part := s.textOf(f, n.Pos(), n.End())
			if !slices.Contains(spans, part) {
				spans = append(spans, part)
			}
		}
		var values []ast.Expr
		switch n := n.(type) {
		case *ast.AssignStmt:
			values = n.Rhs
		case *ast.ValueSpec:
			values = n.Values
		default:
			return true
		}
		for _, value := range values {
			ast.Inspect(value, visit)
		}
		return false
	}
	ast.Inspect(within, visit)
	return spans
}

// A block is a statement or function literal with a body. Its head is what precedes it.
type block struct {
	node ast.Node
	head span
}

func (s *source) blocks(f *file, within ast.Node) []block {
	var blocks []block
	ast.Inspect(within, func(n ast.Node) bool {
		var body token.Pos
		switch n := n.(type) {
		case *ast.IfStmt:
			body = n.Body.Pos()
		case *ast.ForStmt:
			body = n.Body.Pos()
		case *ast.RangeStmt:
			body = n.Body.Pos()
		case *ast.SwitchStmt:
			body = n.Body.Pos()
		case *ast.TypeSwitchStmt:
			body = n.Body.Pos()
		case *ast.FuncLit:
			body = n.Body.Pos()
		case *ast.CaseClause:
			body = n.Colon
		case *ast.CommClause:
			body = n.Colon
		default:
			return true
		}
		blocks = append(blocks, block{n, s.textOf(f, n.Pos(), body)})
		return true
	})
	return blocks
}

// form returns the tokens in code, with one space between them. It leaves out comments,
// line breaks, and a comma that ends a list.
func form(text string) string {
	var s scanner.Scanner
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", fset.Base(), len(text)), []byte(text), func(token.Position, string) {}, 0)
	var tokens []string
	for {
		_, tok, literal := s.Scan()
		if n := len(tokens); n > 0 && isCloser(tok) && (tokens[n-1] == "," || tokens[n-1] == ";") {
			tokens = tokens[:n-1]
		}
		switch {
		case tok == token.EOF:
			return strings.Join(tokens, " ")
		case tok == token.SEMICOLON:
			tokens = append(tokens, ";")
		case literal != "":
			tokens = append(tokens, literal)
		default:
			tokens = append(tokens, tok.String())
		}
	}
}

func isCloser(tok token.Token) bool {
	return tok == token.RPAREN || tok == token.RBRACK || tok == token.RBRACE || tok == token.EOF
}
