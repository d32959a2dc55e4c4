package interceptor_test

import (
	"context"
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
