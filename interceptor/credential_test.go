package interceptor_test

import (
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

const maxTokenBytes = 16 << 10

func TestOnlyOneWellFormedBearerCredentialIsAccepted(t *testing.T) {
	const missing, invalid = verifier.CodeMissingToken, verifier.CodeInvalidRequest
	tests := []struct {
		name   string
		values []string
		want   verifier.Code
	}{
		{"none", nil, missing},
		{"empty", []string{""}, missing},
		{"blank", []string{"   "}, missing},
		{"another scheme", []string{"Basic dXNlcjpwYXNz"}, missing},
		{"another scheme with parameters", []string{`Digest username="a", realm="b"`}, missing},
		{"a scheme that begins like ours", []string{"BearerX token"}, missing},
		{"DPoP is not Bearer", []string{"DPoP token"}, missing},
		{"scheme alone", []string{"Bearer"}, invalid},
		{"scheme and space", []string{"Bearer "}, invalid},
		{"a tab as separator", []string{"Bearer\ttoken"}, invalid},
		{"a colon", []string{"Bearer: token"}, invalid},
		{"an equals sign", []string{"Bearer=token"}, invalid},
		{"a leading space", []string{" Bearer token"}, invalid},
		{"a trailing space", []string{"Bearer token "}, invalid},
		{"a trailing comma", []string{"Bearer token,"}, invalid},
		{"a trailing tab", []string{"Bearer token\t"}, invalid},
		{"a line break", []string{"Bearer token\r\nx: y"}, invalid},
		{"a NUL", []string{"Bearer token\x00"}, invalid},
		{"a non-ASCII byte", []string{"Bearer tok\u00e9n"}, invalid},
		{"a quoted token", []string{`Bearer "token"`}, invalid},
		{"padding inside", []string{"Bearer to=ken"}, invalid},
		{"padding alone", []string{"Bearer ="}, invalid},
		{"two words", []string{"Bearer token token"}, invalid},
		{"two values", []string{"Bearer token", "Bearer token"}, invalid},
		{"a good and an empty value", []string{"Bearer token", ""}, invalid},
		{"another scheme beside ours", []string{"Basic eA", "Bearer token"}, invalid},
		{"two joined by a comma", []string{"Bearer token, Bearer token"}, invalid},
		{"another scheme joined with ours", []string{"Basic eA, Bearer token"}, invalid},
		{"an over-long value", []string{"Bearer " + strings.Repeat("x", maxTokenBytes+1)}, invalid},
		{"an over-long value of another scheme", []string{"Basic " + strings.Repeat("x", 1<<20)}, invalid},
	}
	auth := mustNew(t, acceptAll{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, refusal := auth.Authenticate(t.Context(), interceptor.Call{
				Procedure: "/a.S/M", Authorization: test.values,
			})
			if got := reasonOf(t, refusal); got != strings.ToUpper(string(test.want)) {
				t.Errorf("reason = %q, want %q", got, test.want)
			}
		})
	}
}

func TestBearerTokenReachesTheVerifierUnchanged(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"plain", "Bearer a.b-c_d~e+f/g", "a.b-c_d~e+f/g"},
		{"padded", "Bearer abc==", "abc=="},
		{"lower case", "bearer token", "token"},
		{"upper case", "BEARER token", "token"},
		{"many spaces", "Bearer    token", "token"},
		{"as long as may be", "Bearer " + strings.Repeat("x", maxTokenBytes),
			strings.Repeat("x", maxTokenBytes)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got string
			auth := mustNew(t, verifyFunc(func(token string) (*verifier.Claims, error) {
				got = token
				return claimsOf(nil), nil
			}))
			_, refusal := auth.Authenticate(t.Context(), interceptor.Call{
				Procedure: "/a.S/M", Authorization: []string{test.value},
			})
			if refusal != nil {
				t.Fatal(refusal)
			}
			if got != test.want {
				t.Errorf("token = %q, want %q", got, test.want)
			}
		})
	}
}

func TestHugeAuthorizationValueAllocatesLittle(t *testing.T) {
	auth := mustNew(t, acceptAll{})
	for _, value := range []string{
		"Bearer " + strings.Repeat("a", 16<<20),
		"Bearer " + strings.Repeat(".", 1<<20),
		strings.Repeat(",", 16<<20),
		strings.Repeat("a b ", 4000),
		strings.Repeat("a,", 8000),
		"Digest " + strings.Repeat("a=b,", 4000),
	} {
		call := interceptor.Call{Procedure: "/a.S/M", Authorization: []string{value}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, refusal := auth.Authenticate(t.Context(), call)
		runtime.ReadMemStats(&after)
		if refusal == nil {
			t.Errorf("%.20q… was admitted", value)
		}
		bytes := after.TotalAlloc - before.TotalAlloc
		if bytes > 64<<10 {
			t.Errorf("%.20q… allocates %d bytes, want at most 64 KiB", value, bytes)
		}
	}
}

// FuzzAuthorization compares the bearer token with its grammar, as a regular expression
// writes it. Two values are never one credential.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{
		"", " ", "Bearer", "Bearer x", "bearer  x.y.z", "BEARER\tx", "Bearer: x", "Bearer x=y", "Bearer x==", "Bearer =",
		"Bearer x ", "Bearer x\r\n", "Bearer x, Bearer y", "Bearer x,", "Bearer \u00e9", "Basic eA", "Basic eA, Bearer x", "DPoP x",
	} {
		f.Add(seed, seed)
	}
	credential := regexp.MustCompile(`^(?i:Bearer) +([A-Za-z0-9._~+/-]+=*)$`)
	f.Fuzz(func(t *testing.T, value, second string) {
		var got string
		auth := mustNew(t, verifyFunc(func(token string) (*verifier.Claims, error) {
			got = token
			return claimsOf(nil), nil
		}))
		call := interceptor.Call{Procedure: "/a.S/M", Authorization: []string{value}}
		_, refusal := auth.Authenticate(t.Context(), call)
		var want string
		if match := credential.FindStringSubmatch(value); match != nil && len(value) <= len("Bearer ")+maxTokenBytes {
			want = match[1]
		}
		if got != want {
			t.Errorf("%q was taken for the token %q, want %q", value, got, want)
		}
		if admitted := refusal == nil; admitted != (want != "") {
			t.Errorf("%q: admitted = %v", value, admitted)
		}
		call.Authorization = []string{value, second}
		if _, refusal := auth.Authenticate(t.Context(), call); reasonOf(t, refusal) != "INVALID_REQUEST" {
			t.Errorf("%q and %q: %v", value, second, refusal)
		}
	})
}
