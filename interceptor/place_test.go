package interceptor_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A named verifier accepts every credential. Its claims say which verifier it was, and
// what it got.
func named(name string) interceptor.TokenVerifier {
	return verifyFunc(func(token string) (*verifier.Claims, error) {
		return claimsOf(map[string]any{"sub": name + " got " + token}), nil
	})
}

// everywhere accepts a credential in each kind of place.
func everywhere(tb testing.TB, options ...interceptor.Option) *interceptor.Authenticator {
	tb.Helper()
	return mustNew(tb, named("Bearer"), slices.Concat([]interceptor.Option{
		interceptor.WithCredential(interceptor.Scheme("ApiKey"), named("ApiKey")),
		interceptor.WithCredential(interceptor.Metadata("x-api-key"), named("x-api-key")),
		interceptor.WithCredential(interceptor.MetadataScheme("x-token", "Token"), named("x-token")),
		interceptor.WithCredential(interceptor.Cookie("session"), named("session")),
		interceptor.WithCredential(interceptor.Cookie("__Host-id"), named("id")),
	}, options)...)
}

// callWith is a call with metadata: keys and values by turns.
func callWith(metadata ...string) interceptor.Call {
	header := make(http.Header)
	for i := 0; i < len(metadata); i += 2 {
		header.Add(metadata[i], metadata[i+1])
	}
	return interceptor.Call{Procedure: "/a.S/M", Authorization: header.Values("Authorization"), Request: request(header)}
}

func TestCredentialReachesTheVerifierOfItsPlace(t *testing.T) {
	var log auditLog
	auth := everywhere(t, log.observer())
	for _, test := range []struct {
		name        string
		metadata    []string
		want, label string
	}{
		{"Bearer", []string{"authorization", "Bearer abc"}, "Bearer got abc", "authorization Bearer"},
		{"another scheme", []string{"authorization", "ApiKey abc=="}, "ApiKey got abc==", "authorization ApiKey"},
		{"another scheme, in any case", []string{"authorization", "APIKEY  abc"}, "ApiKey got abc", "authorization ApiKey"},
		{"a key alone", []string{"x-api-key", "a:b|c$"}, "x-api-key got a:b|c$", "x-api-key"},
		{"a key with a scheme", []string{"x-token", "token abc"}, "x-token got abc", "x-token Token"},
		{"a cookie", []string{"cookie", "session=abc"}, "session got abc", "cookie session"},
		{"a cookie with an equals sign", []string{"cookie", "session=a=b"}, "session got a=b", "cookie session"},
		{"a quoted cookie", []string{"cookie", `session="abc"`}, "session got abc", "cookie session"},
		{"a cookie among others", []string{"cookie", "a=1; __Host-id=x; b"}, "id got x", "cookie __Host-id"},
		{"a cookie without spaces around it", []string{"cookie", "a=1;session=x;b=2"}, "session got x", "cookie session"},
		{"a cookie beside broken ones", []string{"cookie", "a=\x01\"; ;=; =x; session=x; b b"}, "session got x", "cookie session"},
		{"a cookie in a later crumb", []string{"cookie", "a=1", "cookie", "session=x"}, "session got x", "cookie session"},
		{"a cookie like ours in another case", []string{"cookie", "Session=y; session=x"}, "session got x", "cookie session"},
		{"beside a scheme for others", []string{"authorization", "Basic eA==", "x-api-key", "abc"}, "x-api-key got abc", "x-api-key"},
		{"beside an empty authorization", []string{"authorization", "", "cookie", "session=x"}, "session got x", "cookie session"},
		{"beside a key's scheme for others", []string{"x-token", "Basic eA==", "x-api-key", "abc"}, "x-api-key got abc", "x-api-key"},
		{"beside cookies for others", []string{"authorization", "Bearer abc", "cookie", "a=1"}, "Bearer got abc", "authorization Bearer"},
		{"as long as may be", []string{"x-api-key", strings.Repeat("x", maxTokenBytes)},
			"x-api-key got " + strings.Repeat("x", maxTokenBytes), "x-api-key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			log = nil
			claims, _ := interceptor.ClaimsFromContext(admit(t.Context(), t, auth, callWith(test.metadata...)).Context())
			if claims.Subject() != test.want {
				t.Errorf("%.80s, want %.80s", claims.Subject(), test.want)
			}
			if len(log) != 1 || log[0].Credential != test.label {
				t.Errorf("observed %+v, want the credential in %q", log, test.label)
			}
		})
	}
}

func TestMalformedCredentialIsRefusedInEachPlace(t *testing.T) {
	long := strings.Repeat("x", maxTokenBytes+1)
	auth := everywhere(t)
	for name, metadata := range map[string][]string{
		"a malformed token beside a key": {"authorization", "Bearer a b", "x-api-key", "a"},
		"a scheme alone":                 {"authorization", "ApiKey"},
		"a scheme with two words":        {"authorization", "ApiKey a b"},
		"a scheme and no token68":        {"authorization", "ApiKey a:b"},
		"a scheme with parameters":       {"authorization", `ApiKey key="a"`},
		"a scheme and a tab":             {"authorization", "ApiKey\tabc"},
		"a scheme after a comma":         {"authorization", ",ApiKey abc"},
		"a scheme, over-long":            {"authorization", "ApiKey " + long},
		"two schemes in one value":       {"authorization", "Basic eA, ApiKey abc"},
		"an empty key":                   {"x-api-key", ""},
		"a key with a space":             {"x-api-key", "a b"},
		"a key with a leading space":     {"x-api-key", " a"},
		"a key with a tab":               {"x-api-key", "a\t"},
		"a key with a comma":             {"x-api-key", "a,b"},
		"a key with a semicolon":         {"x-api-key", "a;b"},
		"a key in quotes":                {"x-api-key", `"a"`},
		"a key with a backslash":         {"x-api-key", `a\b`},
		"a key with a line break":        {"x-api-key", "a\r\nb: c"},
		"a key with a NUL":               {"x-api-key", "a\x00"},
		"a key with a DEL":               {"x-api-key", "a\x7f"},
		"a key beyond ASCII":             {"x-api-key", "\u00e9"},
		"a key, over-long":               {"x-api-key", long},
		"a key without its scheme":       {"x-token", "a,b"},
		"an empty cookie":                {"cookie", "session="},
		"an empty cookie in quotes":      {"cookie", `session=""`},
		"a cookie without a value":       {"cookie", "session"},
		"a cookie with a space":          {"cookie", "session=a b"},
		"a cookie and a space":           {"cookie", "session=a ; b=1"},
		"a cookie's name and a space":    {"cookie", "session =a"},
		"a cookie's value after a space": {"cookie", "session= a"},
		"a cookie with a comma":          {"cookie", "session=a,session=b"},
		"a cookie with one quote":        {"cookie", `session="a`},
		"a cookie that is one quote":     {"cookie", `session="`},
		"a cookie with a control":        {"cookie", "session=a\x01"},
		"a cookie beyond ASCII":          {"cookie", "session=\u00e9"},
		"a cookie, over-long":            {"cookie", "session=" + long},
		"a cookie after too many others": {"cookie", strings.Repeat("a=1;", 16<<10) + "session=a"},
		"too many crumbs":                slices.Repeat([]string{"cookie", ""}, 32<<10),
	} {
		t.Run(name, func(t *testing.T) {
			_, refusal := auth.Authenticate(t.Context(), callWith(metadata...))
			if got := reasonOf(t, refusal); got != "INVALID_REQUEST" {
				t.Errorf("reason = %q, want INVALID_REQUEST", got)
			}
		})
	}
}

func TestCallCarriesExactlyOneCredential(t *testing.T) {
	var log auditLog
	auth := everywhere(t, log.observer())
	for name, metadata := range map[string][]string{
		"Bearer and another scheme":           {"authorization", "Bearer a", "authorization", "ApiKey a"},
		"Bearer and a key":                    {"authorization", "Bearer a", "x-api-key", "a"},
		"Bearer and an empty key":             {"authorization", "Bearer a", "x-api-key", ""},
		"Bearer and a cookie":                 {"authorization", "Bearer a", "cookie", "session=a"},
		"Bearer and an empty cookie":          {"authorization", "Bearer a", "cookie", "session="},
		"a key and a key with a scheme":       {"x-api-key", "a", "x-token", "Token a"},
		"a key and a cookie":                  {"x-api-key", "a", "cookie", "session=a"},
		"two values of a key":                 {"x-api-key", "a", "x-api-key", "b"},
		"two equal values of a key":           {"x-api-key", "a", "x-api-key", "a"},
		"an empty value of a key":             {"x-api-key", "a", "x-api-key", ""},
		"two values of a key with a scheme":   {"x-token", "Token a", "x-token", "Basic a"},
		"two cookies":                         {"cookie", "session=a; __Host-id=a"},
		"two cookies of one name":             {"cookie", "session=a; session=b"},
		"two equal cookies":                   {"cookie", "session=a; session=a"},
		"two cookies in two crumbs":           {"cookie", "session=a", "cookie", "session=b"},
		"a second cookie in another's quotes": {"cookie", `session=a; b="; session=c"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, refusal := auth.Authenticate(t.Context(), callWith(metadata...))
			if got := reasonOf(t, refusal); got != "INVALID_REQUEST" {
				t.Errorf("reason = %q, want INVALID_REQUEST", got)
			}
			if want := "the call must carry exactly one well-formed credential"; refusal.Message != want {
				t.Errorf("message = %q, want %q", refusal.Message, want)
			}
		})
	}
	for _, d := range log {
		if strings.HasPrefix(d.Credential, "authorization") {
			t.Errorf("of several credentials %q was told to the observer", d.Credential)
		}
	}
}

func TestOnlyNamedPlacesAreLookedAt(t *testing.T) {
	metadata := []string{"x-api-key", "abc", "x-other", "abc", "cookie", "session=abc", "authorization", "ApiKey abc"}
	auth := mustNew(t, named("Bearer"))
	if _, refusal := auth.Authenticate(t.Context(), callWith(metadata...)); reasonOf(t, refusal) != "MISSING_TOKEN" {
		t.Errorf("with Bearer alone: %v", refusal)
	}
	auth = mustNew(t, named("Bearer"), interceptor.WithCredential(interceptor.Metadata("x-api-key"), named("x-api-key")))
	call, asked := callWith(metadata...), new(spy)
	asked.Request, call.Request = call.Request, asked
	admit(t.Context(), t, auth, call)
	if !slices.Equal(asked.keys, []string{"X-Api-Key"}) {
		t.Errorf("asked for %q, want X-Api-Key alone", asked.keys)
	}
}

// A spy notes which keys are asked for.
type spy struct {
	interceptor.Request

	keys []string
}

func (s *spy) Values(ctx context.Context, key string) []string {
	s.keys = append(s.keys, key)
	return s.Request.Values(ctx, key)
}

func TestOnlyACallWithoutAnyCredentialIsAnonymous(t *testing.T) {
	auth := everywhere(t, interceptor.WithPolicy(interceptor.Policy{"/*": {Access: interceptor.AccessOptional}}))
	for name, metadata := range map[string][]string{
		"nothing": nil, "other cookies": {"cookie", "a=1"}, "another key": {"x-other", "abc"},
	} {
		admission := admit(t.Context(), t, auth, callWith(metadata...))
		if claims, ok := interceptor.ClaimsFromContext(admission.Context()); ok {
			t.Errorf("%s: %v, want no claims", name, claims)
		}
	}
	for name, metadata := range map[string][]string{
		"a scheme for others":       {"authorization", "Basic eA=="},
		"an empty authorization":    {"authorization", ""},
		"a key's scheme for others": {"x-token", "Basic eA=="},
		"an empty key":              {"x-api-key", ""},
		"an empty cookie":           {"cookie", "session="},
	} {
		if _, refusal := auth.Authenticate(t.Context(), callWith(metadata...)); refusal == nil {
			t.Errorf("%s: admitted, want a refusal", name)
		}
	}
}

// An adapter that lets nothing but authorization be seen could hide a second credential.
func TestPlacesNeedARequest(t *testing.T) {
	call := withToken("/a.S/M")
	admit(t.Context(), t, mustNew(t, acceptAll{}, interceptor.WithCredential(interceptor.Scheme("ApiKey"), acceptAll{})), call)
	_, refusal := everywhere(t).Authenticate(t.Context(), call)
	if refusal == nil || refusal.Code != interceptor.CodeInternal {
		t.Errorf("without a Request: %v, want Internal", refusal)
	}
}

func TestMaxTokenBytesIsEachVerifiersOwn(t *testing.T) {
	auth := mustNew(t, bounded{3},
		interceptor.WithCredential(interceptor.Scheme("ApiKey"), bounded{5}),
		interceptor.WithCredential(interceptor.Metadata("x-api-key"), bounded{4}),
		interceptor.WithCredential(interceptor.Cookie("session"), bounded{2}))
	for _, metadata := range [][2]string{
		{"authorization", "Bearer abc"}, {"authorization", "ApiKey abcde"}, {"x-api-key", "abcd"}, {"cookie", "session=ab"},
	} {
		admit(t.Context(), t, auth, callWith(metadata[:]...))
		_, refusal := auth.Authenticate(t.Context(), callWith(metadata[0], metadata[1]+"f"))
		if reasonOf(t, refusal) != "INVALID_REQUEST" {
			t.Errorf("%s: %sf: %v", metadata[0], metadata[1], refusal)
		}
	}
}

func TestSpacesAfterASchemeCountForItsLength(t *testing.T) {
	auth := mustNew(t, bounded{4})
	admit(t.Context(), t, auth, callWith("authorization", "Bearer  abc"))
	if _, refusal := auth.Authenticate(t.Context(), callWith("authorization", "Bearer   abc")); refusal == nil {
		t.Error("admitted with a space too many")
	}
}

type bounded struct{ max int }

func (bounded) Verify(context.Context, string) (*verifier.Claims, error) { return claimsOf(nil), nil }
func (b bounded) MaxTokenBytes() int                                     { return b.max }

func TestNewRefusesAPlaceThatCannotBe(t *testing.T) {
	long := strings.Repeat("x", 65)
	for _, test := range []struct {
		name  string
		place interceptor.Place
		want  string
	}{
		{"none", interceptor.Place{}, "the Place must be made by one of the functions"},
		{"Bearer", interceptor.Scheme("bearer"), `"authorization Bearer" was given already`},
		{"DPoP", interceptor.Scheme("dpop"), "DPoP needs its proof checked"},
		{"DPoP elsewhere", interceptor.MetadataScheme("x-token", "DPoP"), "DPoP needs its proof checked"},
		{"no scheme", interceptor.Scheme(""), `the name "" must be a token`},
		{"two schemes", interceptor.Scheme("Api Key"), `the name "Api Key" must be a token`},
		{"a long scheme", interceptor.Scheme(long), "at most 64 bytes"},
		{"no scheme elsewhere", interceptor.MetadataScheme("x-token", ""), `the name "" must be a token`},
		{"no cookie", interceptor.Cookie(""), `the name "" must be a token`},
		{"two cookies", interceptor.Cookie("a;b"), `the name "a;b" must be a token`},
		{"no key", interceptor.Metadata(""), `the key "" must be a field name`},
		{"a key in upper case", interceptor.Metadata("X-Api-Key"), `the key "X-Api-Key" must be a field name in lower case`},
		{"a key with a space", interceptor.Metadata("x key"), "must be a field name"},
		{"a long key", interceptor.Metadata(long), "at most 64 bytes"},
		{"a place for Bearer", interceptor.Metadata("authorization"), "is reserved"},
		{"a place for cookies", interceptor.Metadata("cookie"), "is reserved"},
		{"a pseudo-header", interceptor.Metadata(":path"), "is reserved"},
		{"gRPC's own", interceptor.Metadata("grpc-timeout"), "is reserved"},
		{"Connect's own", interceptor.Metadata("connect-protocol-version"), "is reserved"},
		{"a binary key", interceptor.Metadata("x-key-bin"), "is reserved"},
		{"net/http's own", interceptor.Metadata("host"), "is reserved"},
		{"the content's", interceptor.Metadata("content-type"), "is reserved"},
		{"the proxy's", interceptor.MetadataScheme("proxy-authorization", "Basic"), "is reserved"},
		{"the key again", interceptor.Metadata("x-api-key"), `"x-api-key" was given already`},
		{"the key with a scheme, too", interceptor.MetadataScheme("x-api-key", "A"), "was given already"},
		{"the key without its scheme, too", interceptor.Metadata("x-token"), "was given already"},
		{"the key with its scheme again", interceptor.MetadataScheme("x-token", "TOKEN"), "was given already"},
		{"the scheme again", interceptor.Scheme("APIKEY"), `"authorization APIKEY" was given already, as "authorization ApiKey"`},
		{"the cookie again", interceptor.Cookie("session"), "was given already"},
	} {
		_, err := interceptor.New(acceptAll{},
			interceptor.WithCredential(interceptor.Scheme("ApiKey"), acceptAll{}),
			interceptor.WithCredential(interceptor.Metadata("x-api-key"), acceptAll{}),
			interceptor.WithCredential(interceptor.MetadataScheme("x-token", "Token"), acceptAll{}),
			interceptor.WithCredential(interceptor.Cookie("session"), acceptAll{}),
			interceptor.WithCredential(test.place, acceptAll{}))
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "interceptor: WithCredential") {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	if _, err := interceptor.New(acceptAll{}, interceptor.WithCredential(interceptor.Cookie("a"), nil)); err == nil {
		t.Error("a nil TokenVerifier was accepted")
	}
	// Names that differ in what counts, and a prefix that is only part of a name.
	mustNew(t, acceptAll{},
		interceptor.WithCredential(interceptor.Cookie("session"), acceptAll{}),
		interceptor.WithCredential(interceptor.Cookie("Session"), acceptAll{}),
		interceptor.WithCredential(interceptor.MetadataScheme("x-token", "A"), acceptAll{}),
		interceptor.WithCredential(interceptor.MetadataScheme("x-token", "B"), acceptAll{}),
		interceptor.WithCredential(interceptor.MetadataScheme("x-token", "Bearer"), acceptAll{}),
		interceptor.WithCredential(interceptor.Metadata("cf-access-jwt-assertion"), acceptAll{}))
}

// The challenge names what a caller could have sent. Only one for Bearer has an error.
func TestChallengeOffersEverySchemeInAuthorization(t *testing.T) {
	const basic, offer = `Bearer realm="r"`, `, ApiKey realm="r", Token realm="r"`
	no := verifyFunc(func(string) (*verifier.Claims, error) {
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "it's unknown"}
	})
	auth := mustNew(t, no,
		interceptor.WithCredential(interceptor.Scheme("ApiKey"), no),
		interceptor.WithCredential(interceptor.Metadata("x-api-key"), no),
		interceptor.WithCredential(interceptor.Cookie("session"), no),
		interceptor.WithCredential(interceptor.Scheme("Token"), acceptAll{}),
		interceptor.WithRealm("r"),
		interceptor.WithPolicy(interceptor.Policy{"/*": {Require: verifier.Requirement{Scopes: []string{"read"}}}}))
	for _, test := range []struct {
		name           string
		metadata       []string
		reason, params string
	}{
		{"nothing", nil, "MISSING_TOKEN", ""},
		{"a bad bearer token", []string{"authorization", "Bearer a"}, "INVALID_TOKEN",
			`, error="invalid_token", error_description="it's unknown"`},
		{"a malformed bearer token", []string{"authorization", "Bearer a b"}, "INVALID_REQUEST", `, error="invalid_request"`},
		{"two credentials", []string{"authorization", "Bearer a", "x-api-key", "a"}, "INVALID_REQUEST", `, error="invalid_request"`},
		{"two other credentials", []string{"cookie", "session=a", "x-api-key", "a"}, "INVALID_REQUEST", `, error="invalid_request"`},
		{"a bad credential in another scheme", []string{"authorization", "ApiKey a"}, "INVALID_TOKEN", ""},
		{"a malformed credential in another scheme", []string{"authorization", "ApiKey a b"}, "INVALID_REQUEST", ""},
		{"a bad key", []string{"x-api-key", "a"}, "INVALID_TOKEN", ""},
		{"a malformed key", []string{"x-api-key", "a b"}, "INVALID_REQUEST", ""},
		{"a key twice", []string{"x-api-key", "a", "x-api-key", "a"}, "INVALID_REQUEST", ""},
		{"a bad cookie", []string{"cookie", "session=a"}, "INVALID_TOKEN", ""},
		{"a malformed cookie", []string{"cookie", "session="}, "INVALID_REQUEST", ""},
		{"too few grants", []string{"authorization", "Token a"}, "INSUFFICIENT_SCOPE", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, refusal := auth.Authenticate(t.Context(), callWith(test.metadata...))
			info := infoOf(t, refusal)
			if want := basic + test.params + offer; refusal.Challenge != want || info.GetMetadata()["challenge"] != want {
				t.Errorf("challenge = %q and %q, want %q", refusal.Challenge, info.GetMetadata()["challenge"], want)
			}
			if info.GetReason() != test.reason {
				t.Errorf("reason = %q, want %q", info.GetReason(), test.reason)
			}
			if _, err := verifier.ParseChallenges([]string{refusal.Challenge}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHandlersRefusalOfAnotherCredentialHasNoError(t *testing.T) {
	admission := admit(t.Context(), t, everywhere(t), callWith("x-api-key", "a"))
	refusal := interceptor.NewRefusal(admission.Context(), errors.New("no"))
	if want := `Bearer realm="api", ApiKey realm="api"`; refusal.Challenge != want || refusal.Code != interceptor.CodePermissionDenied {
		t.Errorf("%v with %q, want PermissionDenied with %q", refusal.Code, refusal.Challenge, want)
	}
}

func TestChallengeStaysShortWithManySchemes(t *testing.T) {
	options := []interceptor.Option{
		interceptor.WithRealm(strings.Repeat("r", 128)),
		interceptor.WithPolicy(interceptor.Policy{"/*": {Require: verifier.Requirement{Scopes: []string{strings.Repeat("s", 900)}}}}),
	}
	for _, scheme := range []string{"A", "B"} {
		options = append(options, interceptor.WithCredential(interceptor.Scheme(scheme), acceptAll{}))
	}
	auth := mustNew(t, acceptAll{}, options...)
	_, refusal := auth.Authenticate(t.Context(), callWith("authorization", "Bearer a"))
	if challenge := refusal.Challenge; len(challenge) > 1000 || !strings.Contains(challenge, "B realm=") {
		t.Errorf("%d bytes: %s", len(challenge), challenge)
	}
	options = append(options, interceptor.WithCredential(interceptor.Scheme("C"), acceptAll{}))
	if _, err := interceptor.New(acceptAll{}, options...); err == nil || !strings.Contains(err.Error(), "at most 400 fit") {
		t.Errorf("with a third scheme: %v", err)
	}
}

func TestStreamAsksTheVerifierOfItsPlaceAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var withdrawn atomic.Bool
		keys := verifyFunc(func(token string) (*verifier.Claims, error) {
			if withdrawn.Load() || token != "k" {
				return nil, &verifier.AuthError{Code: verifier.CodeKeyNotFound, Message: "the key was withdrawn"}
			}
			return claimsOf(nil), nil
		})
		var log auditLog
		auth := mustNew(t, verifyFunc(func(string) (*verifier.Claims, error) {
			t.Error("Bearer's verifier was asked")
			return nil, errors.New("no")
		}), log.observer(), interceptor.WithCredential(interceptor.Cookie("session"), keys))
		stream, refusal := auth.AuthenticateStream(t.Context(), callWith("cookie", "session=k"), nil)
		if refusal != nil {
			t.Fatal(refusal)
		}
		time.Sleep(3 * time.Minute)
		if refusal := stream.Check(); refusal != nil {
			t.Fatalf("with a good key: %v", refusal)
		}
		withdrawn.Store(true)
		time.Sleep(time.Minute)
		refusal = stream.End(nil)
		if got := reasonOf(t, refusal); got != "KEY_NOT_FOUND" || refusal.Challenge != `Bearer realm="api"` {
			t.Errorf("with a withdrawn key: %s with %q", got, refusal.Challenge)
		}
		if len(log) != 2 || log[1].Credential != "cookie session" {
			t.Errorf("observed %+v", log)
		}
	})
}

func TestPreauthenticateFindsEveryPlace(t *testing.T) {
	auth := everywhere(t)
	if refusal := auth.Preauthenticate(t.Context(), callWith("x-api-key", "a")); refusal != nil {
		t.Errorf("a key: %v", refusal)
	}
	if refusal := auth.Preauthenticate(t.Context(), callWith("x-api-key", "a", "cookie", "session=a")); refusal == nil {
		t.Error("two credentials were admitted")
	}
}

func TestAdmissionNamesTheKeysItDependsOn(t *testing.T) {
	auth := everywhere(t, interceptor.WithPolicy(interceptor.Policy{
		"/a.S/Public":   {Access: interceptor.AccessPublic},
		"/a.S/Optional": {Access: interceptor.AccessOptional},
	}))
	all := []string{"Authorization", "X-Api-Key", "X-Token", "Cookie"}
	for procedure, want := range map[string][]string{"/a.S/Public": nil, "/a.S/Optional": all, "/a.S/M": all} {
		call := callWith("x-api-key", "a")
		call.Procedure = procedure
		if got := admit(t.Context(), t, auth, call).Keys(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", procedure, got, want)
		}
	}
}

func TestPlacesAllocateNothing(t *testing.T) {
	claims := claimsOf(nil)
	accept := verifyFunc(func(string) (*verifier.Claims, error) { return claims, nil })
	auth := mustNew(t, accept,
		interceptor.WithCredential(interceptor.Scheme("ApiKey"), accept),
		interceptor.WithCredential(interceptor.Metadata("x-api-key"), accept),
		interceptor.WithCredential(interceptor.Cookie("session"), accept))
	for _, metadata := range [][]string{
		{"authorization", "Bearer abc"}, {"authorization", "apikey abc"}, {"x-api-key", "abc"}, {"cookie", `a=1; b=2; session="abc"`},
	} {
		ctx, call := t.Context(), callWith(metadata...)
		allocations := testing.AllocsPerRun(100, func() {
			if _, refusal := auth.Authenticate(ctx, call); refusal != nil {
				t.Fatal(refusal)
			}
		})
		if allocations != 1 {
			t.Errorf("%q: %v allocations, want the Admission alone", metadata, allocations)
		}
	}
}

// FuzzCookie compares a session with what net/http finds, which takes the first of
// several.
func FuzzCookie(f *testing.F) {
	for _, seed := range []string{
		"session=a", "a=1; session=b", `session="a"`, `session="a`, "session=a; session=b", "session =a", " session=a", "session",
		"session=", "session=a,b", `b="; session=a"`, "=session=a", "session==", "\tsession=a", "session=a;", ";;session=a", "session=a\x00",
	} {
		f.Add(seed, "")
		f.Add("x=y", seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		if strings.ContainsAny(first+second, "\r\n") {
			t.Skip("no field holds a line break")
		}
		auth := mustNew(t, acceptAll{}, interceptor.WithCredential(interceptor.Cookie("session"), named("session")))
		admission, refusal := auth.Authenticate(t.Context(), callWith("cookie", first, "cookie", second))
		joined := http.Request{Header: http.Header{"Cookie": {first + "; " + second}}}
		theirs := joined.CookiesNamed("session")
		if refusal != nil {
			if len(theirs) == 1 && reasonOf(t, refusal) == "MISSING_TOKEN" {
				t.Errorf("%q, %q: missed %q", first, second, theirs[0].Value)
			}
			return
		}
		claims, _ := interceptor.ClaimsFromContext(admission.Context())
		if len(theirs) != 1 || claims.Subject() != "session got "+theirs[0].Value {
			t.Errorf("%q, %q: %q, but net/http has %v", first, second, claims.Subject(), theirs)
		}
	})
}
