package clients_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	"github.com/oidcrpc/oidcrpc/examples/greet"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

var update = flag.Bool("update", false, "write the table into docs/clients.md")

const (
	page    = "../../docs/clients.md"
	grpcurl = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4"
	python  = "python3"
)

// A client makes one call and shows its user what came of it.
type client struct {
	name, protocol string
	command        func(url, token string) []string
}

// A refusal is why a call fails, and what would show it.
type refusal struct {
	name, url, token, reason string
	code                     *regexp.Regexp
	challenge                string // "" for none
}

var version = regexp.MustCompile(`\d+\.\d+(\.\d+)*`)

func TestPageShowsWhatClientsShow(t *testing.T) {
	needs(t, "chromium", "npm", "curl", python)
	dir := nodeFolder(t)
	set := descriptors(t)
	host := func(url string) string { return strings.TrimPrefix(url, "http://") }
	header := func(token string) string { return "authorization: Bearer " + token }
	with := func(words []string, flag, token string) []string {
		if token == "" {
			return words
		}
		return append(words, flag, header(token))
	}
	clients := []client{{"curl " + versionOf(t, "curl", "--version"), "Connect", func(url, token string) []string {
		return with([]string{"curl", "-si", "-H", "content-type: application/json", "-d", "{}", url + greetProcedure}, "-H", token)
	}}}
	for protocol, name := range map[string]string{"connect": "Connect", "grpc": "gRPC", "grpcweb": "gRPC-Web"} {
		clients = append(clients, client{"buf curl " + moduleVersion(t, "github.com/bufbuild/buf"), name, func(url, token string) []string {
			words := []string{"go", "tool", "-modfile=../tools/go.mod", "buf", "curl", "--schema", "../../examples/greet/v1/greet.proto",
				"--protocol", protocol, "--http2-prior-knowledge", "-d", "{}"}
			return append(with(words, "-H", token), url+greetProcedure)
		}})
	}
	clients = append(clients,
		client{"grpcurl 1.9.4", "gRPC", func(url, token string) []string {
			words := []string{"go", "run", grpcurl, "-plaintext", "-import-path", "../../examples", "-proto", "greet/v1/greet.proto", "-d", "{}"}
			return append(with(words, "-H", token), host(url), greetProcedure[1:])
		}},
		client{"grpc-js 1.14.7", "gRPC", func(url, token string) []string { return []string{"node", dir + "/grpc-js.js", host(url), token} }},
		client{"grpcio " + versionOf(t, python, "-c", "import grpc; print(grpc.__version__)"), "gRPC",
			func(url, token string) []string { return []string{python, dir + "/grpcio.py", host(url), token} }})
	for protocol, name := range map[string]string{"connect": "Connect", "grpc": "gRPC", "grpc-web": "gRPC-Web"} {
		clients = append(clients, client{"connect-node 2.3.0", name, func(url, token string) []string {
			return []string{"node", dir + "/connect-node.js", url, protocol, token, set}
		}})
	}

	issuer, down := verifiertest.NewIssuer(), verifiertest.NewIssuer()
	down.Fail(errors.New("the issuer is down"))
	server := func(issuer *verifiertest.Issuer) string {
		auth := newAuth(t, issuer)
		return serve(t, allow(auth, connectauth.NewMiddleware(auth).Wrap(greet.NewConnectHandler(auth))))
	}
	up := server(issuer)
	refusals := []refusal{
		{"no token", up, "", "MISSING_TOKEN", regexp.MustCompile(`(?i)unauthenticated`), `Bearer realm=\\?"api\\?"`},
		{"a missing scope", up, issuer.Token(nil), "INSUFFICIENT_SCOPE", regexp.MustCompile(`(?i)permission_?denied`), `scope=\\?"greet\\?"`},
		{"an outage", server(down), down.Token(nil), "JWKS_FETCH_FAILED", regexp.MustCompile(`(?i)unavailable`), ""},
	}
	rows := []string{"| client | protocol | code | challenge | details |", "|---|---|---|---|---|"}
	var lines []string
	for _, c := range clients {
		var outputs []string
		for _, r := range refusals {
			words := c.command(r.url, r.token)
			cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
			if strings.HasPrefix(words[0], "node") {
				cmd.Dir = dir
			}
			text, _ := cmd.CombinedOutput() // a refused call is a failure
			t.Logf("%s, %s, %s:\n%s", c.name, c.protocol, r.name, text)
			outputs = append(outputs, string(text))
		}
		lines = append(lines, row(c.name, c.protocol, refusals, outputs))
	}
	for _, protocol := range []string{"connect", "grpc-web"} {
		var calls []call
		for _, r := range refusals {
			calls = append(calls, call{URL: r.url, Protocol: protocol, Token: r.token})
		}
		var outputs []string
		for _, got := range browse(t, issuer, calls) {
			outputs = append(outputs, fmt.Sprintf("%+v", got))
		}
		name := "connect-web 2.3.0 in Chromium " + versionOf(t, "chromium", "--version")
		lines = append(lines, row(name, map[string]string{"connect": "Connect", "grpc-web": "gRPC-Web"}[protocol], refusals, outputs))
	}
	// Sorted by client, whatever the order of the maps.
	slices.Sort(lines)
	compare(t, "\n"+strings.Join(append(rows, lines...), "\n")+"\n\n")
}

// row says what a client shows of all refusals.
func row(name, protocol string, refusals []refusal, outputs []string) string {
	code, challenge := "yes", "yes"
	details := "readable"
	for i, r := range refusals {
		text := outputs[i]
		if !r.code.MatchString(text) {
			code = "no"
		}
		if r.challenge != "" && !regexp.MustCompile(r.challenge).MatchString(text) {
			challenge = "no"
		}
		switch {
		case strings.Contains(text, r.reason):
		case strings.Contains(text, "google.rpc.ErrorInfo"), strings.Contains(text, "bytes: "):
			details = "as bytes"
		default:
			details = "no"
		}
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |", name, protocol, code, challenge, details)
}

// compare holds the table to the page, or writes it there.
func compare(t *testing.T, table string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.FromSlash(page))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(raw), "<!-- clients -->\n")
	old, after, ended := strings.Cut(rest, "<!-- end -->")
	switch {
	case !ok || !ended:
		t.Error("the page has no place for the table")
	case *update:
		if err := os.WriteFile(page, []byte(before+"<!-- clients -->\n"+table+"<!-- end -->"+after), 0o644); err != nil { //nolint:gosec // a page
			t.Fatal(err)
		}
	case old != table:
		t.Errorf("the page differs; run this test with -update. Want\n%s", table)
	}
}

func versionOf(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), program, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, text)
	}
	return version.FindString(string(text))
}

func moduleVersion(t *testing.T, module string) string {
	t.Helper()
	return versionOf(t, "go", "list", "-modfile=../tools/go.mod", "-m", module)
}
