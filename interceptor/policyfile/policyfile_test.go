package policyfile_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/policyfile"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestParseReadsEveryPartOfARule(t *testing.T) {
	const file = `# Who may call what.
/a.S/All:
  access: optional
  scopes: [s1, s2]
  any_scopes: [s3]
  permissions: ["p"]
  issuers: [https://issuer.example]
  subjects: [alice, "spiffe://example.org/web/*"]
  actors: [bob]
  acr_values: [mfa]
  max_age: 5m
  bound: true
/a.S/Open: {access: public} # for probes
/a.S/Any:  {access: required}
/*:        {access: denied}
`
	want := interceptor.Policy{
		"/a.S/All": {Access: interceptor.AccessOptional, Require: verifier.Requirement{
			Scopes: []string{"s1", "s2"}, AnyScopes: []string{"s3"}, Permissions: []string{"p"},
			Issuers:  []string{"https://issuer.example"},
			Subjects: []string{"alice", "spiffe://example.org/web/*"}, Actors: []string{"bob"},
			ACRValues: []string{"mfa"}, MaxAge: 5 * time.Minute,
			Bound: true,
		}},
		"/a.S/Open": {Access: interceptor.AccessPublic},
		"/a.S/Any":  {},
		"/*":        {Access: interceptor.AccessDenied},
	}
	got, err := policyfile.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("policy = %+v, want %+v", got, want)
	}
	requirement := reflect.ValueOf(want["/a.S/All"].Require)
	for i := range requirement.NumField() {
		if requirement.Field(i).IsZero() {
			t.Errorf("a file can't ask for %s", requirement.Type().Field(i).Name)
		}
	}
}

func TestParseReadsJSON(t *testing.T) {
	got, err := policyfile.Parse([]byte("{\n \"/a.S/M\": {\"scopes\": [\"s\"]} # a comment\n}"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"s"}; !reflect.DeepEqual(got["/a.S/M"].Require.Scopes, want) {
		t.Errorf("policy = %+v", got)
	}
}

func TestParseNamesTheLineOfAMistake(t *testing.T) {
	const good = "/a.S/M: {scopes: [s]}\n"
	tests := []struct{ name, file, want string }{
		{"unknown name", good + "/a.S/N: {scope: [s]}", "policyfile: line 2: field scope is unknown"},
		{"a key that stands twice", good + "/a.S/M: {access: public}", `line 2: mapping key "/a.S/M" already defined at line 1`},
		{"a name that stands twice", good + "/a.S/N: {access: denied, access: public}", "already defined at line 2"},
		{"text for a list", good + "/a.S/N: {scopes: s}", "policyfile: line 2: cannot unmarshal !!str `s` into a list"},
		{"two mistakes", good + "/a.S/N: {scope: [s],\n x: [s]}", "field scope is unknown; line 3: field x is unknown"},
		{"bad key", good + "a.S/N: {access: public}", `line 2: "a.S/N": interceptor: Policy["a.S/N"]: the key must be`},
		{"contradiction", good + "/a.S/N: {access: public, scopes: [s]}", `line 2: "/a.S/N": interceptor: Policy["/a.S/N"]: AccessPublic excludes`},
		{"bad scope", good + "/a.S/N:\n  scopes: [\"a b\"]", `line 2: "/a.S/N"`},
		{"unknown access", good + "/a.S/N: {access: open}", `line 2: "/a.S/N": access is "open"`},
		{"no rule", good + "/a.S/N:", "line 2: there is no value"},
		{"a rule that says nothing", good + "/a.S/N: {}", "line 2: \"/a.S/N\": the rule says nothing"},
		{"a list without a value", good + "/a.S/N:\n  access: required\n  scopes:", "line 4: there is no value"},
		{"an empty list", good + "/a.S/N:\n  access: required\n  scopes: []", "line 4: the list is empty"},
		{"a number for a scope", good + "/a.S/N: {scopes: [1]}", `line 2: "1" must be text`},
		{"a bare duration", good + "/a.S/N: {max_age: 300}", `line 2: "300" must be text`},
		{"bound, or not", good + "/a.S/N: {scopes: [s], bound: false}", "line 2: \"/a.S/N\": bound must be true"},
		{"bound in YAML 1.1", good + "/a.S/N: {bound: yes}", "line 2: \"/a.S/N\": bound must be true"},
		{"a list for bound", good + "/a.S/N: {bound: [true]}", `line 2: "true" must be text`},
		{"true as a scope", good + "/a.S/N: {scopes: [true]}", `line 2: "true" must be text`},
		{"true as an access", good + "/a.S/N: {bound: true, access: true}", `line 2: "true" must be text`},
		{"no duration", good + "/a.S/N: {max_age: soon}", "line 2: \"/a.S/N\": max_age must be"},
		{"a negative duration", good + "/a.S/N: {max_age: -5m}", "line 2: \"/a.S/N\": max_age must be"},
		{"an alias", "/a.S/M: &open {access: public}\n/a.S/N: *open", "line 2: aliases aren't supported"},
		{"a merge", "/a.S/M: &open {access: public}\n<<: {/a.S/N: {access: public}}", "line 2"},
		{"a list", "- /a.S/M", "line 1: it must hold policy keys"},
		{"nothing", "# only a comment\n", "no rules"},
		{"two documents", good + "---\n" + good, "more than one YAML document"},
		{"no YAML", "{", "line 1"},
		{"too long", "#" + strings.Repeat(" ", 1<<20), "longer than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			policy, err := policyfile.Parse([]byte(test.file))
			if err == nil {
				t.Fatalf("policy = %+v, want an error", policy)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want it to hold %q", err, test.want)
			}
		})
	}
}

func TestReadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if _, err := policyfile.Read(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("err = %v, want os.ErrNotExist", err)
	}
	write(t, path, "/a.S/M: {}")
	if _, err := policyfile.Read(path); err == nil || !strings.Contains(err.Error(), path+": line 1") {
		t.Errorf("err = %v, want it to name the file and the line", err)
	}
	write(t, path, "/a.S/M: {access: public}")
	if policy, err := policyfile.Read(path); err != nil || policy["/a.S/M"].Access != interceptor.AccessPublic {
		t.Errorf("policy = %v, err = %v", policy, err)
	}
}

func TestWatchKeepsTheLastGoodPolicy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, "/a.S/M: {access: public}")
	synctest.Test(t, func(t *testing.T) {
		var seen events
		var isRefused atomic.Bool
		apply := func(p interceptor.Policy) error {
			seen.add("applied " + p["/a.S/M"].Access.String())
			if isRefused.Load() {
				return errors.New("not today")
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			policyfile.Watch(ctx, path, apply, slog.New(slog.NewTextHandler(&seen, nil)))
		}()
		expect := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			got := seen.take()
			ok := len(got) == len(want)
			for i := range min(len(got), len(want)) {
				ok = ok && strings.Contains(got[i], want[i])
			}
			if !ok {
				t.Errorf("%s: seen %q, want %q", what, got, want)
			}
		}
		look := func(what string, want ...string) {
			t.Helper()
			time.Sleep(10 * time.Second)
			expect(what, want...)
		}
		expect("at once", "applied public", "the policy applies")
		time.Sleep(time.Second) // so that Watch doesn't look while the test writes
		look("unchanged")
		write(t, path, "/a.S/M: {access: opne}")
		look("bad", "access is")
		look("still bad")
		remove(t, path)
		look("gone", "no such file")
		look("still gone")
		write(t, path, "/a.S/M: {access: denied}")
		look("good again", "applied denied", "the policy applies")
		remove(t, path)
		look("gone again", "no such file")
		isRefused.Store(true)
		write(t, path, "/a.S/M: {access: public}")
		look("refused by apply", "applied public", "not today")
		cancel()
		<-done
	})
}

// A file that is just being written seems to have fewer rules.
func TestWatchWaitsForAFileToBeWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	const half, whole = "/a.S/M: {access: required}\n", "/a.S/M: {access: required}\n/*: {access: denied}\n"
	write(t, path, whole)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		var rules []int
		go func() {
			defer close(done)
			policyfile.Watch(ctx, path, func(p interceptor.Policy) error {
				rules = append(rules, len(p))
				return nil
			}, slog.New(slog.DiscardHandler))
		}()
		time.Sleep(time.Second) // so that Watch doesn't look while the test writes
		for _, content := range []string{half, whole, half, "", half, whole, half + "# done", half + "# well done"} {
			write(t, path, content)
			time.Sleep(5 * time.Second)
		}
		remove(t, path)
		time.Sleep(5 * time.Second)
		write(t, path, half+"# well done")
		time.Sleep(5 * time.Second)
		cancel()
		<-done
		if !slices.Equal(rules, []int{2}) {
			t.Errorf("policies with %v rules were applied, want only the first one, with 2", rules)
		}
	})
}

// events are what happened, in order: policies applied and lines logged.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) add(event string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

func (e *events) Write(line []byte) (int, error) {
	e.add(string(line))
	return len(line), nil
}

func (e *events) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := e.list
	e.list = nil
	return list
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("/a.S/M: {scopes: [s], max_age: 5m}\n/*: {access: denied}"))
	f.Add([]byte(`{"/a.S/*": {"access": "public"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		policy, err := policyfile.Parse(data)
		if err != nil {
			return
		}
		if err := new(interceptor.Authenticator).SetPolicy(policy); err != nil {
			t.Errorf("Parse returned a policy that isn't valid: %v", err)
		}
	})
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
