package ports_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A port is one project's authentication, configured as the project is, for an issuer whose
// tokens are alice's.
type port struct {
	serve   func(t *testing.T, source source) *client
	place   [2]string // the metadata key of a token, and the scheme
	other   []string  // another kind of credential, as a pair; none if there's no other
	caller  string    // whose it is
	offer   string    // the challenge for a call without a credential
	refusal string    // what the challenge has for a bad token
}

func (p port) credential(token string) []string {
	return []string{p.place[0], p.place[1] + " " + token}
}

// Each port is put through what the table in docs/ports.md compares.
func TestPorts(t *testing.T) {
	for name, p := range ports {
		t.Run(name, func(t *testing.T) {
			story(t, "admits calls and streams", p.admits)
			story(t, "ends a stream when its token expires", p.endsStreams)
			story(t, "follows a rotation", p.followsRotation)
			story(t, "outlasts an outage", p.outlastsOutage)
			story(t, "takes one credential", p.takesOne)
			story(t, "says what it takes", p.challenges)
		})
	}
}

// story runs in a bubble, whose issuer every HTTP client without a transport of its own asks.
func story(t *testing.T, name string, tell func(t *testing.T, s source)) {
	t.Run(name, func(t *testing.T) {
		issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms("RS256"))
		network := http.DefaultTransport
		http.DefaultTransport = issuer
		defer func() { http.DefaultTransport = network }()
		synctest.Test(t, func(t *testing.T) { tell(t, newSource(t, issuer)) })
	})
}

// A source is an issuer, and a file with its keys. A port uses one or the other.
type source struct {
	*verifiertest.Issuer

	file string // in a volume as kubelet mounts it: a link to ..data/jwks.json
	data string // ..data, a link to a folder
}

func newSource(t *testing.T, issuer *verifiertest.Issuer) source {
	t.Helper()
	volume := t.TempDir()
	s := source{issuer, filepath.Join(volume, "jwks.json"), filepath.Join(volume, "..data")}
	if err := os.Symlink("..data/jwks.json", s.file); err != nil {
		t.Fatal(err)
	}
	s.fail(t, false)
	return s
}

// failure is why the issuer answers nothing, or nil.
func (s source) failure() error {
	_, err := s.RoundTrip(httptest.NewRequest(http.MethodGet, s.URL()+"/jwks", nil))
	return err
}

func (s source) rotate(t *testing.T) {
	t.Helper()
	s.Rotate()
	s.fail(t, false)
}

// fail leaves half a file behind, as the issuer answers nothing.
func (s source) fail(t *testing.T, down bool) {
	t.Helper()
	keys := s.JWKS()
	if down {
		keys = keys[:len(keys)/2]
		s.Fail(errors.New("down"))
	} else {
		s.Fail(nil)
	}
	s.mount(t, keys)
}

// mount puts the file into a new folder, flips ..data and removes the old folder, if there's one.
func (s source) mount(t *testing.T, keys []byte) {
	t.Helper()
	before, _ := os.Readlink(s.data)
	folder := t.TempDir()
	err := errors.Join(
		os.WriteFile(filepath.Join(folder, "jwks.json"), keys, 0o600),
		os.Symlink(folder, s.data+"_tmp"),
		os.Rename(s.data+"_tmp", s.data),
		os.RemoveAll(before))
	if err != nil {
		t.Fatal(err)
	}
}

func (s source) token(life time.Duration) string {
	return s.Token(map[string]any{"sub": "alice", "exp": time.Now().Add(life).Unix()})
}

func (p port) admits(t *testing.T, s source) {
	c := p.serve(t, s)
	good := p.credential(s.token(time.Hour))
	if a := c.call(good...); !strings.Contains(a.message, "alice") {
		t.Errorf("a call: %+v", a)
	}
	if a := c.watch(good...)(); !strings.Contains(a.message, "alice") {
		t.Errorf("a stream: %+v", a)
	}
	if p.other == nil {
		return
	}
	if a := c.call(p.other...); !strings.Contains(a.message, p.caller) {
		t.Errorf("a call with the other credential: %+v", a)
	}
	if a := c.watch(p.other...)(); !strings.Contains(a.message, p.caller) {
		t.Errorf("a stream with the other credential: %+v", a)
	}
}

const leeway = 30 * time.Second // the default

func (p port) endsStreams(t *testing.T, s source) {
	c := p.serve(t, s)
	start := time.Now()
	next := c.watch(p.credential(s.token(time.Minute))...)
	for {
		a := next()
		if a.code == codes.OK {
			continue
		}
		if a.code != codes.Unauthenticated || a.reason != "TOKEN_EXPIRED" || !strings.Contains(a.challenge, p.refusal) {
			t.Errorf("the stream ended with %+v", a)
		}
		// Streams end at random times in the leeway's last second.
		if left := time.Minute + leeway - time.Since(start); left < 0 || left > time.Second {
			t.Errorf("the stream ended %v before its time", left)
		}
		return
	}
}

func (p port) followsRotation(t *testing.T, s source) {
	c := p.serve(t, s)
	old := p.credential(s.token(time.Hour))
	if a := c.call(old...); a.code != codes.OK {
		t.Fatalf("before: %+v", a)
	}
	s.rotate(t)
	if a := c.call(p.credential(s.token(time.Hour))...); a.code != codes.OK {
		t.Errorf("the first token of the new key: %+v", a)
	}
	if a := c.call(old...); a.code != codes.Unauthenticated {
		t.Errorf("a token of the withdrawn key: %+v", a)
	}
}

func (p port) outlastsOutage(t *testing.T, s source) {
	s.fail(t, true)
	c := p.serve(t, s) // a dead issuer stops no server from starting
	good := p.credential(s.token(24 * time.Hour))
	if a := c.call(good...); a.code != codes.Unavailable || a.challenge != "" {
		t.Errorf("down from the start: %+v", a)
	}
	if p.other != nil {
		if a := c.call(p.other...); a.code != codes.OK {
			t.Errorf("the other credential, meanwhile: %+v", a)
		}
	}
	s.fail(t, false)
	time.Sleep(time.Minute)
	if a := c.call(good...); a.code != codes.OK {
		t.Errorf("up again: %+v", a)
	}
	s.fail(t, true)
	time.Sleep(30 * time.Minute)
	if a := c.call(good...); a.code != codes.OK {
		t.Errorf("down for half an hour: %+v", a)
	}
	time.Sleep(time.Hour)
	if a := c.call(good...); a.code != codes.Unavailable {
		t.Errorf("down for an hour and a half: %+v", a)
	}
}

func (p port) takesOne(t *testing.T, s source) {
	c := p.serve(t, s)
	good := p.credential(s.token(time.Hour))
	second := good
	if p.other != nil {
		second = p.other
	}
	for _, two := range [][]string{append(good, second...), append(second, good...)} {
		if a := c.call(two...); a.code != codes.Unauthenticated || a.reason != "INVALID_REQUEST" {
			t.Errorf("two good credentials: %+v", a)
		}
	}
}

func (p port) challenges(t *testing.T, s source) {
	c := p.serve(t, s)
	if a := c.call(); a.code != codes.Unauthenticated || a.challenge != p.offer {
		t.Errorf("without a credential: %+v, want %s", a, p.offer)
	}
	if a := c.call(p.credential("made.up.token")...); a.code != codes.Unauthenticated ||
		!strings.Contains(a.challenge, p.refusal) {
		t.Errorf("with a bad one: %+v", a)
	}
}
