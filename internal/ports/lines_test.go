package ports_test

import (
	"go/scanner"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// The files that a user writes for a port.
var portFiles = map[string][]string{
	"openfga":   {"openfga/openfga.go"},
	"flipt":     {"flipt/flipt.go"},
	"netbird":   {"netbird/netbird.go"},
	"buildbarn": {"buildbarn/buildbarn.go"},
	"minder":    {"minder/minder.go"},
	"oidcauth":  {"oidcauth/oidcauth.go"},
}

var lineCount = regexp.MustCompile(`(?m)^\| ([a-z]+) \| \d+ \| (\d+) \|$`)

func TestPageCountsLinesOfCode(t *testing.T) {
	page, err := os.ReadFile("../../docs/ports.md")
	if err != nil {
		t.Fatal(err)
	}
	counts := lineCount.FindAllStringSubmatch(string(page), -1)
	if len(counts) != len(portFiles) {
		t.Errorf("the page counts %d ports, want %d", len(counts), len(portFiles))
	}
	for _, count := range counts {
		lines := 0
		for _, file := range portFiles[count[1]] {
			lines += linesOfCode(t, file)
		}
		if said, _ := strconv.Atoi(count[2]); said != lines {
			t.Errorf("%s: the page says %d lines, and there are %d", count[1], said, lines)
		}
	}
}

// linesOfCode counts lines on which a token begins, or a string goes on.
func linesOfCode(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var s scanner.Scanner
	file := token.NewFileSet().AddFile(name, -1, len(text))
	s.Init(file, text, nil, 0)
	lines := make(map[int]bool)
	for {
		at, found, literal := s.Scan()
		switch {
		case found == token.EOF:
			return len(lines)
		case found == token.SEMICOLON && literal == "\n": // which Go puts at a line's end
			continue
		}
		line := file.Line(at)
		lines[line] = true
		for _, c := range literal {
			if c == '\n' {
				line++
				lines[line] = true
			}
		}
	}
}
