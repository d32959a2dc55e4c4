package verifier_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

type object = map[string]any

func TestActorIsTheOneThatActsNow(t *testing.T) {
	t.Parallel()
	earlier := object{"sub": "earlier"}
	tests := []struct {
		name  string
		act   any
		chain []verifier.Actor
	}{
		{"no act", nil, nil},
		{"an actor", object{"sub": "now"}, []verifier.Actor{{Subject: "now"}}},
		{"an actor of another issuer", object{"iss": "i", "sub": "now"}, []verifier.Actor{{Issuer: "i", Subject: "now"}}},
		{"a chain", object{"sub": "now", "act": object{"sub": "before", "act": earlier}},
			[]verifier.Actor{{Subject: "now"}, {Subject: "before"}, {Subject: "earlier"}}},
		{"no actor now, but earlier", object{"act": earlier}, nil},
		{"an empty sub", object{"sub": "", "act": earlier}, nil},
		{"a sub that is no string", object{"sub": 1}, nil},
		{"an iss that is no string", object{"sub": "now", "iss": 1}, nil},
		{"a gap in the chain", object{"sub": "now", "act": object{"act": earlier}}, []verifier.Actor{{Subject: "now"}}},
		{"a string", "now", nil},
		{"a list", []any{object{"sub": "now"}}, nil},
	}
	for _, test := range tests {
		claims := verifiertest.Claims(object{"act": test.act})
		actor, ok := claims.Actor()
		if ok != (len(test.chain) > 0) || ok && actor != test.chain[0] {
			t.Errorf("%s: Actor() = %v, %v", test.name, actor, ok)
		}
		if got := claims.ActorChain(); !slices.Equal(got, test.chain) {
			t.Errorf("%s: ActorChain() = %v, want %v", test.name, got, test.chain)
		}
	}
	if _, ok := (*verifier.Claims)(nil).Actor(); ok {
		t.Error("nil claims have an actor")
	}
}

func TestRequiredPartiesAreComparedBySegment(t *testing.T) {
	t.Parallel()
	const web = "spiffe://example.org/web/*"
	tests := []struct {
		allowed string
		party   any
		admit   bool
	}{
		{"alice", "alice", true},
		{"alice", "Alice", false},
		{"alice", "alice/laptop", false},
		{"alice", "ali", false},
		{"alice", nil, false},
		{"system:serviceaccount:shop:web", "system:serviceaccount:shop:web", true},
		{web, "spiffe://example.org/web/1", true},
		{web, "spiffe://example.org/web/1/a", true},
		{web, "spiffe://example.org/web/*", true},
		{web, "spiffe://example.org/web", false},
		{web, "spiffe://example.org/web/", false},
		{web, "spiffe://example.org/web//1", false},
		{web, "spiffe://example.org/web/../db", false},
		{web, "spiffe://example.org/web/1/..", false},
		{web, "spiffe://example.org/web/.", false},
		{web, "spiffe://example.org/website/1", false},
		{web, "spiffe://example.org.evil/web/1", false},
		{web, "x/spiffe://example.org/web/1", false},
	}
	for _, test := range tests {
		subject := verifier.Requirement{Subjects: []string{"other", test.allowed}}
		actor := verifier.Requirement{Actors: []string{"other", test.allowed}}
		check(t, subject, object{"sub": test.party}, test.admit)
		check(t, actor, object{"act": object{"sub": test.party}}, test.admit)
	}
}

func TestOnlyTheCurrentActorOfTheSameIssuerCounts(t *testing.T) {
	t.Parallel()
	gateway := verifier.Requirement{Actors: []string{"gateway"}}
	check(t, gateway, object{"sub": "gateway"}, false)
	check(t, gateway, object{"act": "gateway"}, false)
	check(t, gateway, object{"act": object{"sub": "gateway", "iss": verifiertest.Claims(nil).Issuer()}}, true)
	check(t, gateway, object{"act": object{"sub": "gateway", "iss": "https://elsewhere.test"}}, false)
	check(t, gateway, object{"act": object{"sub": "other", "act": object{"sub": "gateway"}}}, false)
	check(t, verifier.Requirement{Subjects: []string{"gateway"}}, object{"sub": "alice", "act": object{"sub": "gateway"}}, false)
}

func check(t *testing.T, r verifier.Requirement, members object, admit bool) {
	t.Helper()
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	err := r.Check(verifiertest.Claims(members))
	if admit && err != nil || !admit && verifier.CodeOf(err) != verifier.CodeInsufficientPermissions {
		t.Errorf("%v refuses %v: %v, want admission: %v", r, members, err, admit)
	}
}

// An entry that Validate would refuse stands for itself alone.
func TestUncheckedEntriesOpenNothing(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"*", "ali*", "", "a/*/c"} {
		for _, subject := range []any{"alice", "ali", "a/b/c", "", nil} {
			err := verifier.Requirement{Subjects: []string{entry}}.Check(verifiertest.Claims(object{"sub": subject}))
			if err == nil {
				t.Errorf("%q admits %v", entry, subject)
			}
		}
	}
}

func TestActorChainOfADeepTokenEnds(t *testing.T) {
	t.Parallel()
	act := object{"sub": "first"}
	for range 50 {
		act = object{"sub": strings.Repeat("x", 20), "act": act}
	}
	if got := len(verifiertest.Claims(object{"act": act}).ActorChain()); got != 51 {
		t.Errorf("%d actors, want 51", got)
	}
}
