package main

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// An edit changes one piece in a declaration. You write the piece as Go code. It's found
// by its tokens, wherever it stands and however it's laid out.
type edit struct {
	within []string // the heads of the blocks around the piece, outermost first
	from   string
	change func(text string) string
}

// never makes a condition false, or an operand in one.
func never(condition string) edit {
	return edit{from: condition, change: func(text string) string { return "(false && (" + text + "))" }}
}

// always makes a condition true, or an operand in one.
func always(condition string) edit {
	return edit{from: condition, change: func(text string) string { return "(true || (" + text + "))" }}
}

// skip leaves a statement out. What it uses still counts as used.
func skip(statement string) edit {
	return edit{from: statement, change: func(text string) string { return "if false { " + text + " }" }}
}

// become replaces an expression or a statement by other code.
func become(from, to string) edit {
	return edit{from: from, change: func(string) string { return to }}
}

// in looks for the piece only in the block with this head, such as an if without its
// body. It tells pieces apart that read alike.
func in(head string, e edit) edit {
	e.within = slices.Concat([]string{head}, e.within)
	return e
}

// apply returns the path and the new text for the file that holds the declaration.
func (e edit) apply(s *source, name string) (path, text string, err error) {
	decl, ok := s.decls[name]
	if !ok {
		return "", "", fmt.Errorf("%s declares no %s%s", s.dir, name, e.elsewhere(s))
	}
	node := decl.node
	for _, head := range e.within {
		if node, err = s.block(decl.file, node, head); err != nil {
			return "", "", fmt.Errorf("%s: %w", name, err)
		}
	}
	want, found := form(e.from), []span(nil)
	parts := s.parts(decl.file, node)
	for _, part := range parts {
		if part.form == want {
			found = append(found, part)
		}
	}
	switch len(found) {
	case 1:
	case 0:
		return "", "", fmt.Errorf("%s holds no `%s`%s%s", name, e.from, like(want, parts), e.elsewhere(s))
	default:
		return "", "", fmt.Errorf("%s holds `%s` %d times: say in which block", name, e.from, len(found))
	}
	text, at := decl.file.text, found[0]
	return decl.file.path, text[:at.start] + e.change(at.code) + text[at.end:], nil
}

// block returns the only block with a head.
func (s *source) block(f *file, within ast.Node, head string) (ast.Node, error) {
	var found []ast.Node
	for _, b := range s.blocks(f, within) {
		if b.head.form == form(head) {
			found = append(found, b.node)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d blocks begin with `%s`", len(found), head)
	}
	return found[0], nil
}

// elsewhere says which other declarations hold the piece.
func (e edit) elsewhere(s *source) string {
	want, names := form(e.from), []string(nil)
	for name, decl := range s.decls {
		for _, part := range s.parts(decl.file, decl.node) {
			if part.form == want {
				names = append(names, name)
				break
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "; it stands in " + strings.Join(names, ", ")
}

// like suggests the pieces that share most tokens with what was wanted.
func like(want string, parts []span) string {
	words := strings.Fields(want)
	score := func(part span) (n int) {
		tokens := strings.Fields(part.form)
		for _, token := range tokens {
			if slices.Contains(words, token) {
				n += 2
			}
		}
		return n - len(tokens)
	}
	slices.SortStableFunc(parts, func(a, b span) int { return score(b) - score(a) })
	var text strings.Builder
	for _, part := range parts[:min(3, len(parts))] {
		fmt.Fprintf(&text, "\n\tperhaps `%s`", strings.Join(strings.Fields(part.code), " "))
	}
	return text.String()
}
