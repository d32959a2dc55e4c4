package verifier_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

const (
	failed   = verifier.CodeJWKSFetchFailed
	unusable = verifier.CodeJWKSError
)

// A hostile issuer says this wherever it can. No error repeats it.
const marker = "MARKER"

// Sockets take the time that a busy machine has for them.
const patience = time.Minute

// An answer is what an issuer makes of a request for a document, whose good content is
// given.
type answer func(w http.ResponseWriter, r *http.Request, good string)

// asked are the two documents that are fetched, each from a server that gives this
// answer to requests for it and honest ones to others.
var asked = map[string]func(*testing.T, answer) (*verifiertest.Issuer, verifier.Config){
	"metadata": func(t *testing.T, answer answer) (*verifiertest.Issuer, verifier.Config) {
		t.Helper()
		issuer, client := serve(t, "/.well-known/openid-configuration", answer)
		config := issuer.Config()
		config.HTTPClient, config.FetchTimeout = client, patience
		return issuer, config
	},
	"key set": func(t *testing.T, answer answer) (*verifiertest.Issuer, verifier.Config) {
		t.Helper()
		issuer, client := serve(t, "/jwks", answer)
		config := direct(issuer)
		config.HTTPClient, config.FetchTimeout = client, patience
		return issuer, config
	},
}

func serve(t *testing.T, path string, answer answer) (*verifiertest.Issuer, *http.Client) {
	t.Helper()
	var issuer *verifiertest.Issuer
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, path) {
			issuer.ServeHTTP(w, r)
			return
		}
		good := string(issuer.JWKS())
		if path != "/jwks" {
			good = metadata(issuer.URL(), issuer.URL()+"/jwks")
		}
		answer(w, r, good)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	issuer = verifiertest.NewIssuer(verifiertest.WithURL("http://" + server.Listener.Addr().String()))
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections() // or Close would wait for a fetch that does not end
		server.Close()
	})
	return issuer, server.Client()
}

// body answers with this status and text.
func body(status int, text string) answer {
	return func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("X-Marker", marker)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

// wire answers with these bytes, in which %s stands for the good content, and closes
// the connection.
func wire(text string) answer {
	return func(w http.ResponseWriter, _ *http.Request, good string) {
		conn := hijack(w)
		defer conn.Close()
		_, _ = io.WriteString(conn, strings.ReplaceAll(text, "%s", good))
	}
}

func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	return conn
}

func zipped(write func(w io.Writer, good string)) answer {
	return func(w http.ResponseWriter, _ *http.Request, good string) {
		w.Header().Set("Content-Encoding", "gzip")
		unzipped := gzip.NewWriter(w)
		write(unzipped, good)
		_ = unzipped.Close()
	}
}

func TestHostileAnswersAreTheIssuersFault(t *testing.T) {
	t.Parallel()
	const html = "<html><body>" + marker + "</body></html>"
	tests := []struct {
		name   string
		answer answer
		want   verifier.Code
	}{
		{"a good one", func(w http.ResponseWriter, _ *http.Request, good string) { _, _ = io.WriteString(w, good) }, ""},
		{"a good one that calls itself HTML", func(w http.ResponseWriter, _ *http.Request, good string) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, good)
		}, ""},
		{"a good one, compressed", zipped(func(w io.Writer, good string) { _, _ = io.WriteString(w, good) }), ""},
		{"a good one, without a length", wire("HTTP/1.0 200 OK\r\n\r\n%s"), ""},

		{"nothing", body(200, ""), unusable},
		{"HTML", body(200, html), unusable},
		{"JSON of no use", body(200, `{"`+marker+`":"`+marker+`","issuer":"https://other.example","jwks_uri":"`+marker+`","keys":["`+marker+`"]}`), unusable},
		{"no JSON", body(200, marker), unusable},
		{"brackets", body(200, strings.Repeat("[", 500_000)), unusable},

		{"201", func(w http.ResponseWriter, _ *http.Request, good string) {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, good)
		}, failed},
		{"203", wire("HTTP/1.1 203 " + marker + "\r\nConnection: close\r\n\r\n%s"), failed},
		{"204", body(204, ""), failed},
		{"206", wire("HTTP/1.1 206 " + marker + "\r\nConnection: close\r\n\r\n%s"), failed},
		{"304", body(304, ""), failed},
		{"401", body(401, html), failed},
		{"403", body(403, html), failed},
		{"404", body(404, html), failed},
		{"429", func(w http.ResponseWriter, r *http.Request, good string) {
			w.Header().Set("Retry-After", "999999999")
			body(429, html)(w, r, good)
		}, failed},
		{"500", body(500, html), failed},
		{"500 with a good document", wire("HTTP/1.1 500 " + marker + "\r\nConnection: close\r\n\r\n%s"), failed},
		{"503", body(503, html), failed},
		{"999", wire("HTTP/1.1 999 " + marker + "\r\nConnection: close\r\n\r\n%s"), failed},

		{"a length too great", wire("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n%s"), failed},
		{"a length too small", wire("HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n%s"), unusable},
		{"a length of 0", wire("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n%s"), unusable},
		{"a negative length", wire("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n%s"), failed},
		{"two lengths", wire("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n%s"), failed},
		{"a chunk cut short", wire("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n%s"), failed},
		{"no chunk", wire("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s"), failed},
		{"a connection closed before the header's end", wire("HTTP/1.1 200 OK\r\n"), failed},
		{"a connection closed at once", wire(""), failed},
		{"no HTTP", wire(marker + "\r\n\r\n"), failed},
		{"no status", wire("HTTP/1.1 " + marker + "\r\n\r\n"), failed},
		{"no version", wire("HTTP/" + marker + " 200 OK\r\n\r\n"), failed},
		{"no header", wire("HTTP/1.1 200 OK\r\n" + marker + "\r\n\r\n"), failed},
		{"no length", wire("HTTP/1.1 200 OK\r\nContent-Length: " + marker + "\r\n\r\n"), failed},
		{"an unknown encoding", wire("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + marker + "\r\n\r\n"), failed},
		{"a redirect to no URL", wire("HTTP/1.1 302 Found\r\nLocation: http://[" + marker + "\r\n\r\n"), failed},
		{"a redirect to another host", wire("HTTP/1.1 302 Found\r\nLocation: http://other.example/" + marker + "?" + marker + "\r\n\r\n"), failed},
		{"a connection reset amid the body", func(w http.ResponseWriter, _ *http.Request, good string) {
			conn := hijack(w)
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(good), good[:len(good)/2])
			_ = conn.(*net.TCPConn).SetLinger(0) // so that Close resets
			_ = conn.Close()
		}, failed},
		{"gzip that is none", func(w http.ResponseWriter, _ *http.Request, good string) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, good)
		}, failed},
		{"gzip cut short", wire("HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00"), failed},
		{"a gzip bomb", zipped(func(w io.Writer, _ string) { _, _ = w.Write(make([]byte, 4<<20)) }), unusable},
	}
	for name, serve := range asked {
		for _, test := range tests {
			t.Run(name+", "+test.name, func(t *testing.T) {
				issuer, config := serve(t, test.answer)
				v := newVerifier(t, config)
				if test.want == "" {
					accept(t, v, issuer.Token(nil))
					return
				}
				failure := unavailable(t, v, issuer.Token(nil), test.want)
				if strings.Contains(failure.Error(), marker) {
					t.Errorf("the error quotes the issuer: %v", failure)
				}
				if got := verifier.CodeOf(newVerifier(t, config).Ready(t.Context())); got != test.want {
					t.Errorf("Ready: code = %q, want %q", got, test.want)
				}
			})
		}
	}
}

// The body ends all the same, so that a client that reads it is noticed at once.
func TestEndlessBodyIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	const end = 32 << 20 // more than 1 MiB, since sockets have buffers
	for name, serve := range asked {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			issuer, config := serve(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
				chunk := make([]byte, 64<<10)
				for sent.Load() < end {
					n, err := w.Write(chunk)
					if sent.Add(int64(n)); err != nil {
						return
					}
				}
			})
			unavailable(t, newVerifier(t, config), issuer.Token(nil), unusable)
			if got := sent.Load(); got >= end {
				t.Errorf("all %d bytes were sent", got)
			}
		})
	}
}

// FetchTimeout bounds the whole, and not the wait for the next byte.
func TestSlowAnswersAreGivenUp(t *testing.T) {
	t.Parallel()
	tests := map[string]answer{
		"a byte at a time": func(w http.ResponseWriter, r *http.Request, good string) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
				_ = sleep(r.Context(), 5*time.Millisecond)
			}
		},
		"a header at a time": func(w http.ResponseWriter, _ *http.Request, _ string) {
			conn := hijack(w)
			defer conn.Close()
			_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			for err == nil {
				time.Sleep(5 * time.Millisecond)
				_, err = io.WriteString(conn, "X: "+marker+"\r\n")
			}
		},
		"no answer": func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() },
	}
	for name, serve := range asked {
		for how, answer := range tests {
			t.Run(name+", "+how, func(t *testing.T) {
				issuer, config := serve(t, answer)
				ctx, cancel := context.WithTimeout(t.Context(), patience/2)
				defer cancel()
				config.FetchTimeout = 100 * time.Millisecond
				_, err := newVerifier(t, config).Verify(ctx, issuer.Token(nil))
				if got := verifier.CodeOf(err); got != failed {
					t.Fatalf("Verify: %v, want code %q", err, failed)
				}

				// The client's own limit holds as well.
				config.FetchTimeout, config.HTTPClient.Timeout = patience, 100*time.Millisecond
				_, err = newVerifier(t, config).Verify(ctx, issuer.Token(nil))
				if got := verifier.CodeOf(err); got != failed {
					t.Fatalf("Verify: %v, want code %q", err, failed)
				}
			})
		}
	}
}

func TestFetchTimeoutIncludesDiscovery(t *testing.T) {
	t.Parallel()
	for delay, want := range map[time.Duration]verifier.Code{1400 * time.Millisecond: "", 1600 * time.Millisecond: failed} {
		synctest.Test(t, func(t *testing.T) {
			issuer := verifiertest.NewIssuer()
			config := issuer.Config()
			config.HTTPClient = slowly(issuer, delay).client()
			start := time.Now()
			if got := verdict(t, newVerifier(t, config), issuer.Token(nil)); got != want {
				t.Errorf("two answers of %v each: code = %q, want %q", delay, got, want)
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("Verify took %v, want at most 3 seconds", took)
			}
		})
	}
}

func TestRedirectsStayWhereTheyAre(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	// hop is the answer that redirects n times, and then is good.
	hop := func(status, n int) answer {
		return func(w http.ResponseWriter, r *http.Request, good string) {
			if len(r.URL.RawQuery) == n {
				_, _ = io.WriteString(w, good)
				return
			}
			http.Redirect(w, r, r.URL.Path+"?"+r.URL.RawQuery+"x", status)
		}
	}
	to := func(location string) answer {
		return func(w http.ResponseWriter, r *http.Request, good string) {
			if r.URL.RawQuery == "redirected" {
				_, _ = io.WriteString(w, good)
				return
			}
			w.Header().Set("Location", strings.NewReplacer("{host}", r.Host, "{path}", r.URL.Path).Replace(location))
			w.WriteHeader(http.StatusFound)
		}
	}
	tests := []struct {
		name   string
		answer answer
		want   verifier.Code
	}{
		{"301 to the same host", hop(301, 1), ""},
		{"302 to the same host", hop(302, 1), ""},
		{"303 to the same host", hop(303, 1), ""},
		{"307 to the same host", hop(307, 1), ""},
		{"308 to the same host", hop(308, 1), ""},
		{"three of them", hop(302, 3), ""},
		{"four of them", hop(302, 4), failed},
		{"a loop", hop(302, -1), failed},
		{"to the same host, in full", to("http://{host}{path}?redirected"), ""},
		{"to another host", to(other.URL + "/"), failed},
		{"to another host without a scheme", to("//" + strings.TrimPrefix(other.URL, "http://") + "/"), failed},
		{"to another scheme", to("https://{host}/?redirected"), failed},
		{"to a file", to("file:///etc/passwd"), failed},
		{"to no URL", to("http://[" + marker), failed},
		{"to nowhere", to(""), failed},
		{"300 to another host", func(w http.ResponseWriter, r *http.Request, _ string) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(http.StatusMultipleChoices)
		}, failed},
	}
	// The rule of the user's client is replaced, whatever it is.
	rules := map[string]func(*http.Request, []*http.Request) error{
		"none":       nil,
		"permissive": func(*http.Request, []*http.Request) error { return nil },
		"forbidding": func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for name, serve := range asked {
		for _, test := range tests {
			for rule, check := range rules {
				t.Run(name+", "+test.name+", "+rule, func(t *testing.T) {
					issuer, config := serve(t, test.answer)
					config.HTTPClient.CheckRedirect = check
					if got := verdict(t, newVerifier(t, config), issuer.Token(nil)); got != test.want {
						t.Errorf("code = %q, want %q", got, test.want)
					}
				})
			}
		}
	}
	if got := elsewhere.Load(); got != 0 {
		t.Errorf("%d requests went to another host", got)
	}
}

// From https, a redirect to http on the same host would hand us over to an
// attacker on the path.
func TestRedirectsDoNotLeaveTLS(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	network := &remote{respond: func(req *http.Request) (*http.Response, error) {
		if req.URL.Scheme == "https" {
			return redirect("http://" + req.URL.Host + req.URL.Path), nil
		}
		return issuer.RoundTrip(req)
	}}
	for _, config := range []verifier.Config{issuer.Config(), direct(issuer)} {
		config.HTTPClient, config.AllowHTTP = network.client(), true
		unavailable(t, newVerifier(t, config), issuer.Token(nil), failed)
	}
	if slices.ContainsFunc(network.requests(), func(url string) bool { return strings.HasPrefix(url, "http:") }) {
		t.Errorf("requested %q", network.requests())
	}
}

func TestServersThatCannotBeTrustedAreNotAsked(t *testing.T) {
	t.Parallel()
	var answered atomic.Int64
	issuer := verifiertest.NewIssuer()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answered.Add(1)
		issuer.ServeHTTP(w, r)
	}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(issuer)
	defer plain.Close()
	closed := httptest.NewServer(issuer)
	closed.Close()

	trusting := secure.Client() // trusts the certificate for example.com and 127.0.0.1
	tests := []struct {
		name, url string
		client    *http.Client
		want      verifier.Code
		says      string
	}{
		{"a trusted one", secure.URL, trusting, "", ""},
		{"an unknown authority", secure.URL, nil, failed, "unknown authority"},
		{"another name", strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), trusting, failed, "for another host"},
		{"http where https is expected", strings.Replace(plain.URL, "http", "https", 1), trusting, failed, "HTTP response to HTTPS client"},
		{"https where http is expected", strings.Replace(secure.URL, "https", "http", 1), trusting, failed, "status 400"},
		{"a closed port", closed.URL, nil, failed, "connection refused"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answered.Store(0)
			config := issuer.Config()
			config.JWKSURL, config.HTTPClient, config.FetchTimeout = test.url+"/jwks", test.client, patience
			v := newVerifier(t, config)
			if test.want == "" {
				accept(t, v, issuer.Token(nil))
				return
			}
			if failure := unavailable(t, v, issuer.Token(nil), test.want); !strings.Contains(failure.Error(), test.says) {
				t.Errorf("Verify: %v, want it to say %q", failure, test.says)
			}
			if got := answered.Load(); got > 0 {
				t.Errorf("%d requests were answered", got)
			}
		})
	}
}

// No URL is built from a token, and none of its content is sent anywhere.
func TestTokensDoNotChooseWhatIsFetched(t *testing.T) {
	t.Parallel()
	issuer := verifiertest.NewIssuer()
	network := &remote{respond: func(req *http.Request) (*http.Response, error) {
		if strings.Contains(fmt.Sprint(req.Header), marker) || req.Method != http.MethodGet || req.Body != nil {
			t.Errorf("requested %s %s with %v", req.Method, req.URL, req.Header)
		}
		return issuer.RoundTrip(req)
	}}
	config := issuer.Config()
	config.HTTPClient = network.client()
	for _, kid := range []string{
		marker, "../" + marker, "https://evil.example/" + marker, "?" + marker, marker + "\r\nHost: evil.example", "%2e%2e%2f" + marker,
	} {
		v := newVerifier(t, config)
		claims := map[string]any{"iss": "https://evil.example/" + marker, "sub": marker, "jku": "https://evil.example/" + marker}
		refuse(t, v, issuer.Token(claims, verifiertest.WithHeader("kid", kid)), verifier.CodeKeyNotFound)
		refuse(t, v, issuer.Token(claims), verifier.CodeInvalidIssuer)
	}
	for _, url := range network.requests() {
		if url != issuer.URL()+"/.well-known/openid-configuration" && url != issuer.URL()+"/jwks" {
			t.Errorf("requested %s", url)
		}
	}
}

// Err of a KeysError is what the transport said, for the service's own eyes.
func TestKeysErrorsKeepTheirCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("no route to host")
	issuer := verifiertest.NewIssuer()
	issuer.Fail(cause)
	if failure := unavailable(t, newVerifier(t, issuer.Config()), issuer.Token(nil), failed); !errors.Is(failure, cause) {
		t.Errorf("Verify: %v, want %v as its cause", failure, cause)
	}
}
