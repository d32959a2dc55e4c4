package configflag_test

import (
	"encoding/pem"
	"errors"
	"flag"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/oidcrpc/oidcrpc/examples/configflag"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func parse(args ...string) (config verifier.Config, err error) {
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	configured := configflag.Add(flags)
	if err := flags.Parse(args); err != nil {
		return config, err
	}
	return configured()
}

func TestFlagsSetTheFieldsWithTheirNames(t *testing.T) {
	config, err := parse("-issuer=http://keycloak:8080/realms/shop", "-audience=orders,invoices", "-client-ids=a,b",
		"-algorithms=ES256,EdDSA", "-scope-claim=scp", "-permissions-claim=/realm_access/roles",
		"-jwks-url=http://keycloak:8080/keys", "-allow-http", "-accept-id-tokens", "-rfc9068", "-ignore-headers=jku,x5u")
	if err != nil {
		t.Fatal(err)
	}
	want := verifier.Config{
		Issuer: "http://keycloak:8080/realms/shop", Audiences: []string{"orders", "invoices"},
		ClientIDs: []string{"a", "b"}, Algorithms: []string{"ES256", "EdDSA"},
		ScopeClaim: "scp", PermissionsClaim: "/realm_access/roles",
		JWKSURL: "http://keycloak:8080/keys", AllowHTTP: true,
		AcceptIDTokens: true, RFC9068: true, IgnoreHeaders: []string{"jku", "x5u"},
	}
	if !reflect.DeepEqual(config, want) {
		t.Errorf("the configuration is %+v, want %+v", config, want)
	}
	if _, err := verifier.New(config); err != nil {
		t.Error(err)
	}
}

func TestWithoutFlagsTheConfigIsItsZeroValue(t *testing.T) {
	config, err := parse()
	if !reflect.DeepEqual(config, verifier.Config{}) || err != nil {
		t.Errorf("the configuration is %+v, and the error %v", config, err)
	}
}

func TestCAFileIsTrusted(t *testing.T) {
	var issuer *verifiertest.Issuer
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		issuer.ServeHTTP(w, r)
	}))
	defer server.Close()
	issuer = verifiertest.NewIssuer(verifiertest.WithURL(server.URL))
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := parse("-issuer="+server.URL, "-audience="+issuer.Config().Audiences[0], "-algorithms=ES256", "-ca="+file)
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), issuer.Token(nil)); err != nil {
		t.Errorf("Verify: %v", err)
	}
}

func TestCAFileWithoutACertificateIsAnError(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, filepath.Join(t.TempDir(), "missing.pem")} {
		if _, err := parse("-ca=" + file); err == nil {
			t.Errorf("-ca=%s is accepted", file)
		}
	}
}

func TestClusterIsTrustedOnlyInside(t *testing.T) {
	if _, err := parse("-kubernetes", "-audience=orders"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("outside a cluster: %v", err)
	}
	if _, err := parse("-kubernetes", "-issuer=https://issuer.example"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with another issuer: %v", err)
	}
}
