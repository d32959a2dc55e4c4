package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
)

// A tokenServer answers each request with what its function says, and keeps the forms.
type tokenServer struct {
	*httptest.Server

	forms []url.Values
}

func newTokenServer(t *testing.T, answer func(n int, form url.Values) string) *tokenServer {
	t.Helper()
	s := &tokenServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		s.forms = append(s.forms, r.PostForm)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, answer(len(s.forms), r.PostForm))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) config() *clientcredentials.Config {
	return &clientcredentials.Config{
		ClientID: "shop", ClientSecret: "secret", TokenURL: s.URL, AuthStyle: oauth2.AuthStyleInParams,
	}
}

func TestClientCredentialsAreAFetch(t *testing.T) {
	server := newTokenServer(t, func(int, url.Values) string { return `{"access_token":"a","expires_in":60}` })
	s := client.NewSource(server.config().Token)
	if got := mustToken(t, s); got != "a" {
		t.Errorf("Token = %q", got)
	}
}

func TestExchangeSendsTheSubjectsToken(t *testing.T) {
	server := newTokenServer(t, func(int, url.Values) string { return `{"access_token":"exchanged","expires_in":60}` })
	config := server.config()
	config.EndpointParams = url.Values{"audience": {"https://api.example"}}
	s := client.NewSource(client.Exchange(config, func(context.Context) (*oauth2.Token, error) {
		return &oauth2.Token{AccessToken: "subject"}, nil
	}))
	if got := mustToken(t, s); got != "exchanged" {
		t.Errorf("Token = %q", got)
	}
	for name, want := range map[string]string{
		"grant_type":         "urn:ietf:params:oauth:grant-type:token-exchange",
		"subject_token":      "subject",
		"subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
		"audience":           "https://api.example",
	} {
		if got := server.forms[0][name]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if len(config.EndpointParams) != 1 {
		t.Errorf("the config has changed: %v", config.EndpointParams)
	}
	failed := client.NewSource(client.Exchange(config, func(context.Context) (*oauth2.Token, error) {
		return nil, errors.New("no subject")
	}))
	if _, err := failed.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "no subject") {
		t.Errorf("Token: %v, want the subject's error", err)
	}
}

func TestNewRefreshTokenReplacesTheOld(t *testing.T) {
	server := newTokenServer(t, func(n int, form url.Values) string {
		if n == 1 {
			return `{"access_token":"a1","refresh_token":"r2","expires_in":1}`
		}
		return fmt.Sprintf(`{"access_token":"a%d","expires_in":1}`, n)
	})
	config := &oauth2.Config{ClientID: "shop", Endpoint: oauth2.Endpoint{TokenURL: server.URL, AuthStyle: oauth2.AuthStyleInParams}}
	fetch := client.FromRefreshToken(config, &oauth2.Token{AccessToken: "a0", RefreshToken: "r1"})
	var sent []string
	for range 3 {
		if _, err := fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, form := range server.forms {
		sent = append(sent, form.Get("refresh_token"))
	}
	if want := []string{"r1", "r2", "r2"}; !slices.Equal(sent, want) {
		t.Errorf("refresh tokens sent: %q, want %q", sent, want)
	}
}

func TestFileIsReadAgainForARefusedToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := client.NewFileSource(path)
	if _, err := s.Token(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	write("\nfirst\n")
	first := mustCredential(t, s)
	if got := mustToken(t, s); got != "first" {
		t.Errorf("Token = %q, want it without white space", got)
	}
	write("second")
	if s.Retry(t.Context(), first, refused()) == nil {
		t.Fatal("the call isn't sent again")
	}
	if got := mustToken(t, s); got != "second" {
		t.Errorf("Token = %q, want the second", got)
	}
	write(strings.Repeat("a", 1<<16+1))
	if s.Retry(t.Context(), mustCredential(t, s), refused()) != nil {
		t.Error("a huge file is taken for a token")
	}
}

// A redirect would take the client's secret to wherever it says.
func TestTokenRequestFollowsNoRedirect(t *testing.T) {
	thief := newTokenServer(t, func(int, url.Values) string { return `{"access_token":"a"}` })
	server := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	config := thief.config()
	config.TokenURL = server.URL
	_, err := client.NewSource(config.Token).Token(t.Context())
	if tokenErr, ok := tokenErrorOf(err); !ok || tokenErr.Code() != interceptor.CodeUnavailable {
		t.Errorf("Token: %v, want Unavailable", err)
	}
	if len(thief.forms) != 0 {
		t.Errorf("the secret went along: %v", thief.forms)
	}
}

func TestTokenErrorHidesTheCauseFromItsMessage(t *testing.T) {
	err := &client.TokenError{RetryAfter: time.Second, Err: errors.New("secret")}
	if strings.Contains(err.Message(), "secret") || !strings.Contains(err.Error(), "secret") {
		t.Errorf("Message = %q, Error = %q", err.Message(), err.Error())
	}
}
