package dpop_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier/dpop"
)

// FuzzNormalize checks that a normalized URI is its own normal form, that it names the same host
// and the same path as before, and that no other reading of an escape adds a slash.
func FuzzNormalize(f *testing.F) {
	for _, uri := range []string{
		"https://api.example.com/acme.v1.Orders/Get", "HTTP://A.b:080/%2f%2E./x?y#z", "https://[::1]:443//",
		"https://a.test/%41%c3%a9/../..", "https://a@b/", "https://%2f/",
	} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		normal, ok := dpop.Normalize(uri)
		if !ok {
			return
		}
		if again, ok := dpop.Normalize(normal); !ok || again != normal {
			t.Errorf("%q becomes %q, and that becomes %q, %v", uri, normal, again, ok)
		}
		_, rest, _ := strings.Cut(normal, "://")
		_, path, _ := strings.Cut(rest, "/")
		if strings.ContainsAny(normal, "?# \t\r\n\\") || strings.Contains("/"+path+"/", "/../") ||
			strings.Contains("/"+path+"/", "/./") {
			t.Errorf("%q becomes %q", uri, normal)
		}
		parsed, err := url.Parse(uri)
		if err != nil {
			return // net/url refuses some ports and escaped hosts
		}
		if parsed.User != nil || parsed.Scheme != "http" && parsed.Scheme != "https" {
			t.Errorf("%q is accepted", uri)
		}
		want, err := url.Parse(normal)
		if err != nil || !strings.EqualFold(want.Hostname(), parsed.Hostname()) || port(want) != port(parsed) {
			t.Errorf("%q becomes %q: %v", uri, normal, err)
		}
		if !strings.Contains(uri, "..") && !strings.Contains(strings.ToLower(uri), "%2e") && !strings.Contains(uri, "/.") &&
			strings.Count(want.EscapedPath(), "/") != max(1, strings.Count(parsed.EscapedPath(), "/")) {
			t.Errorf("%q becomes %q, with other slashes", uri, normal)
		}
	})
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
}

// FuzzProof checks that nothing but the genuine proof is accepted, whatever is made of it.
func FuzzProof(f *testing.F) {
	key := newClient(f, "ES256")
	later := time.Now().Add(25 * time.Second).Unix()
	genuine := key.proof(with(claims(), "iat", later))
	f.Add(genuine)
	f.Add(genuine + "=")
	f.Add(key.sign(text(with(key.header(), "crit", []string{"b64"})), text(claims())))
	f.Add(key.sign(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC"}}`, text(claims())))
	f.Fuzz(func(t *testing.T, value string) {
		c := newChecker(t, func(c *dpop.Config) { c.Replays, c.Leeway = newStore(), 5*time.Minute })
		proof, err := c.Read(request(value))
		if err != nil {
			return
		}
		if err := proof.Check(t.Context(), key.thumbprint); err == nil && value != genuine {
			t.Errorf("%q was accepted", value)
		}
	})
}
