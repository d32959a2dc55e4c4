package interceptor_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

func TestHandlersSeeTheTokenOnlyIfTheServerSaysSo(t *testing.T) {
	public := interceptor.WithPolicy(interceptor.Policy{
		"/a.S/Public":   {Access: interceptor.AccessPublic},
		"/a.S/Optional": {Access: interceptor.AccessOptional},
	})
	for _, test := range []struct {
		name    string
		options []interceptor.Option
		call    interceptor.Call
		want    string
	}{
		{"by default", []interceptor.Option{public}, withToken("/a.S/M"), ""},
		{"if allowed", []interceptor.Option{public, interceptor.WithTokenInContext()}, withToken("/a.S/M"), "token"},
		{"of a public call", []interceptor.Option{public, interceptor.WithTokenInContext()}, withToken("/a.S/Public"), ""},
		{"of an anonymous call", []interceptor.Option{public, interceptor.WithTokenInContext()}, interceptor.Call{Procedure: "/a.S/Optional"}, ""},
	} {
		auth := mustNew(t, acceptAll{}, test.options...)
		outer := interceptor.ContextWithToken(t.Context(), "outer")
		for kind, admit := range map[string]func() (context.Context, *interceptor.Refusal){
			"unary": func() (context.Context, *interceptor.Refusal) {
				admission, refusal := auth.Authenticate(outer, test.call)
				return admission.Context(), refusal
			},
			"stream": func() (context.Context, *interceptor.Refusal) {
				stream, refusal := auth.AuthenticateStream(outer, test.call, nil)
				t.Cleanup(func() { stream.End(nil) })
				return stream.Context(), refusal
			},
		} {
			ctx, refusal := admit()
			if refusal != nil {
				t.Fatalf("%s, %s: %v", test.name, kind, refusal)
			}
			if got, ok := interceptor.TokenFromContext(ctx); got != test.want || ok != (test.want != "") {
				t.Errorf("the token %s, %s = %q, %v, want %q", test.name, kind, got, ok, test.want)
			}
		}
	}
}

// A handler's context may end up in a log.
func TestPrintedContextsHoldNoToken(t *testing.T) {
	const token = "t0ken-of-the-caller"
	auth := mustNew(t, acceptAll{}, interceptor.WithTokenInContext())
	ctx := admit(t.Context(), t, auth, interceptor.Call{
		Procedure: "/a.S/M", Authorization: []string{"Bearer " + token},
	}).Context()
	if got, ok := interceptor.TokenFromContext(ctx); !ok || got != token {
		t.Fatalf("the token is %q, %v", got, ok)
	}
	type key struct{}
	for name, ctx := range map[string]context.Context{
		"the call's":          ctx,
		"one made from it":    context.WithValue(ctx, key{}, 1),
		"one made for a test": interceptor.ContextWithToken(t.Context(), token),
	} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if text := fmt.Sprintf(format, ctx); strings.Contains(text, token) {
				t.Errorf("%s, %s: %s", name, format, text)
			}
		}
	}
}
