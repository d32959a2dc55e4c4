package issuers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/revocation/feed"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A user logs in to a client, opens a stream, and logs out at the provider, which tells the
// client. Another user goes on.
func TestALogoutAtOIDCProviderEndsAStream(t *testing.T) {
	needs(t, "node", "npm")
	address := freeAddress(t)
	issuer := "http://" + address
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var reports []feed.Report
	logout, err := feed.NewLogout(list, feed.LogoutConfig{
		Verifier: verifier.Config{Issuer: issuer, Audiences: []string{"web"}, Algorithms: []string{"ES256"}},
		OnEvent:  func(r feed.Report) { reports = append(reports, r) },
	})
	if err != nil {
		t.Fatal(err)
	}
	client := httptest.NewServer(logout)
	defer client.Close()
	t.Setenv("LOGOUT_URI", client.URL)
	keys := filepath.Join(t.TempDir(), "keys.json")
	writeKeys(t, keys, []map[string]string{newKey(t, "key-0")})
	p := oidcProvider(installOIDCProvider(t), address, issuer, keys)
	p.start(t)
	defer p.stop(t)

	auth, err := interceptor.New(newVerifier(t, verifier.Config{
		Issuer: issuer, Audiences: []string{audience}, Algorithms: []string{"ES256"},
	}), interceptor.WithRevocations(list))
	if err != nil {
		t.Fatal(err)
	}
	calls := greetClient(t, auth)
	alice, bob := logIn(t, issuer, "alice"), logIn(t, issuer, "bob")
	stream, others := watchGreetings(t, calls, alice.token), watchGreetings(t, calls, bob.token)

	alice.logOut(t, issuer)
	if len(reports) != 1 || reports[0].Outcome != feed.Applied {
		t.Fatalf("reports = %+v, want one that was applied\n%s", reports, p.output)
	}
	wantEnd(t, stream, codes.Unauthenticated, "its user has logged out")
	_, err = calls.Greet(bearing(t, alice.token), &greetv1.GreetRequest{Name: "Ada"})
	if text := fmt.Sprint(status.Convert(err).Details()); !strings.Contains(text, "TOKEN_REVOKED") {
		t.Errorf("the old token: %v %s, want TOKEN_REVOKED", err, text)
	}
	wantGreeting(t, calls, bob.token, codes.OK, "another user's token")
	if _, err := others.Recv(); err != nil {
		t.Errorf("another user's stream: %v", err)
	}
	time.Sleep(time.Second) // iat counts whole seconds
	wantGreeting(t, calls, logIn(t, issuer, "alice").token, codes.OK, "a token from a new login")
}

// A session is a user's at the provider, in a browser of their own.
type session struct {
	browser        *http.Client
	token, idToken string
}

// logIn goes through the provider's pages for the client "web".
func logIn(t *testing.T, issuer, user string) *session {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := newClient()
	browser.Jar = jar
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	const verifierText = "a-verifier-of-at-least-forty-three-characters"
	page := issuer + "/auth?" + url.Values{
		"client_id": {"web"}, "response_type": {"code"}, "redirect_uri": {"https://web.example/callback"},
		"scope": {"openid orders:read"}, "resource": {audience},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifierText)}, "code_challenge_method": {"S256"},
	}.Encode()
	forms := []url.Values{{"prompt": {"login"}, "login": {user}, "password": {"any"}}, {"prompt": {"consent"}}}
	for !strings.HasPrefix(page, "https://web.example/") {
		var next string
		if strings.Contains(page, "/interaction/") && len(forms) > 0 {
			next, _ = visit(t, browser, page, forms[0])
			forms = forms[1:]
		} else {
			next, _ = visit(t, browser, page, nil)
		}
		if next == "" {
			t.Fatalf("%s leads nowhere", page)
		}
		page = next
	}
	callback, err := url.Parse(page)
	if err != nil || !callback.Query().Has("code") {
		t.Fatalf("%s has no code: %v", page, err)
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")},
		"redirect_uri": {"https://web.example/callback"}, "code_verifier": {verifierText},
		"client_id": {"web"}, "client_secret": {"secret"}, "resource": {audience},
	}
	_, body := visit(t, newClient(), issuer+"/token", form)
	var answer struct {
		AccessToken string `json:"access_token"`
		IDToken     string `json:"id_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.AccessToken == "" || answer.IDToken == "" {
		t.Fatalf("no tokens: %s", body)
	}
	return &session{browser, answer.AccessToken, answer.IDToken}
}

var xsrf = regexp.MustCompile(`name="xsrf" value="([^"]+)"`)

func (s *session) logOut(t *testing.T, issuer string) {
	t.Helper()
	_, page := visit(t, s.browser, issuer+"/session/end?"+url.Values{"id_token_hint": {s.idToken}}.Encode(), nil)
	match := xsrf.FindSubmatch(page)
	if match == nil {
		t.Fatalf("no form to log out: %s", page)
	}
	visit(t, s.browser, issuer+"/session/end/confirm", url.Values{"xsrf": {string(match[1])}, "logout": {"yes"}})
}

// visit opens a page, or sends a form to it, and returns where it leads and what it says.
func visit(t *testing.T, browser *http.Client, page string, form url.Values) (next string, text []byte) {
	t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, page, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err = io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s: status %d, %v: %s", page, res.StatusCode, err, text)
	}
	if location, err := res.Location(); err == nil {
		next = location.String()
	}
	return next, text
}

// The examples in the specifications, signed by someone else's library.
func TestEventsByPackageJoseEndWhatTheyName(t *testing.T) {
	needs(t, "node", "npm")
	const issuer, receiver = "https://idp.example.com/123456789/", "https://sp.example.com/caep"
	keys := filepath.Join(t.TempDir(), "keys.json")
	writeKeys(t, keys, []map[string]string{newKey(t, "key-0")})
	program := exec.CommandContext(t.Context(), "node", "events.mjs", keys, issuer, receiver)
	program.Dir = installOIDCProvider(t)
	output, err := program.Output()
	if err != nil {
		t.Fatal(err)
	}
	var events map[string]string
	if err := json.Unmarshal(output, &events); err != nil {
		t.Fatal(err)
	}
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	push, err := feed.NewPush(list, feed.PushConfig{Signals: feed.Signals{
		Verifier: verifier.Config{
			Issuer: issuer, Audiences: []string{receiver}, Algorithms: []string{"ES256"}, JWKS: publicKeys(t, keys),
		},
		Map: func(_ context.Context, id feed.Identifier) (feed.Subject, error) {
			return feed.Subject{SessionID: id.Value}, nil
		},
		ExpectState: func(state string) bool { return state == "VGhpcyBpcyBhbiBleGFtcGxlIHN0YXRlIHZhbHVlLgo=" },
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, event := range events {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(event))
		r.Header.Set("Content-Type", "application/secevent+jwt")
		w := httptest.NewRecorder()
		push.ServeHTTP(w, r)
		if w.Code != http.StatusAccepted {
			t.Errorf("%s: status %d: %s", name, w.Code, w.Body)
		}
	}
	if len(events) != 5 || push.Status().LastVerified.IsZero() {
		t.Errorf("%d events, status %+v", len(events), push.Status())
	}
	before, between := time.Now().Add(-time.Hour), time.Now().Add(-100*time.Second)
	for _, row := range []struct {
		sub, sid string
		issued   time.Time
		want     bool
	}{
		{"dave", "dMTlD|1600802906337.16|16008.16", between, true},
		{"alice", "dMTlD|1600802906337.17|16008.17", between, true},
		{"alice", "", before, true},
		{"alice", "", between, false},
		{"alice", "another", before, false},
		{"bob", "another", before, true},
		{"bob", "another", between, false},
		{"carol", "another", before, false},
	} {
		claims := map[string]any{"iss": issuer, "sub": row.sub, "iat": row.issued, "exp": time.Now().Add(time.Hour)}
		if row.sid != "" {
			claims["sid"] = row.sid
		}
		err := list.Check(verifiertest.Claims(claims))
		if got := verifier.CodeOf(err) == verifier.CodeTokenRevoked; got != row.want {
			t.Errorf("%+v: %v, want revoked = %v", row, err, row.want)
		}
	}
}

// publicKeys returns a file of keys without what is private in them.
func publicKeys(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	for _, key := range set.Keys {
		delete(key, "d")
	}
	text, err = json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
