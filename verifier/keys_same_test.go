package verifier_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// shuffled writes the same keys in another way for each n: keys and members in another order,
// with other white space and beside members that mean nothing.
func shuffled(t testing.TB, document []byte, n int) string {
	t.Helper()
	var set struct {
		Keys []map[string]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, key := range set.Keys {
		key["iat"] = fmt.Append(nil, n)
		names := slices.Sorted(maps.Keys(key))
		var members []string
		for i := range names {
			name := names[(i+n)%len(names)]
			members = append(members, fmt.Sprintf("%q:%s%s", name, strings.Repeat(" ", n%3), key[name]))
		}
		keys = append(keys, "{"+strings.Join(members, ",")+"}")
	}
	if n%2 == 1 {
		slices.Reverse(keys)
	}
	return fmt.Sprintf(`{"at":%d,"keys":[%s]}`, n, strings.Join(keys, ","))
}

// LemonLDAP::NG writes the members of a JWK in another order at nearly every request. Attackers
// who make up kids can have it asked every 10 seconds.
func TestKeysThatSayTheSameHaveNotChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		second := jwk(t, ecKey(t, elliptic.P384()).Public(), "second", nil)
		both := append([]any{second}, own(nil)(t, p.Issuer)...)
		document, n := keySet(t, both...), 0
		p.suffer(func(*http.Request) (*http.Response, error) {
			n++
			return response(http.StatusOK, shuffled(t, document, n)), nil
		})
		var lines bytes.Buffer
		var events fetches
		config := p.config()
		config.OnFetch, config.Logger = events.add, slog.New(slog.NewTextHandler(&lines, nil))
		v := newVerifier(t, config)
		start := time.Now()
		token := lasting(p.Issuer)
		for i := 0; time.Since(start) < time.Hour; i++ {
			accept(t, v, token)
			_ = judgedOrNot(t, v, withKid(token, fmt.Sprint("made-up-", i)))
			time.Sleep(5 * time.Second)
		}
		synctest.Wait()
		if n < 300 {
			t.Errorf("%d fetches in an hour, want one in 10s", n)
		}
		for i, event := range events.all() {
			want := verifier.FetchUnchanged
			if i == 0 {
				want = verifier.FetchChanged
			}
			if event.Outcome != want || event.Keys != 2 {
				t.Fatalf("fetch %d: %s with %d keys, want %s with 2", i, event.Outcome, event.Keys, want)
			}
		}
		if got := strings.Count(lines.String(), "\n"); got != 1 {
			t.Errorf("%d lines of log, want one for the first keys:\n%s", got, lines.String())
		}
		if status := v.Status()[0]; !status.KeysSince.Equal(start) || time.Since(status.LastSuccess) > 10*time.Second {
			t.Errorf("Status() = %+v, want keys from %v that were confirmed just now", status, start)
		}
	})
}

func TestKeysThatSayAnythingElseHaveChanged(t *testing.T) {
	t.Parallel()
	p256key, p384key := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384())
	a := func(members map[string]any) any { return jwk(t, p256key.Public(), "a", members) }
	b := jwk(t, p384key.Public(), "b", nil)
	before := keySet(t, a(nil), b)
	for name, after := range map[string][]byte{
		"one key less":                      keySet(t, a(nil)),
		"one key more":                      keySet(t, a(nil), b, jwk(t, ecKey(t, elliptic.P256()).Public(), "c", nil)),
		"another key under its kid":         keySet(t, jwk(t, ecKey(t, elliptic.P256()).Public(), "a", nil), b),
		"another kid":                       keySet(t, a(map[string]any{"kid": "c"}), b),
		"no kid":                            keySet(t, a(map[string]any{"kid": nil}), b),
		"alg":                               keySet(t, a(map[string]any{"alg": "ES256"}), b),
		"another use":                       keySet(t, a(map[string]any{"use": "enc"}), b),
		"other operations":                  keySet(t, a(map[string]any{"key_ops": []string{"sign"}}), b),
		"its private member":                keySet(t, a(map[string]any{"d": "AA"}), b),
		"a thumbprint, which can name it":   keySet(t, a(map[string]any{"x5t": "A"}), b),
		"another thumbprint, which can":     keySet(t, a(map[string]any{"x5t#S256": "A"}), b),
		"the private key under another kid": keySet(t, a(nil), b, a(map[string]any{"kid": "c", "d": "AA"})),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient()
				p.suffer(answers(http.StatusOK, string(before)))
				var events fetches
				config := p.config()
				config.OnFetch = events.add
				v := newVerifier(t, config)
				if err := v.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				p.suffer(answers(http.StatusOK, string(after)))
				time.Sleep(5 * time.Minute)
				if err := v.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if got := events.last().Outcome; got != verifier.FetchChanged {
					t.Errorf("outcome = %s, want %s", got, verifier.FetchChanged)
				}
				if since := v.Status()[0].KeysSince; !since.Equal(time.Now()) {
					t.Errorf("KeysSince = %v, want now", since)
				}
			})
		})
	}
}
