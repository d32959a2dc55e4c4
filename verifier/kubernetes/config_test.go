package kubernetes_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/kubernetes"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestClusterVerifiesItsServiceAccounts(t *testing.T) {
	t.Parallel()
	server := newAPIServer(t)
	config, err := server.cluster(t).Config("orders")
	if err != nil {
		t.Fatal(err)
	}
	if got := server.requests(); len(got) > 0 {
		t.Errorf("Config asks for %q", got)
	}
	config.Require.Subjects = []string{"system:serviceaccount:shop:robot"}
	v := newVerifier(t, config)
	for _, alg := range []string{"RS256", "ES256"} {
		claims, err := v.Verify(t.Context(), server.token(verifiertest.WithAlgorithm(alg)))
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if claims.Issuer() != issuerName || !claims.HasPermission("shop") {
			t.Errorf("%s: the claims are %v, with the permissions %q", alg, claims, claims.Permissions())
		}
	}
	if _, err := v.Verify(t.Context(), server.podToken(nil)); verifier.CodeOf(err) != verifier.CodeInvalidAudience {
		t.Errorf("a token for the API server: %v", err)
	}
	if got := server.requests(); len(got) != 1 || !strings.HasSuffix(got[0], " /openid/v1/jwks") {
		t.Errorf("the API server was asked for %q, want its keys alone", got)
	}
}

// The keys aren't fetched where a token says, not even the pod's own.
func TestNothingButTheAPIServerIsFetched(t *testing.T) {
	t.Parallel()
	other := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host was asked for %s, with %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer other.Close()
	server := newAPIServer(t)
	cluster := server.cluster(t)
	write(t, cluster.TokenFile, server.podToken(map[string]any{"iss": other.URL}))
	config, err := cluster.Config("orders")
	if err != nil {
		t.Fatal(err)
	}
	if config.Issuer != other.URL || config.JWKSURL != server.URL+"/openid/v1/jwks" {
		t.Errorf("the configuration is %+v", config)
	}
	server.redirect = other.URL
	if err := newVerifier(t, config).Ready(t.Context()); verifier.CodeOf(err) != verifier.CodeJWKSFetchFailed {
		t.Errorf("a redirect: %v", err)
	}
}

func TestAudienceMustBeTheServicesOwn(t *testing.T) {
	t.Parallel()
	server := newAPIServer(t)
	cluster := server.cluster(t)
	write(t, cluster.TokenFile, server.podToken(map[string]any{"aud": []string{issuerName, "k3s"}}))
	for _, audience := range [][]string{nil, {""}, {"orders", ""}, {issuerName}, {"orders", "k3s"}} {
		if config, err := cluster.Config(audience...); err == nil || !strings.Contains(err.Error(), "audience") || config.Audiences != nil {
			t.Errorf("the audience %q: %+v, %v", audience, config, err)
		}
	}
}

func TestErrorsNameTheMissingOrUnusableFile(t *testing.T) {
	t.Parallel()
	server := newAPIServer(t)
	token := func(payload string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".x"
	}
	for name, test := range map[string]struct {
		change func(*kubernetes.Cluster)
		want   func(kubernetes.Cluster) string
	}{
		"no authority": {
			func(c *kubernetes.Cluster) { c.CAFile = filepath.Join(t.TempDir(), "missing.crt") },
			func(c kubernetes.Cluster) string { return c.CAFile },
		},
		"no certificate": {
			func(c *kubernetes.Cluster) { write(t, c.CAFile, "none") },
			func(c kubernetes.Cluster) string { return c.CAFile },
		},
		"no token": {
			func(c *kubernetes.Cluster) { c.TokenFile = filepath.Join(t.TempDir(), "missing") },
			func(c kubernetes.Cluster) string { return c.TokenFile },
		},
		"an empty token":         {content(t, "\n"), kubernetesTokenFile},
		"no JWT":                 {content(t, "opaque"), kubernetesTokenFile},
		"no base64":              {content(t, "e30.%.x"), kubernetesTokenFile},
		"no JSON":                {content(t, token(`{"iss":"a","aud":"b"`)), kubernetesTokenFile},
		"no issuer":              {content(t, token(`{"aud":["b"]}`)), kubernetesTokenFile},
		"no audience, as before": {content(t, token(`{"iss":"kubernetes/serviceaccount"}`)), kubernetesTokenFile},
	} {
		cluster := server.cluster(t)
		test.change(&cluster)
		if config, err := cluster.Config("orders"); err == nil || !strings.Contains(err.Error(), test.want(cluster)) || config.Issuer != "" {
			t.Errorf("%s: %+v, %v", name, config, err)
		}
	}
}

func content(t *testing.T, text string) func(*kubernetes.Cluster) {
	return func(c *kubernetes.Cluster) { write(t, c.TokenFile, text) }
}

func kubernetesTokenFile(c kubernetes.Cluster) string { return c.TokenFile }

func TestAPIServerIsFoundInTheEnvironment(t *testing.T) {
	server := newAPIServer(t)
	cluster := server.cluster(t)
	for host, want := range map[string]string{"10.0.0.1": "https://10.0.0.1:443", "fd00::1": "https://[fd00::1]:443"} {
		cluster.Server = ""
		t.Setenv("KUBERNETES_SERVICE_HOST", host)
		t.Setenv("KUBERNETES_SERVICE_PORT", "443")
		if config, err := cluster.Config("orders"); err != nil || config.JWKSURL != want+"/openid/v1/jwks" {
			t.Errorf("%s: %s, %v", host, config.JWKSURL, err)
		}
		for _, missing := range []string{"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"} {
			t.Setenv("KUBERNETES_SERVICE_HOST", host)
			t.Setenv("KUBERNETES_SERVICE_PORT", "443")
			t.Setenv(missing, "")
			if _, err := cluster.Config("orders"); err == nil || !strings.Contains(err.Error(), missing) {
				t.Errorf("without %s: %v", missing, err)
			}
		}
	}
}

func TestServerIsAnHTTPSURLAndNothingMore(t *testing.T) {
	t.Parallel()
	cluster := newAPIServer(t).cluster(t)
	for _, server := range []string{
		"http://10.0.0.1", "10.0.0.1:443", "https://", "https://10.0.0.1/", "https://10.0.0.1/x", "https://user@10.0.0.1",
		"https://10.0.0.1?x", "https://10.0.0.1#x", "https://10.0.0.1:x",
	} {
		cluster.Server = server
		if _, err := cluster.Config("orders"); err == nil || !strings.Contains(err.Error(), "Cluster.Server") {
			t.Errorf("%s: %v", server, err)
		}
	}
}

func TestClientFollowsTheFiles(t *testing.T) {
	t.Parallel()
	server := newAPIServer(t)
	cluster := server.cluster(t)
	client, err := cluster.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	get := func() error {
		res, err := client.Get(server.URL + "/x")
		if err != nil {
			return err
		}
		return res.Body.Close()
	}
	for _, token := range []string{"first", "second"} {
		write(t, cluster.TokenFile, token+"\n")
		if err := get(); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"first /x", "second /x"}; !slices.Equal(server.requests(), want) {
		t.Errorf("the API server saw %q, want %q", server.requests(), want)
	}

	other := newAPIServer(t)
	write(t, cluster.CAFile, other.authority())
	if err := get(); err == nil {
		t.Error("an authority that's gone is still trusted")
	}
	write(t, cluster.CAFile, server.authority())
	if err := get(); err != nil {
		t.Errorf("an authority that's new: %v", err)
	}
}

func TestClientSendsItsTokenToTheAPIServerAlone(t *testing.T) {
	t.Parallel()
	server, other := newAPIServer(t), newAPIServer(t)
	cluster := server.cluster(t)
	write(t, cluster.CAFile, server.authority()+other.authority()) // so that no handshake fails
	client, err := cluster.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	body := &closing{Reader: strings.NewReader("x")}
	if res, err := client.Post(other.URL, "text/plain", body); err == nil {
		_ = res.Body.Close()
		t.Error("another host is asked")
	}
	if !body.closed {
		t.Error("the body of a refused request is still open")
	}
	plain := strings.Replace(server.URL, "https:", "http:", 1)
	if res, err := client.Get(plain); err == nil {
		_ = res.Body.Close()
		t.Error("the token goes over plain HTTP")
	}
	server.redirect = other.URL
	res, err := client.Get(server.URL)
	if err != nil || res.StatusCode != http.StatusFound {
		t.Fatalf("a redirect: %v, %v", res, err)
	}
	_ = res.Body.Close()
	if got := other.requests(); len(got) > 0 {
		t.Errorf("another host saw %q", got)
	}
}

type closing struct {
	*strings.Reader

	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }
