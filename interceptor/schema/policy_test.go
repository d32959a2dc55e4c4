package schema_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/schema"
	"github.com/oidcrpc/oidcrpc/interceptor/schema/policyv1"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestOptionFieldsBecomeRuleFields(t *testing.T) {
	tests := map[string]struct {
		option *policyv1.Rule
		want   interceptor.Rule
	}{
		"Required":    {&policyv1.Rule{Access: required}, interceptor.Rule{}},
		"Optional":    {&policyv1.Rule{Access: optional}, interceptor.Rule{Access: interceptor.AccessOptional}},
		"Denied":      {&policyv1.Rule{Access: denied}, interceptor.Rule{Access: interceptor.AccessDenied}},
		"Public":      {&policyv1.Rule{Access: public}, interceptor.Rule{Access: interceptor.AccessPublic}},
		"Scopes":      {scopes("a", "b"), needs(verifier.Requirement{Scopes: []string{"a", "b"}})},
		"AnyScopes":   {&policyv1.Rule{AnyScopes: []string{"a", "b"}}, needs(verifier.Requirement{AnyScopes: []string{"a", "b"}})},
		"Permissions": {&policyv1.Rule{Permissions: []string{"a", "b"}}, needs(verifier.Requirement{Permissions: []string{"a", "b"}})},
		"Issuers":     {&policyv1.Rule{Issuers: []string{"a", "b"}}, needs(verifier.Requirement{Issuers: []string{"a", "b"}})},
		"Subjects":    {&policyv1.Rule{Subjects: []string{"a", "b/*"}}, needs(verifier.Requirement{Subjects: []string{"a", "b/*"}})},
		"Actors":      {&policyv1.Rule{Actors: []string{"a", "b/*"}}, needs(verifier.Requirement{Actors: []string{"a", "b/*"}})},
		"ACRValues":   {&policyv1.Rule{AcrValues: []string{"a", "b"}}, needs(verifier.Requirement{ACRValues: []string{"a", "b"}})},
		"Bound":       {&policyv1.Rule{Bound: true}, needs(verifier.Requirement{Bound: true})},
		"MaxAge":      {&policyv1.Rule{MaxAge: seconds(90)}, needs(verifier.Requirement{MaxAge: 90 * time.Second})},
		"All": {
			&policyv1.Rule{
				Access: optional, Scopes: []string{"a"}, AnyScopes: []string{"b"}, Permissions: []string{"c"},
				Issuers: []string{"e"}, Subjects: []string{"f"}, Actors: []string{"g"}, AcrValues: []string{"d"}, MaxAge: seconds(1),
				Bound: true,
			},
			interceptor.Rule{Access: interceptor.AccessOptional, Require: verifier.Requirement{
				Scopes: []string{"a"}, AnyScopes: []string{"b"}, Permissions: []string{"c"},
				Issuers: []string{"e"}, Subjects: []string{"f"}, Actors: []string{"g"}, ACRValues: []string{"d"}, MaxAge: time.Second,
				Bound: true,
			}},
		},
	}
	options := make(map[string]*policyv1.Rule)
	want := make(interceptor.Policy)
	for method, test := range tests {
		options[method] = test.option
		want["/test.S/"+method] = test.want
	}
	file := link(t, fileOf("test.proto", service{name: "S", methods: options}))
	checkPolicy(t, want, nil, file)
}

func TestSchemaCanSayEverythingAPolicyCan(t *testing.T) {
	fields := (&policyv1.Rule{}).ProtoReflect().Descriptor().Fields()
	if got, want := fields.Len()-1, reflect.TypeFor[verifier.Requirement]().NumField(); got != want {
		t.Errorf("the schema has %d fields beside access, want %d", got, want)
	}
	if got, want := required.Descriptor().Values().Len()-1, int(interceptor.AccessDenied)+1; got != want {
		t.Errorf("the schema has %d kinds of access, want %d", got, want)
	}
}

func TestServicesOptionAppliesToItsOtherMethods(t *testing.T) {
	file := link(t, fileOf("test.proto",
		service{name: "S", option: scopes("service"), methods: map[string]*policyv1.Rule{
			"Own":  {Permissions: []string{"method"}},
			"None": nil,
		}},
		service{name: "Bare", methods: map[string]*policyv1.Rule{"None": nil}},
	))
	checkPolicy(t, interceptor.Policy{
		"/test.S/*":   needs(verifier.Requirement{Scopes: []string{"service"}}),
		"/test.S/Own": needs(verifier.Requirement{Permissions: []string{"method"}}), // and not the scope
	}, nil, file)
}

func TestExplicitRuleOverridesTheSchema(t *testing.T) {
	file := link(t, fileOf("test.proto",
		service{name: "S", option: scopes("service"), methods: map[string]*policyv1.Rule{
			"A": scopes("a"), "B": scopes("b"), "C": nil,
		}},
		service{name: "SX", methods: map[string]*policyv1.Rule{"A": {Access: public}}},
	))
	explicit := needs(verifier.Requirement{Scopes: []string{"explicit"}})
	fromS := func(scope string) interceptor.Rule { return needs(verifier.Requirement{Scopes: []string{scope}}) }
	public := interceptor.Rule{Access: interceptor.AccessPublic}
	tests := []struct {
		name           string
		explicit, want interceptor.Policy
	}{
		{
			"one procedure, with an option of its own",
			interceptor.Policy{"/test.S/A": explicit},
			interceptor.Policy{"/test.S/A": explicit, "/test.S/*": fromS("service"), "/test.S/B": fromS("b"), "/test.SX/A": public},
		},
		{
			"one procedure, under the service's option",
			interceptor.Policy{"/test.S/C": {}},
			interceptor.Policy{
				"/test.S/C": {}, "/test.S/*": fromS("service"), "/test.S/A": fromS("a"), "/test.S/B": fromS("b"),
				"/test.SX/A": public,
			},
		},
		{
			"a service: no option of its methods softens the rule",
			interceptor.Policy{"/test.S/*": explicit},
			interceptor.Policy{"/test.S/*": explicit, "/test.SX/A": public},
		},
		{
			"a service whose only option is public",
			interceptor.Policy{"/test.SX/*": {}, "/test.S/*": {}},
			interceptor.Policy{"/test.SX/*": {}, "/test.S/*": {}},
		},
		{
			"a service that is not in the schema",
			interceptor.Policy{"/other.S/*": explicit, "/other.S/M": {}},
			interceptor.Policy{
				"/other.S/*": explicit, "/other.S/M": {}, "/test.S/*": fromS("service"),
				"/test.S/A": fromS("a"), "/test.S/B": fromS("b"), "/test.SX/A": public,
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { checkPolicy(t, test.want, test.explicit, file) })
	}
}

func TestExplicitRuleForEverythingCanOnlyClose(t *testing.T) {
	file := link(t, fileOf("test.proto", service{name: "S", option: scopes("service")}))
	closed := interceptor.Rule{Access: interceptor.AccessDenied}
	checkPolicy(t, interceptor.Policy{
		"/test.S/*": needs(verifier.Requirement{Scopes: []string{"service"}}), "/*": closed,
	}, interceptor.Policy{"/*": closed}, file)
	for access := range interceptor.AccessDenied {
		_, err := schema.Policy(interceptor.Policy{"/*": {Access: access}}, file)
		checkError(t, err, `would replace the explicit rule "/*"`)
	}
}

func TestPolicyDoesNotChangeItsArguments(t *testing.T) {
	file := link(t, fileOf("test.proto", service{name: "S", option: scopes("service")}))
	explicit := interceptor.Policy{"/test.S/A": {}}
	policy, err := schema.Policy(explicit, file)
	if err != nil {
		t.Fatal(err)
	}
	policy["/test.S/*"].Require.Scopes[0] = "changed"
	if len(explicit) != 1 {
		t.Errorf("explicit is now %v", explicit)
	}
	checkPolicy(t, interceptor.Policy{"/test.S/*": needs(verifier.Requirement{Scopes: []string{"service"}})}, nil, file)
}

func TestOptionErrorNamesTheFileAndProcedure(t *testing.T) {
	const what = "its option asks for more than ACCESS_PUBLIC"
	wrong := &policyv1.Rule{Access: public, Scopes: []string{"a"}}
	ofService := link(t, fileOf("dir/s.proto", service{name: "S", option: wrong}))
	_, err := schema.Policy(nil, ofService)
	checkError(t, err, "schema: dir/s.proto: /test.S/*: "+what)

	ofMethod := link(t, fileOf("dir/m.proto", service{name: "S", methods: map[string]*policyv1.Rule{"M": wrong}}))
	_, err = schema.Policy(nil, ofMethod)
	checkError(t, err, "schema: dir/m.proto: /test.S/M: "+what)
}

func TestOverriddenOptionMustStillBeValid(t *testing.T) {
	file := link(t, fileOf("test.proto", service{name: "S", option: scopes("")}))
	_, err := schema.Policy(interceptor.Policy{"/test.S/*": {}}, file)
	checkError(t, err, "is not a scope")
}

func TestContradictoryOptionIsRefused(t *testing.T) {
	newer := scopes("a")
	newer.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1))
	alone := &policyv1.Rule{Access: public}
	alone.ProtoReflect().SetUnknown(newer.ProtoReflect().GetUnknown())
	const more, unknown = "asks for more than", "does not know"
	tests := []struct {
		name   string
		option *policyv1.Rule
		want   string
	}{
		{"nothing", &policyv1.Rule{}, "says nothing"},
		{"public with scopes", &policyv1.Rule{Access: public, Scopes: []string{"a"}}, more},
		{"public with any of scopes", &policyv1.Rule{Access: public, AnyScopes: []string{"a"}}, more},
		{"public with permissions", &policyv1.Rule{Access: public, Permissions: []string{"a"}}, more},
		{"public with acr values", &policyv1.Rule{Access: public, AcrValues: []string{"a"}}, more},
		{"public with a maximum age", &policyv1.Rule{Access: public, MaxAge: seconds(1)}, more},
		{"public with an empty maximum age", &policyv1.Rule{Access: public, MaxAge: seconds(0)}, "max_age"},
		{"denied with scopes", &policyv1.Rule{Access: denied, Scopes: []string{"a"}}, more},
		{"denied with a maximum age", &policyv1.Rule{Access: denied, MaxAge: seconds(1)}, more},
		{"an access of a newer version", &policyv1.Rule{Access: 5}, unknown},
		{"a negative access", &policyv1.Rule{Access: -1}, unknown},
		{"a field of a newer version", newer, unknown},
		{"a field of a newer version on a public rpc", alone, unknown},
		{"an empty scope", scopes("a", ""), "is not a scope"},
		{"two scopes in one", scopes("a b"), "is not a scope"},
		{"a scope with a quote", scopes(`a"`), "is not a scope"},
		{"an empty permission", &policyv1.Rule{Permissions: []string{""}}, "permission"},
		{"an empty maximum age", &policyv1.Rule{MaxAge: seconds(0)}, "max_age"},
		{"a negative maximum age", &policyv1.Rule{MaxAge: seconds(-1)}, "max_age"},
		{"part of a second", &policyv1.Rule{MaxAge: &durationpb.Duration{Seconds: 1, Nanos: 1}}, "max_age"},
		{"a maximum age that is none", &policyv1.Rule{MaxAge: &durationpb.Duration{Seconds: 1, Nanos: -1}}, "max_age"},
		{"a maximum age of an eternity", &policyv1.Rule{MaxAge: seconds(1 << 60)}, "MaxAge"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := fileOf("test.proto", service{name: "S", methods: map[string]*policyv1.Rule{"M": test.option}})
			_, err := schema.Policy(nil, link(t, file))
			checkError(t, err, test.want)
		})
	}
}

func TestPolicyNeedsFiles(t *testing.T) {
	_, err := schema.Policy(interceptor.Policy{"/test.S/M": {}})
	checkError(t, err, "needs a file")
	_, err = schema.Policy(nil, nil)
	checkError(t, err, "nil or a placeholder")
	_, err = schema.Policy(nil, protoreflect.FileDescriptor(placeholder{}))
	checkError(t, err, "nil or a placeholder")
}

type placeholder struct{ protoreflect.FileDescriptor }

func (placeholder) IsPlaceholder() bool { return true }

func TestServiceInTwoFilesIsRefused(t *testing.T) {
	one := link(t, fileOf("one.proto", service{name: "S", option: scopes("a")}))
	two := link(t, fileOf("two.proto", service{name: "S"}))
	_, err := schema.Policy(nil, one, two)
	checkError(t, err, "schema: two.proto: service test.S is in one.proto already")
}

func TestFilesAreSortedByPath(t *testing.T) {
	registry := new(protoregistry.Files)
	for _, name := range []string{"B", "C", "A"} {
		if err := registry.RegisterFile(link(t, fileOf(name+".proto", service{name: name}))); err != nil {
			t.Fatal(err)
		}
	}
	var paths []string
	for _, file := range schema.Files(registry) {
		paths = append(paths, file.Path())
	}
	if got := strings.Join(paths, " "); got != "A.proto B.proto C.proto" {
		t.Errorf("Files = %s", got)
	}
}

func needs(r verifier.Requirement) interceptor.Rule { return interceptor.Rule{Require: r} }

func checkPolicy(
	t *testing.T, want, explicit interceptor.Policy, files ...protoreflect.FileDescriptor,
) {
	t.Helper()
	policy, err := schema.Policy(explicit, files...)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(policy, want) {
		t.Errorf("the policy is\n%+v, want\n%+v", policy, want)
	}
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want one about %q", err, want)
	}
}
