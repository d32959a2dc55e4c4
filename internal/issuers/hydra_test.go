package issuers_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

func TestHydra(t *testing.T) {
	p, issuer, admin := hydra(t, `"access_token_strategy":"jwt"`)
	ask := func(t *testing.T, form url.Values) string {
		t.Helper()
		form.Set("scope", "orders:read")
		return grant(t, p.client, issuer+"/oauth2/token", form)
	}
	keys := admin + "/keys/hydra.jwt.access-token"
	product := &product{
		process: p,
		config: verifier.Config{
			Issuer: issuer, Audiences: []string{audience}, ScopeClaim: "scp",
			Require: verifier.Requirement{Scopes: []string{"orders:read"}},
		},
		token: func(t *testing.T) string { return ask(t, url.Values{"audience": {audience}}) },
		rotate: func(t *testing.T) {
			call(t, p.client, http.MethodPost, keys, "application/json", `{"alg":"RS256","use":"sig"}`)
		},
		withdraw: func(t *testing.T) {
			for _, kid := range kids(t, call(t, p.client, http.MethodGet, keys, "", ""))[1:] {
				call(t, p.client, http.MethodDelete, keys+"/"+kid, "", "")
			}
		},
		listsOld: true,
	}
	product.tell(t)
	product.tellClient(t, url.Values{"audience": {audience}})

	t.Run("a client that asks for no audience gets a token for none", func(t *testing.T) {
		v := newVerifier(t, product.config)
		accept(t, v, product.token(t))
		cause := refuse(t, v, ask(t, url.Values{}), verifier.CodeInvalidAudience)
		if want := "the client must ask the issuer for one of Config.Audiences"; !strings.Contains(cause, want) {
			t.Errorf("the cause is %q, want it to say %q", cause, want)
		}
	})
	t.Run("its scopes are in scp", func(t *testing.T) {
		config := product.config
		config.ScopeClaim = ""
		cause := refuse(t, newVerifier(t, config), product.token(t), verifier.CodeInsufficientScope)
		if want := "there is scp: set Config.ScopeClaim"; !strings.Contains(cause, want) {
			t.Errorf("the cause is %q, want it to say %q", cause, want)
		}
	})
}

func opaqueHydra(t *testing.T) *opaque {
	t.Helper()
	p, issuer, admin := hydra(t, `"access_token_strategy":"opaque"`)
	return &opaque{
		process: p,
		config: introspection.Config{
			Issuer: issuer, Endpoint: admin + "/oauth2/introspect", Client: introspection.Unauthenticated{},
		},
		tokenURL: issuer + "/oauth2/token", audience: "audience", revocation: issuer + "/oauth2/revoke",
	}
}

func briefHydra(t *testing.T) *endpoint {
	t.Helper()
	p, issuer, _ := hydra(t, `"access_token_strategy":"jwt",`+
		`"client_credentials_grant_access_token_lifespan":"`+lifetime.String()+`"`)
	return &endpoint{
		process: p,
		config:  verifier.Config{Issuer: issuer, ScopeClaim: "scp"},
		url:     issuer + "/oauth2/token", audience: "audience",
	}
}

// hydra starts Hydra with a database of its own, in which there's one client. It returns the
// issuer's identifier and the URL of its administration.
func hydra(t *testing.T, settings string) (p *process, issuer, admin string) {
	t.Helper()
	needs(t, "go", "gcc")
	source := workshop(t, "hydra", map[string]string{"go.mod": "go.mod.txt"})
	build(t, source, "hydra", "github.com/ory/hydra/v2", "-tags=sqlite")
	program := filepath.Join(source, "hydra")
	public, private := freeAddress(t), freeAddress(t)
	_, publicPort, _ := net.SplitHostPort(public)
	_, privatePort, _ := net.SplitHostPort(private)
	env := []string{
		"DSN=sqlite://" + filepath.Join(t.TempDir(), "hydra.sqlite") + "?_fk=true",
		"SECRETS_SYSTEM=a secret that only this test has",
		"URLS_SELF_ISSUER=http://" + public,
		"SERVE_PUBLIC_HOST=127.0.0.1", "SERVE_PUBLIC_PORT=" + publicPort,
		"SERVE_ADMIN_HOST=127.0.0.1", "SERVE_ADMIN_PORT=" + privatePort,
		"SQA_OPT_OUT=true",
	}
	execute(t, "", env, program, "migrate", "sql", "up", "--read-from-env", "--yes")
	p = &process{
		command: func() *exec.Cmd {
			cmd := exec.Command(program, "serve", "all", "--dev")
			cmd.Env = append(os.Environ(), env...)
			return cmd
		},
		probe:  "http://" + public + "/health/ready",
		client: newClient(),
	}
	p.start(t)
	t.Cleanup(func() { p.stop(t) })
	issuer, admin = "http://"+public, "http://"+private+"/admin"
	client := `{"client_id":"robot","client_secret":"secret","grant_types":["client_credentials"],` +
		`"scope":"orders:read","audience":["` + audience + `"],` + settings + `}`
	call(t, p.client, http.MethodPost, admin+"/clients", "application/json", client)
	return p, issuer, admin
}

// kids returns the names of the keys in a set, in its order.
func kids(t *testing.T, set []byte) (names []string) {
	t.Helper()
	var read struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal(set, &read); err != nil || len(read.Keys) == 0 {
		t.Fatalf("%v in %s", err, set)
	}
	for _, key := range read.Keys {
		names = append(names, key.Kid)
	}
	return names
}
