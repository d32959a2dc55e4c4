package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A mutant replaces one piece of one file, and names the packages whose tests should
// see it.
type mutant struct {
	name     string
	file     string
	from, to string
	packages []string // the first to be asked first
}

// try returns the first test that fails under the mutant.
func (m mutant) try() (killer string, err error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	overlay, err := m.overlay(dir)
	if err != nil {
		return "", err
	}
	// Most need no long test, and a few meet theirs by chance only.
	for _, effort := range []string{"-short", "-count=2"} {
		for _, pkg := range m.packages {
			killer, err := killerIn(pkg, overlay, effort)
			if killer != "" || err != nil {
				return killer, err
			}
		}
	}
	return "", errors.New("it survived")
}

var failed = regexp.MustCompile(`--- FAIL: (\S+)|(panic: .*)|(fatal error: .*)`)

// killerIn returns the first test of a package that fails, and "" if none does.
func killerIn(pkg, overlay, effort string) (string, error) {
	output, err := exec.Command("go", "test", "-overlay", overlay, "-vet=off", "-failfast", effort,
		"-timeout", "3m", pkg).CombinedOutput()
	if err == nil {
		return "", nil
	}
	if strings.Contains(string(output), "[build failed]") || strings.Contains(string(output), "[setup failed]") {
		return "", fmt.Errorf("it does not compile:\n%s", output)
	}
	match := failed.FindStringSubmatch(string(output))
	if match == nil {
		return "", fmt.Errorf("no test failed:\n%s", output)
	}
	return strings.Join(match[1:], ""), nil
}

// overlay writes the mutated file and a description of where it belongs.
func (m mutant) overlay(dir string) (string, error) {
	path, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.from); n != 1 {
		return "", fmt.Errorf("%s holds %q %d times, want once", m.file, m.from, n)
	}
	mutated := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(mutated, []byte(strings.Replace(string(source), m.from, m.to, 1)), 0o600); err != nil {
		return "", err
	}
	description, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutated}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, description, 0o600)
}
