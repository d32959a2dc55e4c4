package interceptor_test

import (
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

func TestCheckPolicyNamesWhatIsForgottenAndWhatIsMisspelt(t *testing.T) {
	procedures := []string{"/a.S/List", "/a.S/Delete", "/b.S/Get", "/b.S/Get"}
	complete := func(change func(interceptor.Policy)) interceptor.Policy {
		policy := interceptor.Policy{"/a.S/List": {}, "/a.S/Delete": {}, "/b.S/Get": {Access: interceptor.Public}}
		change(policy)
		return policy
	}
	tests := []struct {
		name   string
		change func(interceptor.Policy)
		want   []string
	}{
		{"complete", func(interceptor.Policy) {}, nil},
		{"complete, with wildcards", func(p interceptor.Policy) {
			p["/*"], p["/a.S/*"] = interceptor.Rule{Access: interceptor.Denied}, interceptor.Rule{}
		}, nil},
		{"a rule is missing", func(p interceptor.Policy) { delete(p, "/a.S/Delete") },
			[]string{`interceptor: Policy has no rule "/a.S/Delete"`}},
		{"a wildcard is no rule of one's own", func(p interceptor.Policy) {
			delete(p, "/a.S/Delete")
			p["/*"], p["/a.S/*"] = interceptor.Rule{}, interceptor.Rule{}
		}, []string{`interceptor: Policy has no rule "/a.S/Delete"`}},
		{"a procedure is misspelt", func(p interceptor.Policy) {
			delete(p, "/a.S/Delete")
			p["/a.S/delete"] = interceptor.Rule{}
		}, []string{`interceptor: Policy has no rule "/a.S/Delete"`, `interceptor: Policy["/a.S/delete"] is of no procedure`}},
		{"a service is misspelt", func(p interceptor.Policy) { p["/a.s/*"] = interceptor.Rule{} },
			[]string{`interceptor: Policy["/a.s/*"] is of no procedure`}},
		{"several at once, in order", func(p interceptor.Policy) {
			clear(p)
			p["/z.S/*"], p["/z.S/M"], p["/y.S/M"] = interceptor.Rule{}, interceptor.Rule{}, interceptor.Rule{}
		}, []string{
			`interceptor: Policy has no rule "/a.S/Delete"`,
			`interceptor: Policy has no rule "/a.S/List"`,
			`interceptor: Policy has no rule "/b.S/Get"`,
			`interceptor: Policy["/y.S/M"] is of no procedure`,
			`interceptor: Policy["/z.S/M"] is of no procedure`,
			`interceptor: Policy["/z.S/*"] is of no procedure`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			auth := mustNew(t, acceptAll{}, interceptor.WithPolicy(complete(test.change)))
			got := ""
			if err := auth.CheckPolicy(procedures); err != nil {
				got = err.Error()
			}
			if want := strings.Join(test.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestCheckPolicyFindsFaultWithNothing(t *testing.T) {
	auth := mustNew(t, acceptAll{})
	if err := auth.CheckPolicy(nil); err == nil {
		t.Error("a server without procedures passes the check")
	}
	if err := auth.CheckPolicy([]string{"/a.S/M"}); err == nil {
		t.Error("an Authenticator without a policy passes the check")
	}
	if err := auth.CheckPolicy([]string{"nonsense"}); err == nil {
		t.Error("what names no procedure passes the check")
	}
}
