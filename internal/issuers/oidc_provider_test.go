package issuers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

func TestOIDCProvider(t *testing.T) {
	needs(t, "node", "npm")
	dir := installOIDCProvider(t)
	address := freeAddress(t)
	issuer := "http://" + address
	keys := filepath.Join(t.TempDir(), "keys.json")
	var listed []map[string]string
	p := oidcProvider(dir, address, issuer, keys)
	rotate := func() {
		listed = append([]map[string]string{newKey(t, "key-"+strconv.Itoa(len(listed)))}, listed...)
		writeKeys(t, keys, listed)
	}
	rotate()
	p.start(t)
	t.Cleanup(func() { p.stop(t) })
	product := &product{
		process:  p,
		config:   verifier.Config{Issuer: issuer, Audiences: []string{audience}, Algorithms: []string{"ES256"}},
		token:    func(t *testing.T) string { return orderToken(t, p.client, issuer+"/token") },
		rotate:   func(t *testing.T) { rotate(); p.restart(t) },
		withdraw: func(t *testing.T) { writeKeys(t, keys, listed[:1]); p.restart(t) },
		listsOld: true,
	}
	product.tell(t)
	product.tellClient(t, url.Values{"resource": {audience}})
}

// Without keys of its own, oidc-provider signs with a key in its package.
func TestOIDCProviderWithoutKeysOfItsOwnIsGoodForThisHostOnly(t *testing.T) {
	needs(t, "node", "npm")
	dir := installOIDCProvider(t)
	for issuer, good := range map[string]bool{"http://localhost": true, "https://issuer.example": false} {
		t.Run(issuer, func(t *testing.T) {
			address := freeAddress(t)
			p := oidcProvider(dir, address, issuer)
			p.start(t)
			defer p.stop(t)
			token := orderToken(t, p.client, "http://"+address+"/token")
			v := newVerifier(t, verifier.Config{
				Issuer: issuer, Audiences: []string{audience}, JWKSURL: "http://" + address + "/jwks",
			})
			if good {
				accept(t, v, token)
				return
			}
			_, err := v.Verify(t.Context(), token)
			if code := verifier.CodeOf(err); code != verifier.CodeJWKSError ||
				!strings.Contains(err.Error(), "its private key is published in oidc-provider") {
				t.Errorf("Verify: %v, want code %q, and the name of the package", err, verifier.CodeJWKSError)
			}
		})
	}
}

func opaqueOIDCProvider(t *testing.T) *opaque {
	t.Helper()
	t.Setenv("TOKENS_FILE", filepath.Join(t.TempDir(), "tokens.json"))
	p, issuer := signingOIDCProvider(t)
	return &opaque{
		process:  p,
		config:   introspection.Config{Issuer: issuer, Client: introspection.SecretBasic{ClientID: "robot", Secret: "secret"}},
		tokenURL: issuer + "/token", audience: "resource", revocation: issuer + "/token/revocation",
	}
}

func briefOIDCProvider(t *testing.T) *endpoint {
	t.Helper()
	t.Setenv("TOKEN_LIFETIME", strconv.Itoa(int(lifetime.Seconds())))
	p, issuer := signingOIDCProvider(t)
	return &endpoint{
		process: p,
		config:  verifier.Config{Issuer: issuer, Algorithms: []string{"ES256"}},
		url:     issuer + "/token", audience: "resource",
	}
}

// signingOIDCProvider starts oidc-provider with one key.
func signingOIDCProvider(t *testing.T) (p *process, issuer string) {
	t.Helper()
	needs(t, "node", "npm")
	address := freeAddress(t)
	issuer = "http://" + address
	keys := filepath.Join(t.TempDir(), "keys.json")
	writeKeys(t, keys, []map[string]string{newKey(t, "key-0")})
	p = oidcProvider(installOIDCProvider(t), address, issuer, keys)
	p.start(t)
	t.Cleanup(func() { p.stop(t) })
	return p, issuer
}

func installOIDCProvider(t *testing.T) string {
	t.Helper()
	dir := workshop(t, "oidc-provider", map[string]string{
		"package.json": "package.json", "server.mjs": "server.mjs", "events.mjs": "events.mjs",
		"mutual-tls.mjs": "mutual-tls.mjs", "dpop.mjs": "dpop.mjs",
	})
	execute(t, dir, nil, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts")
	return dir
}

func oidcProvider(dir, address, issuer string, keys ...string) *process {
	_, port, _ := net.SplitHostPort(address)
	return &process{
		command: func() *exec.Cmd {
			cmd := exec.Command("node", append([]string{"server.mjs", port, issuer}, keys...)...)
			cmd.Dir = dir
			return cmd
		},
		probe:  "http://" + address + "/.well-known/openid-configuration",
		client: newClient(),
	}
}

func orderToken(t *testing.T, client *http.Client, endpoint string) string {
	t.Helper()
	return grant(t, client, endpoint, url.Values{"resource": {audience}, "scope": {"orders:read"}})
}

// newKey returns a private JWK.
func newKey(t *testing.T, kid string) map[string]string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]string{
		"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256",
		"x": encode(point[1:33]), "y": encode(point[33:]), "d": encode(scalar),
	}
}

func writeKeys(t *testing.T, path string, keys []map[string]string) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, text)
}
