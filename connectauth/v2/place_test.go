package connectauth_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	connectauth "github.com/oidcrpc/oidcrpc/connectauth/v2"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// onlyKey accepts the credential "k-1" alone.
type onlyKey struct{}

func (onlyKey) Verify(_ context.Context, key string) (*verifier.Claims, error) {
	if key != "k-1" {
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "the key is unknown"}
	}
	return verifiertest.Claims(map[string]any{"sub": "reports"}), nil
}

func TestCredentialsInOtherPlaces(t *testing.T) {
	newAuthFor := func(access interceptor.Access) *interceptor.Authenticator {
		return newAuth(t, verifiertest.NewIssuer(),
			interceptor.WithCredential(interceptor.Scheme("ApiKey"), onlyKey{}),
			interceptor.WithCredential(interceptor.Metadata("x-api-key"), onlyKey{}),
			interceptor.WithCredential(interceptor.Cookie("session"), onlyKey{}),
			interceptor.WithPolicy(interceptor.Policy{"/*": {Access: access}}))
	}
	required, optional := newAuthFor(interceptor.AccessRequired), newAuthFor(interceptor.AccessOptional)
	keys := []string{"Authorization", "X-Api-Key", "Cookie"}
	for name, tt := range map[string]struct {
		auth    *interceptor.Authenticator
		header  http.Header
		status  int
		private bool
		vary    []string
	}{
		"a scheme":           {required, http.Header{"Authorization": {"ApiKey k-1"}}, 200, true, keys},
		"a key":              {required, http.Header{"X-Api-Key": {"k-1"}}, 200, true, keys},
		"a cookie":           {required, http.Header{"Cookie": {"a=1; session=k-1"}}, 200, true, keys},
		"an unknown key":     {required, http.Header{"X-Api-Key": {"k-2"}}, 401, true, nil},
		"a key and a cookie": {required, http.Header{"X-Api-Key": {"k-1"}, "Cookie": {"session=k-1"}}, 401, true, nil},
		"an anonymous call":  {optional, nil, 200, false, keys},
		"a public procedure": {newAuthFor(interceptor.AccessPublic), http.Header{"X-Api-Key": {"k-1"}}, 200, false, nil},
	} {
		greet := func(context.Context) error { return nil }
		handler := mount(newServer(tt.auth, greeting{greet: greet}))
		for server, handler := range map[string]http.Handler{
			"alone": handler, "behind middleware": connectauth.NewMiddleware(tt.auth).Wrap(handler),
		} {
			res := get(t, handler, tt.header)
			if res.StatusCode != tt.status {
				t.Errorf("%s, %s: status = %d, want %d", name, server, res.StatusCode, tt.status)
			}
			if got := res.Header.Get("Cache-Control") == "private"; got != tt.private {
				t.Errorf("%s, %s: private = %v, want %v", name, server, got, tt.private)
			}
			vary := slices.DeleteFunc(res.Header["Vary"], func(key string) bool { return key == "Accept-Encoding" })
			if !slices.Equal(vary, tt.vary) {
				t.Errorf("%s, %s: Vary = %q, want %q", name, server, vary, tt.vary)
			}
		}
	}
}

// get calls a procedure by GET.
func get(t *testing.T, handler http.Handler, header http.Header) *http.Response {
	t.Helper()
	server := serve(t, handler)
	url := server.URL + greetv1connect.GreetServiceGreetProcedure + "?connect=v1&encoding=json&message={}"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res
}
