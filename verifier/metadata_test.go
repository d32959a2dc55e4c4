package verifier_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// OpenID Connect Discovery 1.0, section 4.1, appends to the issuer's path; RFC 8414,
// section 3.1, inserts before it.
func TestMetadataIsAskedForWhereTheIssuerSays(t *testing.T) {
	t.Parallel()
	tests := []struct{ issuer, openID, oauth string }{
		{
			"https://issuer.test",
			"https://issuer.test/.well-known/openid-configuration",
			"https://issuer.test/.well-known/oauth-authorization-server",
		}, {
			"https://issuer.test/",
			"https://issuer.test/.well-known/openid-configuration",
			"https://issuer.test/.well-known/oauth-authorization-server",
		}, {
			"https://issuer.test/tenant",
			"https://issuer.test/tenant/.well-known/openid-configuration",
			"https://issuer.test/.well-known/oauth-authorization-server/tenant",
		}, {
			"https://issuer.test/a/b/",
			"https://issuer.test/a/b/.well-known/openid-configuration",
			"https://issuer.test/.well-known/oauth-authorization-server/a/b",
		}, {
			"https://issuer.test:8443/a%20b",
			"https://issuer.test:8443/a%20b/.well-known/openid-configuration",
			"https://issuer.test:8443/.well-known/oauth-authorization-server/a%20b",
		}, {
			"http://127.0.0.1:8080/realm",
			"http://127.0.0.1:8080/realm/.well-known/openid-configuration",
			"http://127.0.0.1:8080/.well-known/oauth-authorization-server/realm",
		}, {
			"http://[::1]:8080",
			"http://[::1]:8080/.well-known/openid-configuration",
			"http://[::1]:8080/.well-known/oauth-authorization-server",
		},
	}
	for _, test := range tests {
		t.Run(test.issuer, func(t *testing.T) {
			issuer := verifiertest.NewIssuer(verifiertest.WithURL(test.issuer))
			document := metadata(test.issuer, "https://keys.test/jwks")
			for _, served := range []string{test.openID, test.oauth} {
				network := &remote{respond: func(req *http.Request) (*http.Response, error) {
					switch req.URL.String() {
					case served:
						return response(http.StatusOK, document), nil
					case "https://keys.test/jwks":
						return response(http.StatusOK, string(issuer.JWKS())), nil
					default:
						return response(http.StatusNotFound, ""), nil
					}
				}}
				config := issuer.Config()
				config.HTTPClient = network.client()
				accept(t, newVerifier(t, config), issuer.Token(nil))

				want := []string{test.openID, test.oauth, "https://keys.test/jwks"}
				if served == test.openID {
					want = slices.Delete(want, 1, 2)
				}
				if got := network.requests(); !slices.Equal(got, want) {
					t.Errorf("requested %q, want %q", got, want)
				}
			}
		})
	}
}

func metadata(issuer, jwksURL string) string {
	return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, issuer, jwksURL)
}

// Only an answer that there is no such document sends us to another place: an issuer in
// trouble, or one that turns us away, must not be able to.
func TestOtherMetadataIsAskedForOnlyWhereThereIsNone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		respond func() (*http.Response, error)
		falls   bool
		want    verifier.Code
	}{
		{"400", status(400), true, ""},
		{"401", status(401), false, verifier.CodeJWKSFetchFailed},
		{"403", status(403), false, verifier.CodeJWKSFetchFailed},
		{"404", status(404), true, ""},
		{"405", status(405), true, ""},
		{"410", status(410), true, ""},
		{"429", status(429), false, verifier.CodeJWKSFetchFailed},
		{"499", status(499), false, verifier.CodeJWKSFetchFailed},
		{"204", status(204), false, verifier.CodeJWKSFetchFailed},
		{"206", status(206), false, verifier.CodeJWKSFetchFailed},
		{"304", status(304), false, verifier.CodeJWKSFetchFailed},
		{"500", status(500), false, verifier.CodeJWKSFetchFailed},
		{"502", status(502), false, verifier.CodeJWKSFetchFailed},
		{"503", status(503), false, verifier.CodeJWKSFetchFailed},
		{"no connection", func() (*http.Response, error) { return nil, errors.New("refused") },
			false, verifier.CodeJWKSFetchFailed},
		{"a document of another issuer", func() (*http.Response, error) {
			return response(http.StatusOK, metadata("https://evil.test", "https://evil.test/jwks")), nil
		}, false, verifier.CodeJWKSError},
		{"no document", func() (*http.Response, error) { return response(http.StatusOK, ""), nil },
			false, verifier.CodeJWKSError},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			issuer := verifiertest.NewIssuer()
			network := &remote{respond: func(req *http.Request) (*http.Response, error) {
				switch req.URL.Path {
				case "/.well-known/openid-configuration":
					return test.respond()
				case "/.well-known/oauth-authorization-server":
					return response(http.StatusOK, metadata(issuer.URL(), issuer.URL()+"/jwks")), nil
				default:
					return issuer.RoundTrip(req)
				}
			}}
			config := issuer.Config()
			config.HTTPClient = network.client()
			if got := verdict(t, newVerifier(t, config), issuer.Token(nil)); got != test.want {
				t.Errorf("code = %q, want %q", got, test.want)
			}
			if got := len(network.requests()); (got > 1) != test.falls {
				t.Errorf("requested %q", network.requests())
			}
		})
	}
}

func status(code int) func() (*http.Response, error) {
	return func() (*http.Response, error) { return response(code, ""), nil }
}

func TestMetadataThatIsNowhereIsAFailedFetch(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	network := &remote{respond: func(*http.Request) (*http.Response, error) {
		return response(http.StatusNotFound, ""), nil
	}}
	config := issuer.Config()
	config.HTTPClient = network.client()
	unavailable(t, newVerifier(t, config), issuer.Token(nil), verifier.CodeJWKSFetchFailed)
	if got := len(network.requests()); got != 2 {
		t.Errorf("requested %q, want both places", network.requests())
	}
}

// OpenID Connect Discovery 1.0, section 4.3, and RFC 8414, section 3.3: the issuer of
// the document is identical to that for which it was asked.
func TestMetadataNamesItsIssuerExactly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		config, document string
		good             bool
	}{
		{"https://issuer.test", `"https://issuer.test"`, true},
		{"https://issuer.test/", `"https://issuer.test/"`, true},
		{"https://issuer.test", `"https:\/\/issuer\u002etest"`, true},
		{"https://issuer.test", `"https://issuer.test/"`, false},
		{"https://issuer.test/", `"https://issuer.test"`, false},
		{"https://issuer.test", `"https://ISSUER.test"`, false},
		{"https://issuer.test", `"HTTPS://issuer.test"`, false},
		{"https://issuer.test", `"https://issuer.test:443"`, false},
		{"https://issuer.test", `"https://issuer.test "`, false},
		{"https://issuer.test", `"https://issuer.test.evil.example"`, false},
		{"https://issuer.test", `"https://evil.test"`, false},
		{"https://login.test/common", `"https://login.test/{tenantid}"`, false},
		{"https://issuer.test", `""`, false},
		{"https://issuer.test", `null`, false},
		{"https://issuer.test", `["https://issuer.test"]`, false},
		{"https://issuer.test", `{"https://issuer.test":true}`, false},
		{"https://issuer.test", `true`, false},
	}
	for _, test := range tests {
		t.Run(test.config+" "+test.document, func(t *testing.T) {
			discovers(t, test.config, `{"issuer":`+test.document+`,"jwks_uri":"https://keys.test/jwks"}`, test.good)
		})
	}
}

// discovers wants keys, and tokens judged by them, from a good document; and from
// another no request at all.
func discovers(t *testing.T, issuerURL, document string, good bool, changes ...func(*verifier.Config)) {
	t.Helper()
	issuer := verifiertest.NewIssuer(verifiertest.WithURL(issuerURL))
	network := &remote{respond: func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, "/.well-known/openid-configuration") {
			return response(http.StatusOK, document), nil
		}
		return response(http.StatusOK, string(issuer.JWKS())), nil
	}}
	config := issuer.Config()
	config.HTTPClient = network.client()
	for _, change := range changes {
		change(&config)
	}
	v := newVerifier(t, config)
	if good {
		accept(t, v, issuer.Token(nil))
		return
	}
	failure := unavailable(t, v, issuer.Token(nil), verifier.CodeJWKSError)
	if got := len(network.requests()); got != 1 {
		t.Errorf("requested %q after a document that is no good", network.requests())
	}
	if strings.Contains(failure.Error(), "marker") {
		t.Errorf("the error quotes the document: %v", failure)
	}
}

func TestKeySetURLIsSafeToFetchFrom(t *testing.T) {
	t.Parallel()
	tests := []struct {
		value     string
		good      bool
		allowHTTP bool // good then
	}{
		{`"https://issuer.test/jwks"`, true, true},
		{`"https://keys.example:8443/a?b=c"`, true, true},
		{`"http://localhost:8080/jwks"`, false, true},
		{`"http://127.0.0.1/jwks"`, false, true},
		{`"http://127.255.0.9:1/jwks"`, false, true},
		{`"http://[::1]/jwks"`, false, true},
		{`"HTTPS://issuer.test/jwks"`, true, true},
		{`"http://issuer.test/jwks"`, false, true},
		{`"http://10.0.0.1/jwks"`, false, true},
		{`"http://169.254.169.254/jwks"`, false, true},
		{`"http://localhost.evil.example/jwks"`, false, true},
		{`"http://127.0.0.1.evil.example/jwks"`, false, true},
		{`"http://128.0.0.1/jwks"`, false, true},
		{`"http://[::2]/jwks"`, false, true},
		{`"http://127.1/jwks"`, false, true},
		{`"file:///etc/marker"`, false, false},
		{`"ftp://issuer.test/marker"`, false, false},
		{`"data:application/json,marker"`, false, false},
		{`"javascript:marker"`, false, false},
		{`"https:marker"`, false, false},
		{`"https:///marker"`, false, false},
		{`"https://:443/marker"`, false, false},
		{`"//issuer.test/marker"`, false, false},
		{`"/marker"`, false, false},
		{`"marker"`, false, false},
		{`"https://user:marker@issuer.test/jwks"`, false, false},
		{`"https://issuer.test/jwks#marker"`, false, false},
		{`"https://issuer.test/%zzmarker"`, false, false},
		{`"https://issuer.test/\u0000marker"`, false, false},
		{`"https://issuer.test/\r\nmarker: x"`, false, false},
		{`" https://issuer.test/marker"`, false, false},
		{`""`, false, false},
		{`null`, false, false},
		{`1`, false, false},
		{`true`, false, false},
		{`["https://issuer.test/marker"]`, false, false},
		{`{"url":"https://issuer.test/marker"}`, false, false},
	}
	for _, test := range tests {
		t.Run(test.value, func(t *testing.T) {
			document := `{"issuer":"https://issuer.test","jwks_uri":` + test.value + `}`
			discovers(t, "https://issuer.test", document, test.good)
			discovers(t, "https://issuer.test", document, test.allowHTTP,
				func(c *verifier.Config) { c.AllowHTTP = true })
		})
	}
}

func TestOnlyAnIssuerOnThisHostPointsToItsPorts(t *testing.T) {
	t.Parallel()
	for _, issuer := range []string{"http://localhost:8080", "http://127.0.0.1:1/realm", "http://[::1]"} {
		for url, good := range map[string]bool{
			"http://localhost:8080/jwks": true, "http://127.255.0.9:1/jwks": true, "http://[::1]/jwks": true,
			"https://keys.example/jwks": true, "http://keys.example/jwks": false, "http://10.0.0.1/jwks": false,
		} {
			discovers(t, issuer, metadata(issuer, url), good)
		}
	}
}

func TestMetadataAreStrictAboutWhatIsReadOfThem(t *testing.T) {
	t.Parallel()
	const url = "https://issuer.test"
	const good = `"issuer":"https://issuer.test","jwks_uri":"https://keys.test/jwks"`
	tests := []struct {
		name, document string
		good           bool
	}{
		{"white space", " {\r\n\t" + good + "}\n", true},
		{"other members", `{"scopes_supported":["a"],` + good + `,"x":{"issuer":"y"},"y":null}`, true},
		{"names that differ in case", `{"Issuer":"x",` + good + `,"JWKS_URI":"http://evil.example"}`, true},
		{"nested 64 deep", `{` + good + `,"x":` + nested(63) + `}`, true},

		{"an empty document", ``, false},
		{"an empty object", `{}`, false},
		{"no issuer", `{"jwks_uri":"https://keys.test/marker"}`, false},
		{"no jwks_uri", `{"issuer":"https://issuer.test"}`, false},
		{"an issuer in uppercase", `{"ISSUER":"https://issuer.test","jwks_uri":"https://keys.test/marker"}`, false},
		{"an i\u017f\u017fuer", "{\"i\u017f\u017fuer\":\"https://issuer.test\",\"jwks_uri\":\"https://keys.test/marker\"}", false},
		{"issuer twice", `{"issuer":"https://evil.example",` + good + `}`, false},
		{"issuer twice, escaped", `{` + good + `,"\u0069ssuer":"https://issuer.test"}`, false},
		{"jwks_uri twice", `{` + good + `,"jwks_uri":"https://keys.test/jwks"}`, false},
		{"another name twice", `{` + good + `,"x":1,"x":1}`, true},
		{"a name twice, deeper", `{` + good + `,"x":{"y":1,"y":1}}`, true},
		{"invalid UTF-8 elsewhere", "{" + good + ",\"x\":\"\xff\"}", true},
		{"a byte-order mark", "\ufeff{" + good + "}", false},
		{"trailing garbage", "{" + good + "}marker", false},
		{"a second object", "{" + good + "}{}", false},
		{"cut short", "{" + good, false},
		{"an array", "[{" + good + "}]", false},
		{"a string", `"marker"`, false},
		{"null", `null`, false},
		{"HTML", `<html>marker</html>`, false},
		{"nested 65 deep", `{` + good + `,"x":` + nested(64) + `}`, true},
		{"nested 100 000 deep", `{` + good + `,"x":` + nested(100_000) + `}`, false},
		{"the key set itself", `{"keys":[]}`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			discovers(t, url, test.document, test.good)
		})
	}
}

// Whatever the document says, nothing is fetched but from a URL of its jwks_uri that
// is safe, and nothing if it is another issuer's.
func FuzzMetadata(f *testing.F) {
	issuer := verifiertest.NewIssuer()
	for _, seed := range []string{
		metadata(issuer.URL(), "https://keys.test/jwks"), metadata(issuer.URL(), "http://127.0.0.1/jwks"),
		metadata(issuer.URL(), "http://evil.example/jwks"), metadata("https://evil.example", "https://evil.example/"),
		`{"issuer":"https://issuer.test","jwks_uri":"https://a.test/","jwks_uri":"https://b.test/"}`,
		`{"issuer":"https://issuer.test","jwks_uri":["https://a.test/"]}`, `{}`, `[]`, ``, `{"issuer":` + nested(70) + `}`,
	} {
		f.Add([]byte(seed))
	}
	token := issuer.Token(map[string]any{"exp": int64(4_000_000_000)})
	f.Fuzz(func(t *testing.T, document []byte) {
		network := &remote{respond: func(req *http.Request) (*http.Response, error) {
			if req.URL.String() == issuer.URL()+"/.well-known/openid-configuration" {
				return response(http.StatusOK, string(document)), nil
			}
			return response(http.StatusOK, string(issuer.JWKS())), nil
		}}
		config := issuer.Config()
		config.HTTPClient = network.client()
		code := verdict(t, newVerifier(t, config), token)
		asked := network.requests()[1:]
		if code != "" {
			if code != verifier.CodeJWKSError || len(asked) != 0 {
				t.Errorf("code = %q after requests to %q", code, asked)
			}
			return
		}
		var members map[string]any
		if err := json.Unmarshal(document, &members); err != nil {
			t.Fatalf("believed what is no JSON: %v", err)
		}
		if members["issuer"] != issuer.URL() || len(asked) != 1 {
			t.Fatalf("requested %q for a document of %q", asked, members["issuer"])
		}
		u, err := url.Parse(asked[0])
		if err != nil {
			t.Fatal(err)
		}
		host := u.Hostname()
		isLocal := host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
		if u.Scheme != "https" && !(u.Scheme == "http" && isLocal) {
			t.Errorf("requested %q", asked[0])
		}
		if want, err := url.Parse(fmt.Sprint(members["jwks_uri"])); err != nil || want.String() != asked[0] {
			t.Errorf("requested %q for the jwks_uri %q", asked[0], members["jwks_uri"])
		}
	})
}
