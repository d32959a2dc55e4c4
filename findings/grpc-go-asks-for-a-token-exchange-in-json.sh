#!/usr/bin/env bash
# grpc-go's token exchange sends JSON, and an authorization server expects a form.
#
# Versions:  google.golang.org/grpc v1.85.0 (package credentials/sts),
#            github.com/zitadel/oidc/v3 v3.52.0 (its example server), Go 1.26.
# Guess:     the package's documentation names RFC 8693, so it works with a server that does, too.
# Behaviour: RFC 8693, section 2.1, wants the parameters as application/x-www-form-urlencoded.
#            grpc-go sends them as a JSON object, with no way to change that and none to
#            authenticate as a client. The server doesn't find a grant_type. The call fails
#            with Unauthenticated. As a form, the same parameters get a token.
# Output, 2026-11-28:
#> grpc-go sends: application/json, with grant_type, scope, subject_token, subject_token_type
#> server answers: 400, invalid_request: grant_type missing
#> the call: Unauthenticated
#> same parameters as a form: 200, a token is granted
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/sts"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

func main() {
	const accessToken = "urn:ietf:params:oauth:token-type:access_token"
	var op http.Handler
	var sent map[string]string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		contentType := r.Header.Get("Content-Type")
		if json.Unmarshal(body, &sent) == nil {
			fmt.Printf("grpc-go sends: %s, with %s\n", contentType, strings.Join(slices.Sorted(maps.Keys(sent)), ", "))
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.SetBasicAuth("web", "secret")
		answer := httptest.NewRecorder()
		op.ServeHTTP(answer, r)
		if contentType == "application/json" {
			fmt.Println("server answers:", summary(answer.Code, answer.Body.Bytes()))
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	}))
	client := storage.WebClient("web", "secret")
	storage.RegisterClients(client)
	store := storage.NewStorage(storage.NewUserStore(server.URL))
	op = exampleop.SetupServer(server.URL, store, slog.New(slog.NewTextHandler(io.Discard, nil)), false)

	if err := os.WriteFile("subject", []byte(login(server.URL)), 0o600); err != nil {
		panic(err)
	}
	exchange, err := sts.NewCredentials(sts.Options{
		TokenExchangeServiceURI: server.URL + "/oauth/token",
		SubjectTokenPath:        "subject",
		SubjectTokenType:        accessToken,
		Scope:                   "openid",
	})
	if err != nil {
		panic(err)
	}

	secure := httptest.NewTLSServer(nil) // lends its certificate to the gRPC server
	callee := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&secure.TLS.Certificates[0])))
	grpc_health_v1.RegisterHealthServer(callee, health.NewServer())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go callee.Serve(listener)
	tls := credentials.NewTLS(secure.Client().Transport.(*http.Transport).TLSClientConfig)
	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(tls), grpc.WithPerRPCCredentials(exchange))
	if err != nil {
		panic(err)
	}
	_, err = grpc_health_v1.NewHealthClient(connection).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	fmt.Println("the call:", status.Code(err))

	form := url.Values{}
	for name, value := range sent {
		form.Set(name, value)
	}
	answer, err := http.PostForm(server.URL+"/oauth/token", form)
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println("same parameters as a form:", summary(answer.StatusCode, body))
}

// login takes the user of the example server through the authorization code flow.
func login(issuer string) (accessToken string) {
	step := func(request *http.Request, err error) *http.Response {
		if err != nil {
			panic(err)
		}
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			panic(err)
		}
		return answer
	}
	next := func(answer *http.Response) *url.URL {
		to, err := answer.Location()
		if err != nil {
			panic(err)
		}
		return to
	}
	form := func(to string, values url.Values) *http.Response {
		request, err := http.NewRequest(http.MethodPost, to, strings.NewReader(values.Encode()))
		if err == nil {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return step(request, err)
	}
	callback := "http://localhost:9999/auth/callback"
	query := url.Values{"client_id": {"web"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}}
	page := next(step(http.NewRequest(http.MethodGet, issuer+"/auth?"+query.Encode(), nil)))
	user := url.Values{"id": {page.Query().Get("authRequestID")}, "username": {"test-user@127.0.0.1"}, "password": {"verysecure"}}
	back := next(step(http.NewRequest(http.MethodGet, next(form(issuer+"/login/username", user)).String(), nil)))
	var granted struct {
		Token string `json:"access_token"`
	}
	code := url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {callback}}
	answer := form(issuer+"/oauth/token", code)
	if err := json.NewDecoder(answer.Body).Decode(&granted); err != nil || granted.Token == "" {
		panic("no token")
	}
	return granted.Token
}

func summary(code int, body []byte) string {
	var answer struct {
		Token       string `json:"access_token"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Sprintf("%d, %s", code, body)
	}
	if answer.Token != "" {
		return fmt.Sprintf("%d, a token is granted", code)
	}
	return fmt.Sprintf("%d, %s: %s", code, answer.Error, answer.Description)
}
GO
go mod init example >/dev/null 2>&1
go get google.golang.org/grpc@v1.85.0 github.com/zitadel/oidc/v3@v3.52.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
