package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	mcpauth "github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/httpauth"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// newMCPServer is in docs/http.md, in part. Its two resources share a verifier and a policy.
func newMCPServer(t *testing.T, v *verifier.Verifier, authorizationServer string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	options := []interceptor.Option{interceptor.WithPolicy(interceptor.Policy{
		"/mcp.http/Tools": {Require: verifier.Requirement{Scopes: []string{"tools:use"}}},
		"/mcp.http/Admin": {Require: verifier.Requirement{Scopes: []string{"admin"}}},
	})}
	for path, rule := range map[string]string{"/mcp": "/mcp.http/Tools", "/admin/mcp": "/mcp.http/Admin"} {
		auth, err := interceptor.New(v, append(options, interceptor.WithResourceMetadata(interceptor.ResourceMetadata{
			Resource:             server.URL + path,
			AuthorizationServers: []string{authorizationServer},
		}))...)
		if err != nil {
			t.Fatal(err)
		}
		mux.Handle(auth.ResourceMetadata())
		mux.Handle(path, httpauth.Middleware(auth, rule)(mcpauth.RequireBearerToken(tokenInfo, nil)(newTools())))
	}
	return server
}

// tokenInfo is in docs/http.md. The token is verified by then.
func tokenInfo(ctx context.Context, _ string, _ *http.Request) (*mcpauth.TokenInfo, error) {
	claims, ok := interceptor.ClaimsFromContext(ctx)
	if !ok {
		return nil, mcpauth.ErrInvalidToken
	}
	return &mcpauth.TokenInfo{
		UserID:     claims.Issuer() + " " + claims.Subject(),
		Expiration: claims.ValidUntil(),
		Extra:      map[string]any{"claims": claims},
	}, nil
}

// newTools has a tool that tells who calls it, by the request and by the context.
func newTools() http.Handler {
	tools := mcp.NewServer(&mcp.Implementation{Name: "tools", Version: "1"}, nil)
	mcp.AddTool(tools, &mcp.Tool{Name: "caller"}, func(
		ctx context.Context, req *mcp.CallToolRequest, _ struct{},
	) (*mcp.CallToolResult, any, error) {
		claims := req.Extra.TokenInfo.Extra["claims"].(*verifier.Claims)
		text := claims.ID()
		if first, ok := interceptor.ClaimsFromContext(ctx); ok {
			text += ", session of " + first.ID()
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
	})
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return tools }, nil)
}

// An authorizationServer grants each client what it asks for.
type authorizationServer struct {
	issuer *verifiertest.Issuer
	url    string

	mu    sync.Mutex
	asked []url.Values // what the user was asked to grant, by code
}

func newAuthorizationServer(t *testing.T) *authorizationServer {
	t.Helper()
	s := &authorizationServer{issuer: verifiertest.NewIssuer()}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": s.url, "authorization_endpoint": s.url + "/authorize", "token_endpoint": s.url + "/token",
			"response_types_supported": []string{"code"}, "code_challenge_methods_supported": []string{"S256"},
		})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		granted := s.asked[len(r.FormValue("code"))-1]
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"token_type": "Bearer", "expires_in": 3600,
			"access_token": s.issuer.Token(map[string]any{"scope": granted.Get("scope"), "jti": r.FormValue("code")}),
		})
	})
	return s
}

// ask is the user, who grants everything. The code's length says which grant it's for.
func (s *authorizationServer) ask(_ context.Context, args *mcpauth.AuthorizationArgs) (*mcpauth.AuthorizationResult, error) {
	page, err := url.Parse(args.URL)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, page.Query())
	code := strings.Repeat("x", len(s.asked))
	return &mcpauth.AuthorizationResult{Code: code, State: page.Query().Get("state")}, nil
}

// connect is what an MCP client does that knows nothing but a URL.
func (s *authorizationServer) connect(t *testing.T, endpoint string) *mcp.ClientSession {
	t.Helper()
	login, err := mcpauth.NewAuthorizationCodeHandler(&mcpauth.AuthorizationCodeHandlerConfig{
		PreregisteredClient:      &oauthex.ClientCredentials{ClientID: "client"},
		RedirectURL:              "http://127.0.0.1:1/callback",
		AuthorizationCodeFetcher: s.ask,
	})
	if err != nil {
		t.Fatal(err)
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "client", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: endpoint, OAuthHandler: login}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = session.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return session
}

func callTool(t *testing.T, session *mcp.ClientSession) string {
	t.Helper()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "caller"})
	if err != nil {
		t.Fatal(err)
	}
	return result.Content[0].(*mcp.TextContent).Text
}

// The client finds each resource's document by the challenge, logs in, and is told by the next
// challenge which scope it lacks.
func TestMCPClientsLogInToEachResource(t *testing.T) {
	issuer := newAuthorizationServer(t)
	v, err := verifier.New(issuer.issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	server := newMCPServer(t, v, issuer.url)
	for path, scope := range map[string]string{"/mcp": "tools:use", "/admin/mcp": "admin"} {
		issuer.asked = nil
		session := issuer.connect(t, server.URL+path)
		if got := callTool(t, session); !strings.HasPrefix(got, "xx") {
			t.Errorf("%s: the tool was called by %q, want the second token", path, got)
		}
		var scopes []string
		for _, asked := range issuer.asked {
			scopes = append(scopes, asked.Get("scope"))
			if resource := asked.Get("resource"); resource != server.URL+path {
				t.Errorf("%s: the token is for %s", path, resource)
			}
		}
		if !slices.Equal(scopes, []string{"", scope}) {
			t.Errorf("%s: the client asked for %q", path, scopes)
		}
	}
}

// postMCP sends a message of MCP with a token.
func postMCP(t *testing.T, server *httptest.Server, token, session, message string) *http.Response {
	t.Helper()
	return sendMCP(t, server, http.MethodPost, token, session, message)
}

func sendMCP(t *testing.T, server *httptest.Server, method, token, session, message string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/mcp", strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if session != "" {
		req.Header.Set("Mcp-Session-Id", session)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// The SDK keeps the context of a session's first request, with the claims in it. So tools
// must read them from the request. Other users can't use the session.
func TestMCPToolsSeeTheClaimsOfTheirOwnRequest(t *testing.T) {
	issuer := newAuthorizationServer(t)
	v, err := verifier.New(issuer.issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	server := newMCPServer(t, v, issuer.url)
	mint := func(id, subject string) string {
		return issuer.issuer.Token(map[string]any{"jti": id, "sub": subject, "scope": "tools:use"})
	}
	const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",` +
		`"capabilities":{},"clientInfo":{"name":"client","version":"1"}}}`
	const callCaller = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"caller","arguments":{}}}`
	session := postMCP(t, server, mint("first", "ann"), "", initialize).Header.Get("Mcp-Session-Id")
	postMCP(t, server, mint("first", "ann"), session, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)

	var body bytes.Buffer
	_, _ = body.ReadFrom(postMCP(t, server, mint("second", "ann"), session, callCaller).Body)
	if !strings.Contains(body.String(), "second, session of first") {
		t.Errorf("the tool answered %s", body.String())
	}
	if res := postMCP(t, server, mint("third", "bob"), session, callCaller); res.StatusCode != http.StatusForbidden {
		t.Errorf("another user's request: %s", res.Status)
	}
	sendMCP(t, server, http.MethodDelete, mint("fourth", "ann"), session, "")
}
