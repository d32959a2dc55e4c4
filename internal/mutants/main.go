// Command mutants takes the defences of this library away, one at a time, and shows
// that the tests notice each. It changes no file: every mutant is an overlay of the
// build.
//
//	go run ./internal/mutants
//
// It fails if a mutant survives, does not compile, or no longer applies.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	only := flag.String("run", "", "try only the mutants whose name matches this regular expression")
	flag.Parse()
	if err := run(*only); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(only string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	tried, failures := 0, 0
	for _, m := range mutants {
		if !pattern.MatchString(m.name) {
			continue
		}
		tried++
		start := time.Now()
		killer, err := m.try()
		outcome := "killed by " + killer
		if err != nil {
			failures++
			outcome = "FAILED: " + err.Error()
		}
		fmt.Printf("%-52s %5.1fs  %s\n", m.name, time.Since(start).Seconds(), outcome)
	}
	fmt.Printf("\n%d of %d mutants were killed.\n", tried-failures, tried)
	if failures > 0 || tried == 0 {
		return fmt.Errorf("%d mutants were not killed", failures)
	}
	return nil
}

// A mutant replaces one piece of one file, and names the packages whose tests should
// see it.
type mutant struct {
	name     string
	file     string
	from, to string
	packages []string
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
	args := append([]string{"test", "-overlay", overlay, "-failfast", "-timeout", "3m"}, m.packages...)
	output, err := exec.Command("go", args...).CombinedOutput()
	if err == nil {
		return "", errors.New("it survived")
	}
	if strings.Contains(string(output), "[build failed]") || strings.Contains(string(output), "[setup failed]") {
		return "", fmt.Errorf("it does not compile:\n%s", output)
	}
	failed := regexp.MustCompile(`--- FAIL: (\S+)|(panic: .*)`).FindStringSubmatch(string(output))
	if failed == nil {
		return "", fmt.Errorf("no test failed:\n%s", output)
	}
	return failed[1] + failed[2], nil
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
