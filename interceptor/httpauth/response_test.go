package httpauth_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/httpauth"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A watch is what a handler saw of its stream's end.
type watch struct {
	after time.Duration
	cause error
	err   error // of what it tried to send then
}

// stream sends one line, waits until its context ends, and tries to send another.
func stream(contentType string, seen *watch) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		w.Header().Set("Content-Type", contentType)
		fmt.Fprintln(w, "one")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		seen.after, seen.cause = time.Since(start), context.Cause(r.Context())
		_, seen.err = io.Copy(w, strings.NewReader("two\n"))
		w.(http.Flusher).Flush()
	})
}

func TestStreamEndsWithItsToken(t *testing.T) {
	for _, major := range []int{1, 2} {
		for contentType, whole := range map[string]bool{"application/x-ndjson": false, "text/event-stream": true} {
			t.Run(fmt.Sprintf("HTTP/%d, %s", major, contentType), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var seen watch
					var reported decisions
					client := serve(t, major, httpauth.Middleware(newAuth(t, &reported), rule)(stream(contentType, &seen)))
					_, body, err := do(t, client, newRequest(t, http.MethodGet, "short", ""))
					if body != "one\n" || (err == nil) != whole {
						t.Errorf("the client got %q, %v", body, err)
					}
					synctest.Wait()
					if seen.after > lifetime || seen.after < lifetime-time.Second {
						t.Errorf("the stream ended after %v", seen.after)
					}
					for _, err := range []error{seen.cause, seen.err} {
						if verifier.CodeOf(err) != verifier.CodeTokenExpired {
							t.Errorf("the handler saw %v, %v", seen.cause, seen.err)
						}
					}
					if len(reported) != 2 || reported[1].Stage != interceptor.StageStream {
						t.Errorf("the observer saw %+v", reported)
					}
				})
			})
		}
	}
}

func TestStreamWithoutAnEndIsLeftAlone(t *testing.T) {
	for _, test := range []struct {
		name, rule, token string
		options           []interceptor.Option
	}{
		{"anonymous", "/orders.http/Offers", "", nil},
		{"public", "/orders.http/Prices", "short", nil},
		{"without expiry", rule, "short", []interceptor.Option{interceptor.WithoutStreamExpiry()}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := serve(t, 1, httpauth.Middleware(newAuth(t, nil, test.options...), test.rule)(
					http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w.(http.Flusher).Flush()
						time.Sleep(2 * lifetime)
						if err := r.Context().Err(); err != nil {
							t.Error(err)
						}
						fmt.Fprint(w, "whole")
					})))
				if _, body, err := do(t, client, newRequest(t, http.MethodGet, test.token, "")); body != "whole" || err != nil {
					t.Errorf("%q, %v", body, err)
				}
			})
		})
	}
}

// Its work is done, and the caller should hear so.
func TestRequestThatIsNoStreamMayOutliveItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, 1, httpauth.Middleware(newAuth(t, nil), rule)(
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(2 * lifetime)
				if err := r.Context().Err(); err != nil {
					t.Error(err)
				}
				hello(w, r)
			})))
		if res, body, err := do(t, client, newRequest(t, http.MethodPost, "short", "")); body != "hello user" || err != nil {
			t.Errorf("%s, %q, %v", res.Status, body, err)
		}
	})
}

// Nothing was sent, so there is room for words.
func TestStreamThatBeginsTooLateIsRefused(t *testing.T) {
	for name, begin := range map[string]func(w http.ResponseWriter, r *http.Request){
		"alone": func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
		"with a status": func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			w.WriteHeader(http.StatusAccepted)
		},
		"with a refusal": func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			httpauth.Refuse(w, r, nil)
		},
		"by a hijack": func(w http.ResponseWriter, _ *http.Request) {
			if _, _, err := http.NewResponseController(w).Hijack(); verifier.CodeOf(err) != verifier.CodeTokenExpired {
				panic(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := serve(t, 1, httpauth.Middleware(newAuth(t, nil), rule)(
					http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						time.Sleep(2 * lifetime)
						begin(w, r)
						fmt.Fprint(w, "late")
					})))
				res, body, _ := do(t, client, newRequest(t, http.MethodGet, "short", ""))
				if res.StatusCode != http.StatusUnauthorized || strings.Contains(body, "late") {
					t.Errorf("%s, %q", res.Status, body)
				}
			})
		})
	}
}

// A stream asks the verifier again and again.
func TestPanicOfAHandlerEndsItsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		auth, err := interceptor.New(counting{&asked})
		if err != nil {
			t.Fatal(err)
		}
		var ended <-chan struct{}
		client := serve(t, 1, httpauth.Middleware(auth, rule)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ended = r.Context().Done()
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})))
		if _, _, err := do(t, client, newRequest(t, http.MethodGet, "good", "")); err == nil {
			t.Error("the response is whole")
		}
		time.Sleep(5 * time.Minute)
		<-ended
		if asked.Load() != 1 {
			t.Errorf("the verifier was asked %d times", asked.Load())
		}
	})
}

type counting struct{ asked *atomic.Int64 }

func (c counting) Verify(context.Context, string) (*verifier.Claims, error) {
	c.asked.Add(1)
	return verifiertest.Claims(nil), nil
}

// A list of revocations ends streams at once, and takes none that it has ended already.
func TestRevocationEndsAStream(t *testing.T) {
	for _, test := range []struct {
		name   string
		before bool // it's revoked before the handler flushes
		status int
	}{
		{"while it's open", false, http.StatusOK},
		{"before it's one", true, http.StatusUnauthorized},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list, err := revocation.New(revocation.Config{})
				if err != nil {
					t.Fatal(err)
				}
				revoke := func() {
					claims := newTokens()["short"].(*verifier.Claims)
					err := list.Revoke(context.Background(), revocation.Event{Issuer: claims.Issuer(), TokenID: claims.ID()})
					if err != nil {
						t.Error(err)
					}
				}
				var cause error
				var seen decisions
				client := serve(t, 1, httpauth.Middleware(newAuth(t, &seen, interceptor.WithRevocations(list)), rule)(
					http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if test.before {
							revoke()
						}
						w.Header().Set("Content-Type", "text/event-stream")
						w.(http.Flusher).Flush()
						if !test.before {
							revoke()
						}
						<-r.Context().Done()
						cause = context.Cause(r.Context())
						_, _ = io.Copy(w, strings.NewReader("late"))
					})))
				res, body, err := do(t, client, newRequest(t, http.MethodGet, "short", ""))
				if err != nil || res.StatusCode != test.status || strings.Contains(body, "late") || cause == nil {
					t.Errorf("%s, %q, %v: %v", res.Status, body, err, cause)
				}
				if len(seen) != 2 || seen[1].Stage != interceptor.StageStream || verifier.CodeOf(seen[1].Err) != verifier.CodeTokenRevoked {
					t.Errorf("the observer saw %+v", seen)
				}
			})
		})
	}
}

func TestHandlersMaySendHintsFirst(t *testing.T) {
	client := serve(t, 1, httpauth.Middleware(newAuth(t, nil), rule)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		httpauth.Refuse(w, r, nil)
	})))
	if res, _, _ := do(t, client, newRequest(t, http.MethodGet, "good", "")); res.StatusCode != http.StatusForbidden {
		t.Error(res.Status)
	}
}

// upgrade makes the request of a WebSocket's client, and returns its connection.
func upgrade(t *testing.T, client *http.Client, token string) (io.ReadWriteCloser, *http.Response) {
	t.Helper()
	req := newRequest(t, http.MethodGet, token, "")
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	conn, _ := res.Body.(io.ReadWriteCloser)
	return conn, res
}

func TestUpgradedConnectionIsClosedAfterItsTokensEnd(t *testing.T) {
	for _, isDeaf := range []bool{true, false} {
		t.Run(fmt.Sprint("deaf = ", isDeaf), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var readErr error
				client := serve(t, 1, httpauth.Middleware(newAuth(t, nil), rule)(
					http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						conn, buffered, err := w.(http.Hijacker).Hijack()
						if err != nil {
							t.Error(err)
							return
						}
						defer conn.Close()
						fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
						if !isDeaf {
							<-r.Context().Done()
							fmt.Fprintln(conn, verifier.CodeOf(context.Cause(r.Context())))
							return
						}
						_, readErr = buffered.ReadByte()
					})))
				start := time.Now()
				conn, res := upgrade(t, client, "short")
				if res.StatusCode != http.StatusSwitchingProtocols {
					t.Fatal(res.Status)
				}
				defer conn.Close()
				line, err := bufio.NewReader(conn).ReadString('\n')
				want := ""
				if !isDeaf {
					want = "token_expired\n"
				}
				if line != want || (err == nil) == isDeaf {
					t.Errorf("the client read %q, %v", line, err)
				}
				if after := time.Since(start); after > lifetime+time.Second || after < lifetime-time.Second {
					t.Errorf("the connection ended after %v", after)
				}
				synctest.Wait()
				if isDeaf && !errors.Is(readErr, net.ErrClosed) && !errors.Is(readErr, io.ErrClosedPipe) {
					t.Errorf("the handler read %v", readErr)
				}
			})
		})
	}
}

// A handler that returns leaves nothing behind to end its connection with the token.
func TestUpgradedConnectionIsClosedAfterItsHandler(t *testing.T) {
	for _, test := range []struct {
		token  string
		isOver bool
	}{{"short", true}, {"", false}} {
		t.Run(fmt.Sprintf("token %q", test.token), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left := make(chan net.Conn, 1)
				client := serve(t, 1, httpauth.Middleware(newAuth(t, nil), "/orders.http/Offers")(
					http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						conn, _, err := w.(http.Hijacker).Hijack()
						if err != nil {
							t.Error(err)
							return
						}
						fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
						left <- conn
					})))
				conn, res := upgrade(t, client, test.token)
				if res.StatusCode != http.StatusSwitchingProtocols {
					t.Fatal(res.Status)
				}
				defer conn.Close()
				server := <-left
				defer server.Close()
				synctest.Wait()
				if _, err := io.WriteString(server, "late\n"); (err != nil) != test.isOver {
					t.Errorf("after its handler the connection takes more: %v", err)
				}
			})
		})
	}
}

// Other middleware may end the context of a request early. A handler that reads needn't notice.
func TestUpgradedConnectionIsClosedThoughItsContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guarded := httpauth.Middleware(newAuth(t, nil), rule)(
			http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn, buffered, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
				_, _ = buffered.ReadByte()
			}))
		client := serve(t, 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), time.Second)
			defer cancel()
			guarded.ServeHTTP(w, r.WithContext(ctx))
		}))
		start := time.Now()
		conn, res := upgrade(t, client, "short")
		if res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatal(res.Status)
		}
		defer conn.Close()
		defer time.AfterFunc(2*lifetime, func() { _ = conn.Close() }).Stop() // in case it's left open
		_, _ = io.Copy(io.Discard, conn)
		if after := time.Since(start); after > lifetime+time.Second || after < lifetime-time.Second {
			t.Errorf("the connection ended after %v", after)
		}
	})
}

func TestRefusedUpgradeIsAnOrdinaryRefusal(t *testing.T) {
	client := serve(t, 1, httpauth.Middleware(newAuth(t, nil), rule)(http.HandlerFunc(hello)))
	if _, res := upgrade(t, client, "old"); res.StatusCode != http.StatusUnauthorized {
		t.Error(res.Status)
	}
}
