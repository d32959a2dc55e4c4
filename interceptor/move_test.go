package interceptor_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

const assertion = "x-goog-iap-jwt-assertion"

func TestMovedVerifierLooksOnlyInItsPlace(t *testing.T) {
	for name, test := range map[string]struct {
		place interceptor.Place
		sent  []string
		label string
	}{
		"a key":                 {interceptor.Metadata(assertion), []string{assertion, "abc"}, assertion},
		"a key with a scheme":   {interceptor.MetadataScheme("x-token", "Bearer"), []string{"x-token", "Bearer abc"}, "x-token Bearer"},
		"a cookie":              {interceptor.Cookie("session"), []string{"cookie", "session=abc"}, "cookie session"},
		"another scheme":        {interceptor.Scheme("Token"), []string{"authorization", "token abc"}, "authorization Token"},
		"the place it had":      {interceptor.Scheme("Bearer"), []string{"authorization", "Bearer abc"}, "authorization Bearer"},
		"that one in any case":  {interceptor.Scheme("bEARER"), []string{"authorization", "Bearer abc"}, "authorization Bearer"},
		"a key beside a Bearer": {interceptor.Metadata(assertion), []string{assertion, "abc", "authorization", "Bearer other"}, assertion},
		"a key beside a mess": {
			interceptor.Metadata(assertion), []string{assertion, "abc", "authorization", "Bearer a b", "authorization", ""}, assertion,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log auditLog
			auth := mustNew(t, named("edge"), interceptor.WithPlace(test.place), log.observer())
			admission := admit(t.Context(), t, auth, callWith(test.sent...))
			claims, _ := interceptor.ClaimsFromContext(admission.Context())
			if got := claims.Subject(); got != "edge got abc" {
				t.Errorf("subject = %q", got)
			}
			if got := log[0].Credential; got != test.label {
				t.Errorf("credential = %q, want %q", got, test.label)
			}
		})
	}
}

func TestBearerTokenIsNoCredentialAfterAMove(t *testing.T) {
	policy := interceptor.WithPolicy(interceptor.Policy{"/a.S/Optional": {Access: interceptor.AccessOptional}, "/*": {}})
	auth := mustNew(t, acceptAll{}, interceptor.WithPlace(interceptor.Metadata(assertion)), policy)
	call := callWith("authorization", "Bearer abc")
	_, refusal := auth.Authenticate(t.Context(), call)
	if got := infoOf(t, refusal).GetReason(); got != "MISSING_TOKEN" {
		t.Errorf("reason = %q, want MISSING_TOKEN", got)
	}
	call.Procedure = "/a.S/Optional"
	if claims, ok := interceptor.ClaimsFromContext(admit(t.Context(), t, auth, call).Context()); ok {
		t.Errorf("an anonymous caller has the claims of %q", claims.Subject())
	}
	// In the place itself, an optional credential must still be a good one.
	call = callWith(assertion, "a b")
	call.Procedure = "/a.S/Optional"
	if _, refusal := auth.Authenticate(t.Context(), call); refusal == nil {
		t.Error("a malformed optional credential was ignored")
	}
}

func TestWithCredentialCanNameBearerAfterAMove(t *testing.T) {
	options := []interceptor.Option{
		interceptor.WithCredential(interceptor.Scheme("ApiKey"), named("ApiKey")),
		interceptor.WithCredential(interceptor.Scheme("Bearer"), named("Bearer")),
		interceptor.WithPlace(interceptor.Metadata(assertion)),
	}
	auth := mustNew(t, named("edge"), options...)
	for want, sent := range map[string][]string{
		"edge got a": {assertion, "a"}, "Bearer got a": {"authorization", "Bearer a"}, "ApiKey got a": {"authorization", "ApiKey a"},
	} {
		claims, _ := interceptor.ClaimsFromContext(admit(t.Context(), t, auth, callWith(sent...)).Context())
		if claims.Subject() != want {
			t.Errorf("subject = %q, want %q", claims.Subject(), want)
		}
	}
	_, refusal := auth.Authenticate(t.Context(), callWith(assertion, "a", "authorization", "Bearer a"))
	want := `Bearer realm="api", error="invalid_request", ApiKey realm="api"`
	if refusal == nil || refusal.Challenge != want {
		t.Errorf("two credentials: %+v, want %s", refusal, want)
	}
	mustNew(t, named("edge"), append(options, resourceMetadata())...)
}

func TestChallengeOffersOnlyWhatStandsInAuthorization(t *testing.T) {
	no := verifyFunc(func(string) (*verifier.Claims, error) {
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "it's unknown"}
	})
	moved := interceptor.WithPlace(interceptor.Metadata(assertion))
	for name, test := range map[string]struct {
		options []interceptor.Option
		want    string
	}{
		"nothing":           {[]interceptor.Option{moved}, ""},
		"another key":       {[]interceptor.Option{moved, interceptor.WithCredential(interceptor.Metadata("x-api-key"), no)}, ""},
		"another scheme":    {[]interceptor.Option{moved, interceptor.WithCredential(interceptor.Scheme("ApiKey"), no)}, `ApiKey realm="api"`},
		"its own scheme":    {[]interceptor.Option{interceptor.WithPlace(interceptor.Scheme("Token"))}, `Token realm="api"`},
		"Bearer, elsewhere": {[]interceptor.Option{interceptor.WithPlace(interceptor.MetadataScheme("x-token", "Bearer"))}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			auth := mustNew(t, no, test.options...)
			for reason, sent := range map[string][]string{
				"MISSING_TOKEN": nil,
				"INVALID_TOKEN": {assertion, "a", "x-token", "Bearer a", "authorization", "Token a"},
			} {
				_, refusal := auth.Authenticate(t.Context(), callWith(sent...))
				info := infoOf(t, refusal)
				if _, ok := info.GetMetadata()["challenge"]; refusal.Challenge != test.want || ok != (test.want != "") {
					t.Errorf("challenge = %q and %q, want %q", refusal.Challenge, info.GetMetadata(), test.want)
				}
				if info.GetReason() != reason || refusal.Code != interceptor.CodeUnauthenticated {
					t.Errorf("%v, %s: want Unauthenticated, %s", refusal.Code, info.GetReason(), reason)
				}
			}
		})
	}
}

func TestNewRefusesAMoveThatCannotBe(t *testing.T) {
	key := interceptor.Metadata(assertion)
	for name, test := range map[string]struct {
		options []interceptor.Option
		want    string
	}{
		"to no place":     {[]interceptor.Option{interceptor.WithPlace(interceptor.Place{})}, "WithPlace: the Place must be made"},
		"to DPoP":         {[]interceptor.Option{interceptor.WithPlace(interceptor.Scheme("DPoP"))}, "WithPlace: the scheme DPoP"},
		"to gRPC's own":   {[]interceptor.Option{interceptor.WithPlace(interceptor.Metadata("grpc-x"))}, "WithPlace: the key"},
		"twice":           {[]interceptor.Option{interceptor.WithPlace(key), interceptor.WithPlace(interceptor.Cookie("a"))}, "WithPlace was given twice"},
		"twice to Bearer": {[]interceptor.Option{interceptor.WithPlace(interceptor.Scheme("Bearer")), interceptor.WithPlace(key)}, "WithPlace was given twice"},
		"to where another is": {
			[]interceptor.Option{interceptor.WithPlace(key), interceptor.WithCredential(key, acceptAll{})}, "was given already",
		},
		"to where another was before": {
			[]interceptor.Option{interceptor.WithCredential(key, acceptAll{}), interceptor.WithPlace(key)}, "was given already",
		},
		"with a document": {[]interceptor.Option{interceptor.WithPlace(key), resourceMetadata()}, "WithResourceMetadata needs Bearer"},
	} {
		if _, err := interceptor.New(acceptAll{}, test.options...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func resourceMetadata() interceptor.Option {
	return interceptor.WithResourceMetadata(interceptor.ResourceMetadata{Resource: "https://api.example.com"})
}

func TestMovedVerifiersKeyIsTheOneThatCounts(t *testing.T) {
	auth := mustNew(t, acceptAll{}, interceptor.WithPlace(interceptor.Metadata(assertion)))
	admission := admit(t.Context(), t, auth, callWith(assertion, "a"))
	if got := admission.Keys(); !slices.Equal(got, []string{"X-Goog-Iap-Jwt-Assertion"}) {
		t.Errorf("keys = %q", got)
	}
	_, refusal := auth.Authenticate(t.Context(), interceptor.Call{Procedure: "/a.S/M", Authorization: []string{"Bearer a"}})
	if refusal == nil || refusal.Code != interceptor.CodeInternal {
		t.Errorf("without a Request: %+v, want Internal", refusal)
	}
}
