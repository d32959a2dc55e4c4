package verifier

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// okpKeys are the public keys of RFC 8032, section 7.1.
var okpKeys = []string{
	`"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`,
	`"kty":"OKP","crv":"Ed25519","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"`,
	`"kty":"OKP","crv":"Ed25519","x":"_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU"`,
}

// A published key set can be changed while a keys reads it.
type published struct {
	mu       sync.Mutex
	document string
	err      error
	asked    int
}

func (p *published) publish(keys ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.document = `{"keys":[` + strings.Join(keys, ",") + `]}`
}

func (p *published) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *published) RoundTrip(*http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.err != nil {
		return nil, p.err
	}
	return answer(http.StatusOK, p.document), nil
}

func answer(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{},
		Body:       io.NopCloser(strings.NewReader(body)),
	}
}

func (p *published) source(t *testing.T, config Config) *keys {
	t.Helper()
	config.Issuer = "https://issuer.test"
	config.JWKSURL = "https://issuer.test/jwks"
	config.HTTPClient = &http.Client{Transport: p}
	source, err := newKeys(config.withDefaults(), false)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// xOf is the member of a key that is its value.
func xOf(n int) string { return okpKeys[n][strings.LastIndex(okpKeys[n], `"x"`):] }

func okp(kid string, n int) string { return fmt.Sprintf(`{"kid":%q,%s}`, kid, okpKeys[n]) }

func mustFind(t *testing.T, s *keys, kid string) *jws.Key {
	t.Helper()
	key, err := find(t.Context(), s, kid)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// find returns the key with a kid, fetching keys if it must.
func find(ctx context.Context, k *keys, kid string) (*jws.Key, error) {
	name := jwks.ByKid(kid)
	set := k.current()
	if set == nil || !set.Has(name) && !k.isFixed() {
		var err error
		if set, err = k.lookFor(ctx, name, time.Time{}); err != nil {
			return nil, err
		}
	}
	if key := set.Key(name, "EdDSA"); key != nil {
		return key, nil
	}
	return nil, noKey(set.Why(name, "EdDSA"))
}

func signerOf(k *keys, kid string, key *jws.Key) *signer {
	return (&memory{keys: k}).signerOf(jwks.ByKid(kid), key)
}

func isListed(s *signer) bool { return s.isListed(time.Now()) }

func TestARefreshKeepsTheObjectsOfUnchangedKeysOnly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		next  []string
		holds bool
	}{
		{"nothing changed", []string{okp("a", 0), okp("b", 1)}, true},
		{"another order", []string{okp("b", 1), okp("a", 0)}, true},
		{"members in another order", []string{`{"crv":"Ed25519",` + xOf(0) + `,"kty":"OKP","kid":"a"}`, okp("b", 1)}, true},
		{"other members beside", []string{`{"x5c":["?"],"iat":1,"kid":"a",` + okpKeys[0] + `}`, okp("b", 1)}, true},
		{"members of null beside", []string{`{"use":null,"d":null,"kid":"a",` + okpKeys[0] + `}`, okp("b", 1)}, true},
		{"it is published with its private key", []string{okp("a", 0), `{"d":"AA",` + okpKeys[0] + `}`, okp("b", 1)}, false},
		{"another key is new", []string{okp("a", 0), okp("b", 1), okp("c", 2)}, true},
		{"another key is withdrawn", []string{okp("a", 0)}, true},
		{"it is withdrawn", []string{okp("b", 1)}, false},
		{"another key under its kid", []string{okp("a", 2), okp("b", 1)}, false},
		{"it is under another kid", []string{okp("c", 0), okp("b", 1)}, false},
		{"it has become ambiguous", []string{okp("a", 0), okp("a", 2), okp("b", 1)}, false},
		{"it is for another algorithm", []string{`{"kid":"a","alg":"Ed25519",` + okpKeys[0] + `}`, okp("b", 1)}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &published{}
				p.publish(okp("a", 0), okp("b", 1))
				s := p.source(t, Config{})
				key := mustFind(t, s, "a")
				a := signerOf(s, "a", key)
				if !isListed(a) || isListed(signerOf(s, "b", key)) || isListed(signerOf(s, "c", key)) {
					t.Fatal("a key is not held under its own kid, or it is under others")
				}
				p.publish(test.next...)
				time.Sleep(5 * time.Minute)
				if isListed(a) {
					t.Error("a key is held past its time to live, after a quiet time")
				}
				if err := s.ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if got := isListed(a); got != test.holds {
						t.Errorf("isListed = %v after the refresh, want %v", got, test.holds)
					}
				}
				if test.holds && mustFind(t, s, "a") != key {
					t.Error("the key is another object")
				}
			})
		})
	}
}

// A server whose tokens are all remembered asks nothing else.
func TestAskingForAHeldKeyRefreshesTheKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &published{}
		p.publish(okp("a", 0))
		s := p.source(t, Config{})
		a := signerOf(s, "a", mustFind(t, s, "a"))
		p.publish(okp("b", 1))
		withdrawn := time.Now()
		for isListed(a) {
			if time.Since(withdrawn) > 5*time.Minute {
				t.Fatal("a withdrawn key is held past the time to live")
			}
			time.Sleep(time.Second)
		}
		if p.asked != 2 {
			t.Errorf("%d fetches, want the one of the refresh", p.asked)
		}
	})
}

func TestKeysAreHeldThroughAnOutageUntilMaxStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &published{}
		p.publish(okp("a", 0))
		s := p.source(t, Config{KeysMaxStale: 10 * time.Minute})
		a := signerOf(s, "a", mustFind(t, s, "a"))
		p.fail(io.ErrUnexpectedEOF)
		start := time.Now()
		for isListed(a) && time.Since(start) < time.Hour {
			time.Sleep(time.Second)
		}
		if held := time.Since(start); held != 15*time.Minute {
			t.Errorf("a key was held for %v, want KeysTTL and KeysMaxStale: 15m", held)
		}
	})
}

func TestAFixedKeyIsHeldForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source, err := newKeys(Config{JWKS: []byte(`{"keys":[` + okp("a", 0) + `]}`)}.withDefaults(), false)
		if err != nil {
			t.Fatal(err)
		}
		key := mustFind(t, source, "a")
		time.Sleep(1000 * time.Hour)
		if !isListed(signerOf(source, "a", key)) || isListed(signerOf(source, "b", key)) {
			t.Error("a fixed key is not held, or under any kid")
		}
	})
}

func TestALookForAKeyDoesNotAllocate(t *testing.T) {
	p := &published{}
	p.publish(okp("a", 0))
	s := p.source(t, Config{})
	a := signerOf(s, "a", mustFind(t, s, "a"))
	if n := testing.AllocsPerRun(1000, func() { isListed(a) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// Keys past the 64 that are kept decoded are decoded again when they're asked for.
func TestEvictedKeysAreStillFound(t *testing.T) {
	t.Parallel()
	p := &published{}
	var all []string
	for i := range 65 {
		all = append(all, okp(fmt.Sprint("k", i), i%len(okpKeys)))
	}
	p.publish(all...)
	s := p.source(t, Config{})
	key := mustFind(t, s, "k0")
	for i := range 64 {
		mustFind(t, s, fmt.Sprint("k", i+1))
	}
	if isListed(signerOf(s, "k0", key)) {
		t.Error("an evicted key is held")
	}
	if again := mustFind(t, s, "k0"); !isListed(signerOf(s, "k0", again)) {
		t.Error("a key that was decoded again is not held")
	}
}
