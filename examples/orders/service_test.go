package main

import (
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
)

func as(subject string) map[string]any {
	return map[string]any{"sub": subject, "scope": "orders:write", "permissions": "orders.import"}
}

func TestOnlyItsOwnerSeesAnOrder(t *testing.T) {
	server := startServer(t)
	for protocol := range protocols {
		alice, bob := server.client(protocol, justLoggedIn("alice-"+protocol)), server.client(protocol, justLoggedIn("bob-"+protocol))
		id, err := alice.create(t.Context(), "tea")
		if err != nil {
			t.Fatal(err)
		}
		if items, err := alice.list(t.Context()); err != nil || items != "tea" {
			t.Errorf("%s: Alice sees %q, %v", protocol, items, err)
		}
		if items, err := bob.list(t.Context()); err != nil || items != "" {
			t.Errorf("%s: Bob sees %q, %v", protocol, items, err)
		}
		if err := bob.remove(t.Context(), id); codeOf(err) != connect.CodeNotFound {
			t.Errorf("%s: Bob deletes Alice's order: %v", protocol, err)
		}
		if err := alice.remove(t.Context(), id); err != nil {
			t.Errorf("%s: Alice deletes her order: %v", protocol, err)
		}
		if items, err := alice.list(t.Context()); err != nil || items != "" {
			t.Errorf("%s: Alice still sees %q, %v", protocol, items, err)
		}
	}
}

func TestBothStacksServeTheSameOrders(t *testing.T) {
	server := startServer(t)
	if _, err := server.client("gRPC", as("alice")).create(t.Context(), "tea"); err != nil {
		t.Fatal(err)
	}
	if items, err := server.client("Connect, v2", as("alice")).list(t.Context()); err != nil || items != "tea" {
		t.Errorf("over Connect there is %q, %v", items, err)
	}
}

func TestWatchSendsOrdersAsTheyAreMade(t *testing.T) {
	server := startServer(t)
	for protocol := range protocols {
		alice, bob := server.client(protocol, as("alice-"+protocol)), server.client(protocol, as("bob-"+protocol))
		if _, err := alice.create(t.Context(), "tea"); err != nil {
			t.Fatal(err)
		}
		next, err := alice.watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if item, err := next(); err != nil || item != "tea" {
			t.Errorf("%s: first %q, %v", protocol, item, err)
		}
		if _, err := bob.create(t.Context(), "coffee"); err != nil {
			t.Fatal(err)
		}
		if count, err := alice.imports(t.Context(), "milk", "sugar"); err != nil || count != 2 {
			t.Fatal(count, err)
		}
		for _, want := range []string{"milk", "sugar"} {
			if item, err := next(); err != nil || item != want {
				t.Errorf("%s: then %q, %v, want %s", protocol, item, err, want)
			}
		}
	}
}

func TestImportMakesAllOrdersOrNone(t *testing.T) {
	server := startServer(t)
	for protocol := range protocols {
		alice := server.client(protocol, as("alice-"+protocol))
		if _, err := alice.imports(t.Context(), "tea", ""); codeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: an import with an order of nothing: %v", protocol, err)
		}
		if _, err := alice.imports(t.Context(), slices.Repeat([]string{"tea"}, maxImport+1)...); codeOf(err) != connect.CodeResourceExhausted {
			t.Errorf("%s: an import of too many: %v", protocol, err)
		}
		if items, err := alice.list(t.Context()); err != nil || items != "" {
			t.Errorf("%s: there is %.20q, %v", protocol, items, err)
		}
		if count, err := alice.imports(t.Context(), slices.Repeat([]string{"tea"}, maxImport)...); err != nil || count != maxImport {
			t.Errorf("%s: an import of as many as may be: %d, %v", protocol, count, err)
		}
	}
}

func TestTokenWithoutASubjectOwnsNothing(t *testing.T) {
	server := startServer(t)
	for protocol := range protocols {
		claims := justLoggedIn("")
		claims["sub"] = nil
		machine := server.client(protocol, claims)
		_, list := machine.list(t.Context())
		_, create := machine.create(t.Context(), "tea")
		_, imports := machine.imports(t.Context(), "tea")
		next, watch := machine.watch(t.Context())
		if watch == nil {
			_, watch = next()
		}
		remove := machine.remove(t.Context(), "1")
		for name, err := range map[string]error{
			"list": list, "create": create, "delete": remove, "watch": watch, "import": imports,
		} {
			if codeOf(err) != connect.CodePermissionDenied || strings.Contains(err.Error(), errNoSubject.Error()) {
				t.Errorf("%s, %s: %v", protocol, name, err)
			}
		}
	}
}
