package verifier_test

import (
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	// longestText is what one of our texts may have: two places, each with a bounded URL and
	// a bounded reason.
	longestText = 1024

	// hostile is what another party may write wherever it writes anything.
	hostile = "\r\nlevel=INFO msg=forged \x1b[2J\x00\u202e\xff"
)

// foreign is a text of 1 MB.
func foreign() string { return strings.Repeat("f", 1<<20-len(hostile)) + hostile }

// short is as long as a URL may be, and nothing but printable ASCII.
func short() string { return strings.Repeat("f", 2000) }

// wantFit wants a text that fits a line of a log.
func wantFit(t testing.TB, what, text string) {
	t.Helper()
	if len(text) > longestText {
		t.Errorf("%s has %d bytes, want up to %d: %.300q...", what, len(text), longestText, text)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("%s is not printable ASCII: %.300q", what, text)
	}
}

// A logbook keeps all values that were logged, as they are.
type logbook struct {
	mu     sync.Mutex
	values []string
}

func (l *logbook) Enabled(context.Context, slog.Level) bool { return true }

func (l *logbook) Handle(_ context.Context, record slog.Record) error {
	record.Attrs(func(attr slog.Attr) bool {
		l.WithAttrs([]slog.Attr{attr})
		return true
	})
	return nil
}

func (l *logbook) WithAttrs(attrs []slog.Attr) slog.Handler {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, attr := range attrs {
		l.values = append(l.values, attr.Value.String())
	}
	return l
}

func (l *logbook) WithGroup(string) slog.Handler { return l }

func (l *logbook) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.values)
}

// wantFitEverywhere looks at all places where a failure shows.
func wantFitEverywhere(t *testing.T, config verifier.Config, token string) {
	t.Helper()
	var events fetches
	var lines logbook
	config.OnFetch, config.Logger = events.add, slog.New(&lines)
	v := newVerifier(t, config)
	_, err := v.Verify(t.Context(), token)
	if _, ok := errors.AsType[*verifier.KeysError](err); !ok {
		t.Fatalf("Verify: %.300v, want a KeysError", err)
	}
	wantFit(t, "the error", err.Error())
	if ready := v.Ready(t.Context()); ready == nil {
		t.Error("Ready: nil, want an error")
	} else {
		wantFit(t, "the error of Ready", ready.Error())
	}
	wantFit(t, "the status", v.Status()[0].LastError)
	for events.last().Err == nil || len(lines.all()) == 0 { // they come soon after
		time.Sleep(time.Millisecond)
	}
	wantFit(t, "the event", events.last().Err.Error())
	for _, value := range lines.all() {
		wantFit(t, "a value in the log", value)
	}
}

func TestForeignTextsInAnswersAreBoundedAndPrintable(t *testing.T) {
	t.Parallel()
	const url = "https://issuer.test"
	text := string(mustMarshal(t, strings.ToValidUTF8(foreign(), "?")))
	quotes := string(mustMarshal(t, strings.Repeat(`"\`, 1<<18)))
	for name, respond := range map[string]func(*http.Request) *http.Response{
		"the issuer in metadata":              metadataAnd(`{"issuer":` + text + `,"jwks_uri":"https://issuer.test/jwks"}`),
		"the issuer in metadata, of quotes":   metadataAnd(`{"issuer":` + quotes + `,"jwks_uri":"https://issuer.test/jwks"}`),
		"jwks_uri":                            metadataAnd(`{"issuer":"https://issuer.test","jwks_uri":` + text + `}`),
		"jwks_uri, of http":                   metadataAnd(`{"issuer":"https://issuer.test","jwks_uri":"http://` + short() + `"}`),
		"a name in metadata":                  metadataAnd(`{` + text + `:1}`),
		"all metadata":                        metadataAnd(foreign()),
		"the place of keys that aren't there": both(metadataAnd(metadata(url, url+"/"+short())), absentAt("/fff", 500)),
		"the host of keys that redirect": both(metadataAnd(metadata(url, "https://"+short()+".test/k")), func(*http.Request) *http.Response {
			return redirect("https://" + short() + ".other")
		}),
		"all keys":                 keysAnd(foreign()),
		"the members of a key":     keysAnd(`{"keys":[{"kty":` + text + `,"kid":` + text + `,"alg":` + text + `,"use":` + text + `,` + text + `:1}]}`),
		"a key that is a text":     keysAnd(`{"keys":[` + text + `]}`),
		"a redirect":               func(*http.Request) *http.Response { return redirect("https://" + short() + "/") },
		"a redirect to no URL":     func(*http.Request) *http.Response { return redirect("https://[" + foreign()) },
		"a redirect to a port":     func(*http.Request) *http.Response { return redirect("https://issuer.test:" + short()) },
		"a scheme":                 func(*http.Request) *http.Response { return redirect(short() + "://issuer.test/") },
		"the body of an error":     func(*http.Request) *http.Response { return response(http.StatusInternalServerError, foreign()) },
		"the status of an error":   func(*http.Request) *http.Response { return withStatus(foreign()) },
		"the fields of an error":   func(*http.Request) *http.Response { return withFields(http.StatusServiceUnavailable, foreign()) },
		"a failure at both places": redirectFromAll,
	} {
		t.Run(name, func(t *testing.T) {
			issuer := verifiertest.NewIssuer()
			config := issuer.Config()
			config.HTTPClient = (&remote{respond: func(req *http.Request) (*http.Response, error) {
				if res := respond(req); res != nil {
					return res, nil
				}
				return issuer.RoundTrip(req)
			}}).client()
			wantFitEverywhere(t, config, issuer.Token(nil))
		})
	}
}

func both(a, b func(*http.Request) *http.Response) func(*http.Request) *http.Response {
	return func(req *http.Request) *http.Response {
		if res := a(req); res != nil {
			return res
		}
		return b(req)
	}
}

func withStatus(text string) *http.Response {
	res := response(http.StatusInternalServerError, "")
	res.Status = text
	return res
}

func withFields(status int, text string) *http.Response {
	res := response(status, text)
	for _, name := range []string{"ETag", "Cache-Control", "Retry-After", "Content-Type", "Www-Authenticate"} {
		res.Header.Set(name, text)
	}
	return res
}

// redirectFromAll fails for discovery at one place and then at the other.
func redirectFromAll(req *http.Request) *http.Response {
	if strings.HasSuffix(req.URL.Path, "/openid-configuration") {
		return response(http.StatusNotFound, foreign())
	}
	return redirect("https://" + short() + "/")
}

func TestForeignTextsInTransportErrorsAreBoundedAndPrintable(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{
		"a text":                  errors.New(foreign()),
		"an error of the network": &net.OpError{Op: "dial", Net: "tcp", Err: errors.New(foreign())},
		"an error of DNS":         &net.DNSError{Err: foreign(), Name: foreign(), Server: foreign(), IsNotFound: true},
		"a host in a certificate": &tls.CertificateVerificationError{
			Err: x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{foreign()}}, Host: "issuer.test"},
		},
		"an authority": &tls.CertificateVerificationError{
			Err: x509.UnknownAuthorityError{Cert: &x509.Certificate{Subject: pkix.Name{CommonName: foreign()}}},
		},
		"a constraint": &tls.CertificateVerificationError{
			Err: x509.CertificateInvalidError{Reason: x509.CANotAuthorizedForThisName, Detail: foreign()},
		},
		"a record of TLS": tls.RecordHeaderError{Msg: foreign()},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := verifiertest.NewIssuer()
			config := issuer.Config()
			config.HTTPClient = (&remote{respond: func(*http.Request) (*http.Response, error) { return nil, failure }}).client()
			wantFitEverywhere(t, config, issuer.Token(nil))
		})
	}
}

// On the wire, before anything is understood.
func TestForeignBytesOnTheWireAreBoundedAndPrintable(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"no HTTP":             foreign(),
		"a status line":       "HTTP/1.1 200 " + foreign() + "\r\n\r\n",
		"a status of letters": "HTTP/1.1 " + hostile + " " + short() + "\r\n\r\n",
		"a field":             "HTTP/1.1 200 OK\r\nX-" + foreign() + ": " + foreign() + "\r\n\r\n",
		"a field of no name":  "HTTP/1.1 200 OK\r\n" + short() + hostile + "\r\n\r\n",
		"a length":            "HTTP/1.1 200 OK\r\nContent-Length: " + short() + "\r\n\r\n",
		"an encoding":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + short() + "\r\n\r\n",
		"a chunk":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + foreign() + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn := hijack(w)
				defer conn.Close()
				_, _ = io.WriteString(conn, answer)
			}))
			defer server.Close()
			issuer := verifiertest.NewIssuer(verifiertest.WithURL(server.URL))
			config := issuer.Config()
			config.HTTPClient, config.FetchTimeout = nil, patience
			wantFitEverywhere(t, config, issuer.Token(nil))
		})
	}
}

// No one has vouched for a certificate that isn't valid.
func TestNamesInACertificateAreNotQuoted(t *testing.T) {
	t.Parallel()
	const name = "forged\r\nline \x1b[2J"
	key := ecKey(t, elliptic.P256())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name, Organization: []string{strings.Repeat(name, 1000)}},
		DNSNames:     []string{strings.Repeat("f", 60_000)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trusting := x509.NewCertPool()
	trusting.AddCert(parsed)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	for who, roots := range map[string]*x509.CertPool{"unknown": nil, "for another host": trusting} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
		issuer := verifiertest.NewIssuer(verifiertest.WithURL(server.URL))
		config := issuer.Config()
		config.HTTPClient, config.FetchTimeout = &http.Client{Transport: transport}, patience
		wantFitEverywhere(t, config, issuer.Token(nil))
		_, err := newVerifier(t, config).Verify(t.Context(), issuer.Token(nil))
		if err == nil || strings.Contains(err.Error(), "forged") || strings.Contains(err.Error(), "fff") {
			t.Errorf("%s: %v, want an error that doesn't quote the certificate", who, err)
		}
	}
}

// Once keys are there, metadata that went bad are a warning.
func TestForeignTextsInAWarningAreBoundedAndPrintable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		var events fetches
		var lines logbook
		config := p.Config()
		config.HTTPClient, config.OnFetch, config.Logger = p.client(), events.add, slog.New(&lines)
		v := newVerifier(t, config)
		accept(t, v, p.Token(nil))
		text := string(mustMarshal(t, strings.ToValidUTF8(foreign(), "?")))
		bad := metadataAnd(`{"issuer":` + text + `,"jwks_uri":` + text + `}`)
		p.suffer(func(req *http.Request) (*http.Response, error) {
			if res := bad(req); res != nil {
				return res, nil
			}
			return p.Issuer.RoundTrip(req)
		})
		time.Sleep(5 * time.Minute)
		accept(t, v, p.Token(nil))
		synctest.Wait()
		if events.last().Warning == nil {
			t.Fatal("there was no warning")
		}
		wantFit(t, "the warning", events.last().Warning.Error())
		for _, value := range lines.all() {
			wantFit(t, "a value in the log", value)
		}
	})
}

// An issuer writes what its tokens say, and it's quoted once the signature is verified.
func TestClaimsInACauseAreBoundedAndPrintable(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	config := offline(issuer)
	config.MaxTokenBytes = 64 << 10
	config.Require.Scopes = []string{"read"}
	v := newVerifier(t, config)
	long := strings.ToValidUTF8(strings.Repeat("f", 20_000)+hostile, "?")
	mixed := strings.ToValidUTF8(strings.Repeat("\x1b[2J\r\n\u202e", 1000), "?")
	for name, claims := range map[string]map[string]any{
		"iss":               {"iss": long},
		"iss of controls":   {"iss": mixed},
		"iss of quotes":     {"iss": strings.Repeat(`"\`, 10_000)},
		"aud":               {"aud": long},
		"aud of quotes":     {"aud": strings.Repeat(`"\`, 10_000)},
		"many aud":          {"aud": strings.Split(strings.Repeat("x,", 5000), ",")},
		"many long aud":     {"aud": []string{mixed, mixed, mixed, mixed, mixed}},
		"scope":             {"scope": long},
		"scp":               {"scp": long},
		"jti, sub and more": {"jti": long, "sub": long, "client_id": long, "acr": long, "exp": 1},
	} {
		_, err := v.Verify(t.Context(), issuer.Token(claims))
		refusal, ok := errors.AsType[*verifier.AuthError](err)
		if !ok {
			t.Fatalf("%s: %.300v, want an AuthError", name, err)
		}
		wantFit(t, name, refusal.Error())
		wantFit(t, name+", as it's told", refusal.Challenge("").String())
	}
	config.Require = verifier.Requirement{}
	claims := accept(t, newVerifier(t, config), issuer.Token(map[string]any{"jti": long, "sub": long}))
	wantFit(t, "String", claims.String())
	wantFit(t, "the log", fmt.Sprint(claims))
}
