package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A mutant takes one rule away: it edits one declaration.
type mutant struct {
	name string
	home home
	decl string // a function, a constant, a variable, or a method as Type.name
	edit edit
}

// A home is a package, and the packages whose tests should notice what's missing there:
// the quickest first.
type home struct {
	dir   string
	tests []string
}

// Most mutants need no long test, and a few meet theirs only by chance.
var (
	short = []string{"-test.short", "-test.timeout=1m"}
	long  = []string{"-test.count=2", "-test.timeout=5m"}
)

// try returns the first test that fails under the mutant.
func (m mutant) try(ctx context.Context) (killer string, err error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	overlay, err := m.overlay(dir)
	if err != nil {
		return "", err
	}
	for _, effort := range [][]string{short, long} {
		for n, pkg := range m.home.tests {
			binary := filepath.Join(dir, fmt.Sprint(n, ".test"))
			if _, err := os.Stat(binary); err != nil {
				if err := compile(ctx, pkg, binary, "-overlay", overlay); err != nil {
					return "", err
				}
			}
			killer, err := run(ctx, pkg, binary, effort)
			if killer != "" || err != nil {
				return killer, err
			}
		}
	}
	return "", errors.New("it survived")
}

// checkPackage returns an error if a test fails without any mutant.
func checkPackage(ctx context.Context, pkg string) error {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "all.test")
	if err := compile(ctx, pkg, binary); err != nil {
		return err
	}
	killer, err := run(ctx, pkg, binary, short)
	if err == nil && killer != "" {
		err = fmt.Errorf("%s fails without any mutant: %s", pkg, killer)
	}
	return err
}

// overlay writes the edited file, and a description of where it belongs.
func (m mutant) overlay(dir string) (string, error) {
	s, err := load(m.home.dir)
	if err != nil {
		return "", err
	}
	path, text, err := m.edit.apply(s, m.decl)
	if err != nil {
		return "", err
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", err
	}
	edited := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(edited, []byte(text), 0o600); err != nil {
		return "", err
	}
	description, err := json.Marshal(map[string]map[string]string{"Replace": {path: edited}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, description, 0o600)
}

func compile(ctx context.Context, pkg, binary string, flags ...string) error {
	args := append([]string{"test", "-c", "-vet=off", "-o", binary}, flags...)
	output, err := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("it does not compile:\n%s", output)
	}
	return nil
}

var failed = regexp.MustCompile(`--- FAIL: (\S+)|(panic: .*)|(fatal error: .*)|(goleak): `)

// run returns the first test that fails, and "" if none does. It ends the others, since
// -failfast lets parallel tests go on.
func run(ctx context.Context, pkg, binary string, flags []string) (killer string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	command := exec.CommandContext(ctx, binary, append(flags, "-test.failfast")...)
	command.Dir = pkg
	output, err := command.StdoutPipe()
	if err != nil {
		return "", err
	}
	command.Stderr = command.Stdout
	if err := command.Start(); err != nil {
		return "", err
	}
	var text strings.Builder
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 16<<20) // a test may quote what is too long
	for killer == "" && lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if match := failed.FindStringSubmatch(lines.Text()); match != nil {
			killer = strings.Join(match[1:], "")
			cancel()
		}
	}
	if err := command.Wait(); err != nil && killer == "" {
		return "", fmt.Errorf("no test failed: %w\n%s", err, text.String())
	}
	return killer, nil
}
