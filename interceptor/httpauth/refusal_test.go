package httpauth_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/httpauth"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func TestRefusalIsAProblemThatProgramsCanRead(t *testing.T) {
	for _, test := range []struct {
		rule, token string
		want        string
		retryAfter  string
	}{
		{rule, "", `{"title":"Unauthorized","status":401,"detail":"the call carries no access token","reason":"MISSING_TOKEN"}`, ""},
		{rule, "old", `{"title":"Unauthorized","status":401,"detail":"the token has expired","reason":"TOKEN_EXPIRED"}`, ""},
		{rule, "down", `{"title":"Service Unavailable","status":503,"detail":"the access token cannot be verified at the moment",` +
			`"reason":"JWKS_FETCH_FAILED"}`, "2"},
		{rule, "faulty", `{"title":"Internal Server Error","status":500,"detail":"the call could not be authenticated"}`, ""},
		{"/orders.http/Approve", "good", `{"title":"Forbidden","status":403,"detail":"a permission is missing",` +
			`"reason":"INSUFFICIENT_PERMISSIONS","permissions":["approve","sign"]}`, ""},
	} {
		client := serve(t, 1, httpauth.Middleware(newAuth(t, nil), test.rule)(http.HandlerFunc(hello)))
		res, body, _ := do(t, client, newRequest(t, http.MethodGet, test.token, ""))
		var got, want map[string]any
		_ = json.Unmarshal([]byte(body), &got)
		_ = json.Unmarshal([]byte(test.want), &want)
		if test.rule != rule { // the words are the verifier's
			want["detail"] = got["detail"]
		}
		if !reflect.DeepEqual(got, want) || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s, %q: %s %s", test.rule, test.token, res.Header.Get("Content-Type"), body)
		}
		if after := res.Header.Get("Retry-After"); after != test.retryAfter {
			t.Errorf("%q: Retry-After = %q, want %q", test.token, after, test.retryAfter)
		}
	}
}

func TestClientThatTakesNoJSONGetsNoBody(t *testing.T) {
	client := serve(t, 1, httpauth.Middleware(newAuth(t, nil), rule)(http.HandlerFunc(hello)))
	for _, test := range []struct {
		accept []string
		want   bool
	}{
		{nil, true},
		{[]string{"*/*"}, true},
		{[]string{"application/json, text/event-stream"}, true},
		{[]string{"text/html", "application/*;q=0.1"}, true},
		{[]string{"text/html,application/xhtml+xml,*/*;q=0.8"}, true},
		{[]string{"Application/Problem+JSON; charset=utf-8"}, true},
		{[]string{"text/event-stream"}, false},
		{[]string{"image/png, text/*"}, false},
		{[]string{"application/json;q=0, image/png"}, false},
		{[]string{"*/*;q=0.000"}, false},
		{[]string{"application/json;q=;,"}, false},
		{[]string{""}, false},
		{[]string{strings.Repeat(",", 1000) + "*/*"}, true},
		{[]string{strings.Repeat(",", 1<<10), "*/*"}, false},
		{[]string{strings.Repeat(",", 1<<19) + "*/*"}, false},
	} {
		req := newRequest(t, http.MethodGet, "", "")
		req.Header["Accept"] = test.accept
		res, body, _ := do(t, client, req)
		if got := strings.HasPrefix(body, "{"); got != test.want || !got && body != "" || res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%.100q: %s %q", test.accept, res.Status, body)
		}
		if kind := res.Header.Get("Content-Type"); (kind != "") != test.want {
			t.Errorf("%.100q: Content-Type = %q", test.accept, kind)
		}
	}
}

func TestRefusedHEADHasAllButTheBody(t *testing.T) {
	client := serve(t, 1, httpauth.Middleware(newAuth(t, nil), rule)(http.HandlerFunc(hello)))
	get, body, _ := do(t, client, newRequest(t, http.MethodGet, "old", ""))
	head, none, _ := do(t, client, newRequest(t, http.MethodHead, "old", ""))
	get.Header.Del("Date")
	head.Header.Del("Date")
	if head.StatusCode != get.StatusCode || !reflect.DeepEqual(head.Header, get.Header) || none != "" || body == "" {
		t.Errorf("HEAD: %s %v %q\nGET: %s %v", head.Status, head.Header, none, get.Status, get.Header)
	}
}

func TestHandlerRefusesItsCaller(t *testing.T) {
	for _, test := range []struct {
		name      string
		err       error
		status    int
		challenge string
	}{
		{"in confidence", errors.New("secret"), http.StatusForbidden,
			`Bearer realm="orders", error="insufficient_scope", error_description="the token lacks a required permission"`},
		{"for nothing", nil, http.StatusForbidden,
			`Bearer realm="orders", error="insufficient_scope", error_description="the token lacks a required permission"`},
		{"for a scope", verifier.Requirement{Scopes: []string{"orders:all"}}.Check(newTokens()["good"].(*verifier.Claims)),
			http.StatusForbidden, `Bearer realm="orders", error="insufficient_scope", scope="orders:all"`},
		{"for a login", &verifier.AuthError{Code: verifier.CodeTokenExpired, Message: "too old"}, http.StatusUnauthorized,
			`Bearer realm="orders", error="invalid_token", error_description="too old"`},
	} {
		for _, major := range []int{1, 2} {
			var seen decisions
			client := serve(t, major, httpauth.Middleware(newAuth(t, &seen), rule)(
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Length", "1")
					w.Header().Set("Content-Encoding", "gzip")
					httpauth.Refuse(w, r, test.err)
					httpauth.Refuse(w, r, errors.New("again"))
				})))
			res, body, err := do(t, client, newRequest(t, http.MethodPost, "good", "{}"))
			if err != nil || res.StatusCode != test.status || res.Header.Get("WWW-Authenticate") != test.challenge {
				t.Errorf("%s, HTTP/%d: %s %s %v", test.name, major, res.Status, res.Header.Get("WWW-Authenticate"), err)
			}
			if !strings.HasPrefix(body, "{") || strings.Contains(body, "secret") {
				t.Errorf("%s, HTTP/%d: the body is %s", test.name, major, body)
			}
			if len(seen) != 2 || seen[1].Stage != interceptor.StageHandler || test.err != nil && !errors.Is(seen[1].Err, test.err) {
				t.Errorf("%s, HTTP/%d: the observer saw %+v", test.name, major, seen)
			}
		}
	}
}

// In a test of a handler there is no middleware.
func TestRefuseWorksOutsideTheMiddleware(t *testing.T) {
	w := httptest.NewRecorder()
	httpauth.Refuse(w, httptest.NewRequest(http.MethodGet, "/", nil), nil)
	if w.Code != http.StatusForbidden || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), `Bearer realm="api", `) {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// A caller who got some of the response can't be told in words.
func TestLateRefusalCutsTheResponseOff(t *testing.T) {
	for contentType, whole := range map[string]bool{"application/json": false, "text/event-stream; charset=utf-8": true} {
		for _, major := range []int{1, 2} {
			var seen decisions
			client := serve(t, major, httpauth.Middleware(newAuth(t, &seen), rule)(
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", contentType)
					_, _ = w.Write([]byte("some"))
					w.(http.Flusher).Flush()
					httpauth.Refuse(w, r, nil)
				})))
			_, body, err := do(t, client, newRequest(t, http.MethodGet, "good", ""))
			if body != "some" || (err == nil) != whole {
				t.Errorf("HTTP/%d, %s: %q, %v", major, contentType, body, err)
			}
			if len(seen) != 2 || seen[1].Stage != interceptor.StageHandler {
				t.Errorf("HTTP/%d, %s: the observer saw %+v", major, contentType, seen)
			}
		}
	}
}

// What a refused client has sent already doesn't cost the connection. What it hasn't does,
// since the refusal waits for nothing.
func TestRefusalKeepsTheConnectionIfItsRequestHasArrived(t *testing.T) {
	guard := httpauth.Middleware(newAuth(t, nil), rule)
	handlers := map[string]http.Handler{
		"": guard(http.HandlerFunc(hello)),
		"good": guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			httpauth.Refuse(w, r, nil)
		})),
	}
	for token, handler := range handlers {
		for _, test := range []struct {
			name   string
			length int64
			sent   int
			closes bool
		}{
			{"no body", 0, 0, false},
			{"all of it", 1 << 12, 1 << 12, false},
			{"half of it", 1 << 12, 1 << 11, true},
			{"no length", -1, 1 << 11, true},
			{"all of a long one", 1<<16 + 1, 1<<16 + 1, true},
		} {
			t.Run(fmt.Sprintf("%q, %s", token, test.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client := serve(t, 1, handler)
					req := newRequest(t, http.MethodPost, token, "")
					rest, more := io.Pipe()
					defer more.Close()
					go func() { _, _ = more.Write(make([]byte, test.sent)) }()
					if req.ContentLength = test.length; test.length != 0 {
						req.Body = rest
					}
					start := time.Now()
					res, err := client.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					_ = res.Body.Close()
					if res.StatusCode < http.StatusUnauthorized || res.Close != test.closes {
						t.Errorf("%s, connection ends = %v", res.Status, res.Close)
					}
					if waited := time.Since(start); waited > 20*time.Millisecond {
						t.Errorf("the response came after %v", waited)
					}
				})
			})
		}
	}
}
