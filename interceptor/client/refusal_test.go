package client_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// describe lists what a refusal says, without what it doesn't.
func describe(r *client.Refusal) string {
	if r == nil {
		return "no refusal"
	}
	var b strings.Builder
	add := func(name string, value any, isSet bool) {
		if isSet {
			fmt.Fprintf(&b, "%s=%v ", name, value)
		}
	}
	add("code", r.Code, r.Code != "")
	add("message", r.Message, r.Message != "")
	add("scopes", r.Scopes, len(r.Scopes) > 0)
	add("permissions", r.Permissions, len(r.Permissions) > 0)
	add("acr", r.ACRValues, len(r.ACRValues) > 0)
	add("age", r.MaxAge, r.MaxAge != 0)
	add("metadata", r.ResourceMetadata, r.ResourceMetadata != "")
	add("after", r.RetryAfter, r.RetryAfter != 0)
	add("challenges", len(r.Challenges), len(r.Challenges) > 0)
	return strings.TrimSpace(b.String())
}

func TestRefusalSaysWhatTheServerAsksFor(t *testing.T) {
	const (
		unauthenticated = interceptor.CodeUnauthenticated
		denied          = interceptor.CodePermissionDenied
		unavailable     = interceptor.CodeUnavailable
	)
	retryInfo, err := proto.Marshal(&errdetails.RetryInfo{RetryDelay: durationpb.New(2 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := proto.Marshal(&errdetails.ErrorInfo{Reason: "TOKEN_EXPIRED", Domain: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	challenges := func(values ...string) func(string) []string { return header("www-authenticate", values...) }
	for _, test := range []struct {
		name     string
		response client.Response
		want     string
	}{
		{"from the header", client.Response{Code: unauthenticated, Header: challenges(`Bearer error="invalid_token", error_description="gone"`)},
			"code=invalid_token message=gone challenges=1"},
		{"from the trailer", client.Response{Code: unauthenticated, Trailer: challenges(`Bearer error="invalid_token"`)},
			"code=invalid_token challenges=1"},
		{"from a detail", client.Response{Code: denied, Details: []client.Detail{ourDetail(t, "INSUFFICIENT_SCOPE", `Bearer scope="a b"`)}},
			"code=insufficient_scope scopes=[a b] challenges=1"},
		{"a detail's type has no prefix in Connect", client.Response{Code: denied, Details: []client.Detail{
			{Type: "google.rpc.ErrorInfo", Value: ourDetail(t, "INSUFFICIENT_SCOPE", `Bearer scope="a b"`).Value}}},
			"code=insufficient_scope scopes=[a b] challenges=1"},
		{"the detail's code is more exact than the challenge's", client.Response{
			Code: unauthenticated, Header: challenges(`Bearer error="invalid_token"`),
			Details: []client.Detail{ourDetail(t, "TOKEN_EXPIRED", `Bearer error="invalid_token"`)}},
			"code=token_expired challenges=1"},
		{"nothing but a code", client.Response{Code: unauthenticated, Message: "no"}, "message=no"},
		{"step-up", client.Response{Code: unauthenticated, Header: challenges(
			`Bearer error="insufficient_user_authentication", acr_values="mfa hwk", max_age="300"`)},
			"code=insufficient_user_authentication acr=[mfa hwk] age=5m0s challenges=1"},
		{"a login right now", client.Response{Code: unauthenticated, Header: challenges(`Bearer max_age=0`)}, "age=1s challenges=1"},
		{"a max_age that is no number", client.Response{Code: unauthenticated, Header: challenges(`Bearer max_age="-1"`)}, "challenges=1"},
		{"permissions, as some servers send them", client.Response{Code: denied, Header: challenges(
			`Bearer error="insufficient_scope", permissions="orders:read"`)},
			"code=insufficient_scope permissions=[orders:read] challenges=1"},
		{"metadata", client.Response{Code: unauthenticated, Header: challenges(
			`Bearer resource_metadata="https://api.example/.well-known/oauth-protected-resource"`)},
			"metadata=https://api.example/.well-known/oauth-protected-resource challenges=1"},
		{"two challenges in one field", client.Response{Code: denied, Header: challenges(
			`DPoP algs="ES256", Bearer realm="api", error="insufficient_scope", scope="read"`)},
			"code=insufficient_scope scopes=[read] challenges=2"},
		{"two fields", client.Response{Code: denied, Header: challenges(`Basic realm="a, b"`, `bearer error=insufficient_scope, scope=read`)},
			"code=insufficient_scope scopes=[read] challenges=2"},
		{"the Bearer challenge with an error counts", client.Response{Code: unauthenticated, Header: challenges(
			`Bearer realm="one", Bearer realm="two", error="invalid_token"`)},
			"code=invalid_token challenges=2"},
		{"another scheme's error doesn't count", client.Response{Code: unauthenticated, Header: challenges(`GNAP error="invalid_token"`)},
			"challenges=1"},
		{"a DPoP challenge", client.Response{Code: unauthenticated, Header: challenges(
			`Bearer realm="api", dpop error="invalid_dpop_proof", error_description="late", algs="ES256"`)},
			"code=invalid_dpop_proof message=late challenges=2"},
		{"a malformed field costs no other", client.Response{Code: unauthenticated, Header: challenges(`"`, `Bearer error="invalid_token"`)},
			"code=invalid_token challenges=1"},
		{"the keys are unavailable", client.Response{Code: unavailable, Details: []client.Detail{
			ourDetail(t, "JWKS_FETCH_FAILED", ""), {Type: "google.rpc.RetryInfo", Value: retryInfo}}},
			"code=jwks_fetch_failed after=2s"},
		{"Retry-After", client.Response{Code: unauthenticated, Header: header("retry-after", "7")}, "after=7s"},
		{"another outage", client.Response{Code: unavailable, Details: []client.Detail{{Type: "google.rpc.RetryInfo", Value: retryInfo}}},
			"no refusal"},
		{"another domain's detail", client.Response{Code: unauthenticated, Details: []client.Detail{{Type: "google.rpc.ErrorInfo", Value: foreign}}},
			""},
		{"a detail that isn't one", client.Response{Code: unauthenticated, Details: []client.Detail{
			{Type: "google.rpc.ErrorInfo", Value: []byte{0xff}}, {Type: "google.rpc.RetryInfo", Value: []byte{0xff}}}}, ""},
		{"another code", client.Response{Code: interceptor.CodeInternal, Header: challenges(`Bearer error="invalid_token"`)}, "no refusal"},
		{"no error", client.Response{}, "no refusal"},
		{"too long", client.Response{Code: unauthenticated, Header: challenges(
			`Bearer scope="` + strings.Repeat("a ", 10<<10) + `"`)}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := describe(client.ReadRefusal(test.response)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestErrorOfARefusalIsOnePrintableLine(t *testing.T) {
	refusal := &client.Refusal{Code: "a\nb", Message: strings.Repeat("ä\n", 1000)}
	text := refusal.Error()
	if len(text) > 700 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("%d bytes: %.100q", len(text), text)
	}
}

// Whatever a server sends, reading it ends, and what is read is bounded by what was sent.
func FuzzRefusal(f *testing.F) {
	f.Add(uint32(16), "no", `Bearer error="invalid_token", scope="a b"`, `DPoP algs="ES256"`, "TOKEN_EXPIRED", []byte{})
	f.Add(uint32(7), "", `Bearer max_age="99999999999999999999"`, `Bearer`, "", []byte{0x0a, 0x01})
	f.Fuzz(func(t *testing.T, code uint32, message, first, second, reason string, raw []byte) {
		info, err := proto.Marshal(&errdetails.ErrorInfo{
			Reason: reason, Domain: interceptor.ErrorDomain, Metadata: map[string]string{"challenge": second},
		})
		if err != nil {
			info = raw
		}
		refusal := client.ReadRefusal(client.Response{
			Code:    interceptor.Code(code),
			Message: message,
			Header:  func(string) []string { return []string{first} },
			Trailer: func(string) []string { return []string{second} },
			Details: []client.Detail{
				{Type: "google.rpc.ErrorInfo", Value: info}, {Type: "google.rpc.ErrorInfo", Value: raw},
				{Type: "google.rpc.RetryInfo", Value: raw},
			},
		})
		if refusal == nil {
			return
		}
		if refusal.MaxAge < 0 || refusal.RetryAfter < 0 {
			t.Errorf("MaxAge = %v, RetryAfter = %v", refusal.MaxAge, refusal.RetryAfter)
		}
		if len(refusal.Error()) > 700 {
			t.Errorf("Error has %d bytes", len(refusal.Error()))
		}
		if len(refusal.Scopes) > len(first)+len(second) {
			t.Errorf("%d scopes", len(refusal.Scopes))
		}
	})
}

// What our own servers send is what their clients read.
func TestRefusalReadsWhatAuthErrorWrites(t *testing.T) {
	sent := &verifier.AuthError{
		Code:    verifier.CodeInsufficientUserAuthentication,
		Message: "log in again", Scopes: []string{"a", "b"}, ACRValues: []string{"mfa"}, MaxAge: time.Minute,
	}
	got := client.ReadRefusal(client.Response{
		Code:   interceptor.CodeUnauthenticated,
		Header: header("www-authenticate", sent.Challenge("api").String()),
	})
	want := "code=insufficient_user_authentication message=log in again scopes=[a b] acr=[mfa] age=1m0s challenges=1"
	if describe(got) != want {
		t.Errorf("got  %s\nwant %s", describe(got), want)
	}
}

func TestPermissionsAreReadFromTheDetail(t *testing.T) {
	value, err := proto.Marshal(&errdetails.ErrorInfo{
		Reason: "INSUFFICIENT_PERMISSIONS", Domain: interceptor.ErrorDomain, Metadata: map[string]string{
			"challenge": `Bearer realm="api", error="insufficient_scope"`, "permissions": "orders:read orders:write",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	refusal := client.ReadRefusal(client.Response{
		Code:    interceptor.CodePermissionDenied,
		Details: []client.Detail{{Type: "google.rpc.ErrorInfo", Value: value}},
	})
	if !slices.Equal(refusal.Permissions, []string{"orders:read", "orders:write"}) {
		t.Errorf("Permissions = %q", refusal.Permissions)
	}
}
