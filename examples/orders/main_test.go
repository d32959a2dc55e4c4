package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestPrintedCommandWorks(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, stdout, "", "", "127.0.0.1:0", false)
		_ = stdout.Close()
	}()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	var printed strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); printed.WriteString(lines.Text() + "\n") {
		if strings.HasPrefix(lines.Text(), "Leave the token out") {
			break
		}
	}
	command := regexp.MustCompile(`(?s)TOKEN=(\S+).*?-d '([^']*)' (http://\S+)`).FindStringSubmatch(printed.String())
	if command == nil {
		t.Fatalf("there is no command in\n%s", printed.String())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, command[3], strings.NewReader(command[2]))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+command[1])
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), `"tea"`) {
		t.Errorf("%s %s, %v", res.Status, body, err)
	}
}

func TestRunFailsWhereItCannotServe(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if err := run(ctx, io.Discard, "", "", taken.Addr().String(), false); err == nil {
		t.Error("a port that is taken was served on")
	}
	if err := run(ctx, io.Discard, "https://issuer.example/", "", "127.0.0.1:0", false); err == nil {
		t.Error("an issuer was trusted for any audience")
	}
}
