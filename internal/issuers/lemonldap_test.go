package issuers_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// LemonLDAP::NG lists one key, whose kid is a text field.
func TestLemonLDAP(t *testing.T) {
	needs(t, "plackup", "perl")
	portal := newPortal(t)
	portal.rotate(t, "key-0")
	portal.start(t)
	t.Cleanup(func() { portal.stop(t) })
	rotations := 0
	product := &product{
		process: portal.process,
		config:  verifier.Config{Issuer: portal.issuer, Audiences: []string{audience}},
		token:   portal.token,
		rotate: func(t *testing.T) {
			rotations++
			portal.rotate(t, "key-"+strconv.Itoa(rotations))
			portal.restart(t)
		},
		withdraw: func(*testing.T) {},
	}
	product.tell(t)
	for name, kid := range map[string]string{"a key that keeps its kid": "fixed", "a key without kid": ""} {
		t.Run(name, func(t *testing.T) {
			portal.rotate(t, kid)
			portal.restart(t)
			v := newVerifier(t, product.config)
			old := portal.token(t)
			accept(t, v, old)
			portal.rotate(t, kid)
			portal.restart(t)
			accept(t, v, portal.token(t))
			refuse(t, v, old, verifier.CodeInvalidToken)
		})
	}
	t.Run("a set in another order is the same set", func(t *testing.T) {
		config := product.config
		config.KeysTTL = time.Second
		v := newVerifier(t, config)
		accept(t, v, portal.token(t))
		since, set := v.Status()[0].KeysSince, portal.keys(t)
		for range 20 {
			portal.seed++
			portal.restart(t)
			if !bytes.Equal(portal.keys(t), set) {
				break
			}
		}
		if bytes.Equal(portal.keys(t), set) {
			t.Fatal("the order never changes")
		}
		time.Sleep(config.KeysTTL)
		accept(t, v, portal.token(t))
		status := v.Status()[0]
		if !status.KeysSince.Equal(since) || !status.LastSuccess.After(since) {
			t.Errorf("the keys are from %v, refreshed at %v; want them from %v, and refreshed",
				status.KeysSince, status.LastSuccess, since)
		}
	})
}

type portal struct {
	*process

	issuer string
	dir    string
	seed   int // of the order in which Perl writes members
}

func newPortal(t *testing.T) *portal {
	t.Helper()
	if exec.Command("perl", "-MLemonldap::NG::Portal::Issuer::OpenIDConnect", "-e", "1").Run() != nil {
		t.Skip("lemonldap-ng is not installed, or not with all that Debian recommends with it")
	}
	dir, address := t.TempDir(), freeAddress(t)
	for _, sub := range []string{"conf", "cache", "sessions/lock", "persistent/lock"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"lemonldap-ng.ini", "portal.psgi"} {
		text, err := os.ReadFile(filepath.Join("testdata", "lemonldap", name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), bytes.ReplaceAll(text, []byte("DIR"), []byte(dir)))
	}
	p := &portal{issuer: "http://" + address, dir: dir}
	_, port, _ := net.SplitHostPort(address)
	p.process = &process{
		command: func() *exec.Cmd {
			cmd := exec.Command("plackup", "--host", "127.0.0.1", "--port", port, filepath.Join(dir, "portal.psgi"))
			cmd.Env = append(os.Environ(), "LLNG_DEFAULTCONFFILE="+filepath.Join(dir, "lemonldap-ng.ini"),
				"PERL_HASH_SEED="+strconv.Itoa(p.seed), "PERL_PERTURB_KEYS=0")
			return cmd
		},
		probe:  p.issuer + "/.well-known/openid-configuration",
		client: newClient(),
	}
	return p
}

func (p *portal) token(t *testing.T) string {
	t.Helper()
	return grant(t, p.client, p.issuer+"/oauth2/token", url.Values{"scope": {"orders:read"}})
}

func (p *portal) keys(t *testing.T) []byte {
	t.Helper()
	return call(t, p.client, http.MethodGet, p.issuer+"/oauth2/jwks", "", "")
}

// rotate writes a configuration with a new key, for the next start.
func (p *portal) rotate(t *testing.T, kid string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	folder := func(name string) map[string]string {
		return map[string]string{
			"Directory": filepath.Join(p.dir, name), "LockDirectory": filepath.Join(p.dir, name, "lock"),
		}
	}
	config := map[string]any{
		"cfgNum": 1, "cfgAuthor": "test", "cfgDate": time.Now().Unix(),
		"portal": p.issuer + "/", "domain": "127.0.0.1", "cookieName": "lemonldap", "securedCookie": 0,
		"authentication": "Demo", "userDB": "Same", "passwordDB": "Null", "registerDB": "Null",
		"whatToTrace": "_whatToTrace", "macros": map[string]string{"_whatToTrace": "$_auth"},
		"exportedVars": map[string]string{}, "groups": map[string]string{},
		"locationRules": map[string]string{}, "exportedHeaders": map[string]string{},
		"globalStorage": "Apache::Session::File", "globalStorageOptions": folder("sessions"),
		"persistentStorage": "Apache::Session::File", "persistentStorageOptions": folder("persistent"),
		"localSessionStorage": "Cache::FileCache",
		"localSessionStorageOptions": map[string]any{
			"cache_root": filepath.Join(p.dir, "cache"), "namespace": "sessions", "cache_depth": 3,
		},
		"issuerDBOpenIDConnectActivation": 1,
		"oidcServiceMetaDataIssuer":       p.issuer,
		"oidcServicePrivateKeySig":        encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
		"oidcServicePublicKeySig":         encode("PUBLIC KEY", public),
		"oidcServiceKeyIdSig":             kid,
		"oidcRPMetaDataExportedVars":      map[string]any{"robot": map[string]string{}},
		"oidcRPMetaDataOptions": map[string]any{"robot": map[string]any{
			"oidcRPMetaDataOptionsClientID":                    "robot",
			"oidcRPMetaDataOptionsClientSecret":                "secret",
			"oidcRPMetaDataOptionsAllowClientCredentialsGrant": 1,
			"oidcRPMetaDataOptionsAccessTokenJWT":              1,
			"oidcRPMetaDataOptionsAccessTokenSignAlg":          "RS256",
			"oidcRPMetaDataOptionsAdditionalAudiences":         audience,
		}},
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(p.dir, "conf", "lmConf-1.json"), text)
	if err := os.RemoveAll(filepath.Join(p.dir, "cache")); err != nil {
		t.Fatal(err)
	}
}
