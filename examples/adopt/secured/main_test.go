package main

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
)

func TestEveryDoorAnswersAlike(t *testing.T) {
	s := start(t)
	ended := s.issuer.Token(map[string]any{"aud": "greet", "scope": "greet:read greet:tools", "exp": -3600e9})
	foreign := s.issuer.Token(map[string]any{"scope": "greet:read greet:tools"})
	tests := []struct {
		name, token string
		want        int
		challenge   string // a part
	}{
		{"no token", "", 401, `Bearer realm="api"`},
		{"a token that isn't one", "made-up", 401, `error="invalid_token"`},
		{"an expired token", ended, 401, `error_description="the token has expired"`},
		{"another service's token", foreign, 401, `error="invalid_token"`},
		{"a missing scope", s.token("ann", "other"), 403, `error="insufficient_scope"`},
		{"a good token", s.token("ann", "greet:read greet:tools"), 200, ""},
	}
	for _, door := range doors {
		for _, test := range tests {
			t.Run(door.name+" with "+test.name, func(t *testing.T) {
				want := test.want
				if strings.Contains(door.name, "stream") && want == 403 {
					want = 200 // Watch takes any token
				}
				got := door.open(t, s, test.token)
				if got.status != want {
					t.Fatalf("status = %d (%s), want %d", got.status, got.body, want)
				}
				if want == 200 {
					if got.challenge != "" || !strings.Contains(got.body, "Hello") && !strings.Contains(got.body, "serverInfo") {
						t.Errorf("challenge = %q, body = %q", got.challenge, got.body)
					}
				} else if !strings.HasPrefix(got.challenge, "Bearer ") || !strings.Contains(got.challenge, test.challenge) {
					t.Errorf("challenge = %q, want %q in it", got.challenge, test.challenge)
				}
			})
		}
	}
}

// No keys have been fetched, so no token can be judged.
func TestEveryDoorSaysWhenToComeBackInAnOutage(t *testing.T) {
	s := start(t)
	s.fail()
	token := s.token("ann", "greet:read greet:tools")
	for _, door := range doors {
		t.Run(door.name, func(t *testing.T) {
			if got := door.open(t, s, token); got.status != 503 || !got.retry || got.challenge != "" {
				t.Errorf("got %+v, want 503 without a challenge, and when to come back", got)
			}
		})
	}
	s.issuer.Fail(nil)
}

func TestHandlersKnowTheirCaller(t *testing.T) {
	s := start(t)
	if got := greetGRPC(t, s.grpcAddr, s.token("ann", "greet:read")).body; got != "Hello, Bo, from ann!" {
		t.Errorf("gRPC: %q", got)
	}
	if got := greetGRPC(t, s.connectAddr, s.token("ann", "greet:read")).body; got != "Hello, Bo, from ann!" {
		t.Errorf("Connect: %q", got)
	}
}

func TestClientSendsTheServicesOwnToken(t *testing.T) {
	s := start(t)
	got := send(t, s, http.MethodGet, s.web+"/hello/Bo", "", s.token("ann", "greet:read"))
	if got.status != http.StatusOK || strings.TrimSpace(got.body) != "Hello, Bo, from web!" {
		t.Errorf("got %+v, want a greeting from the service itself", got)
	}
}

// The caller's token is good, and the service has none of its own.
func TestClientSaysThatItHasNoTokenInAnOutage(t *testing.T) {
	s := start(t)
	greetGRPC(t, s.grpcAddr, s.token("ann", "greet:read")) // fetches the keys
	s.fail()
	got := send(t, s, http.MethodGet, s.web+"/hello/Bo", "", s.token("ann", "greet:read"))
	if got.status != http.StatusBadGateway || !strings.Contains(got.body, "Unavailable") {
		t.Errorf("got %+v, want a page without a greeting", got)
	}
}

func TestClientStreamNeedsItsOwnScope(t *testing.T) {
	s := start(t)
	for scope, want := range map[string]int{"greet:read": 403, "greet:write": 200} {
		for addr, name := range map[string]string{s.grpcAddr: "gRPC", s.connectAddr: "Connect"} {
			stream, err := greetv1.NewGreetServiceClient(dialTest(t, addr)).Collect(withToken(timely(t), s.token("ann", scope)))
			if err != nil {
				t.Fatal(err)
			}
			_ = stream.Send(&greetv1.CollectRequest{Name: "Bo"})
			_, err = stream.CloseAndRecv()
			if got := answerOf(err, "", nil, stream.Trailer()).status; got != want {
				t.Errorf("%s with %s: %v, want %d", name, scope, err, want)
			}
		}
	}
}

func TestHealthAndReflectionArePublic(t *testing.T) {
	s := start(t)
	for name, addr := range map[string]string{"gRPC": s.grpcAddr, "Connect": s.connectAddr} {
		conn := dialTest(t, addr)
		if _, err := healthv1.NewHealthClient(conn).Check(timely(t), &healthv1.HealthCheckRequest{}); err != nil {
			t.Errorf("%s: health check: %v", name, err)
		}
		stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(timely(t))
		if err != nil {
			t.Fatal(err)
		}
		_ = stream.Send(&reflectionv1.ServerReflectionRequest{
			MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
		})
		res, err := stream.Recv()
		if err != nil || !strings.Contains(res.String(), "greet.v1.GreetService") {
			t.Errorf("%s: reflection: %v, %v", name, res, err)
		}
		_ = stream.CloseSend()
		_, _ = stream.Recv()
	}
	// Health checks that last are not.
	watch, err := healthv1.NewHealthClient(dialTest(t, s.connectAddr)).Watch(timely(t), &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); answerOf(err, "", nil, nil).status != http.StatusUnauthorized {
		t.Errorf("a health check that lasts: %v, want a refusal", err)
	}
}

// bearer sends a token with each request of an MCP client.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(req)
}

func TestToolsAnswerTheCallerOfEachRequest(t *testing.T) {
	s := start(t)
	credential := &bearer{token: s.token("ann", "greet:tools"), next: s.client.Transport}
	session, err := mcp.NewClient(&mcp.Implementation{Name: "client", Version: "1"}, nil).Connect(timely(t),
		&mcp.StreamableClientTransport{Endpoint: s.web + "/mcp", HTTPClient: &http.Client{Transport: credential}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, caller := range []string{"ann", "bob"} {
		credential.token = s.token(caller, "greet:tools")
		arguments := map[string]any{"name": "Bo"}
		res, err := session.CallTool(timely(t), &mcp.CallToolParams{Name: "greet", Arguments: arguments})
		if err != nil {
			t.Fatal(err)
		}
		want := "Hello, Bo, friend of " + caller + ", from web!"
		if got := res.Content[0].(*mcp.TextContent).Text; got != want {
			t.Errorf("the tool says %q, want %q", got, want)
		}
	}
	credential.token = s.token("ann", "other")
	if res, err := session.CallTool(timely(t), &mcp.CallToolParams{Name: "greet"}); err == nil {
		t.Errorf("without its scope the tool says %v", res)
	}
	_ = session.Close()
}

func TestMCPClientsAreToldWhereToLogIn(t *testing.T) {
	s := start(t)
	document := s.web + "/.well-known/oauth-protected-resource/mcp"
	got := send(t, s, http.MethodPost, s.web+"/mcp", initialize, "")
	if !strings.Contains(got.challenge, `resource_metadata="`+document+`"`) {
		t.Errorf("challenge = %q, want %s in it", got.challenge, document)
	}
	got = send(t, s, http.MethodGet, document, "", "")
	if got.status != 200 || !strings.Contains(got.body, s.issuer.URL()) {
		t.Errorf("the document is %+v", got)
	}
	if got := send(t, s, http.MethodGet, s.web+"/hello/Bo", "", ""); strings.Contains(got.challenge, "resource_metadata") {
		t.Errorf("another page's challenge = %q", got.challenge)
	}
}

func TestPagesMaySendTokensAndReadChallenges(t *testing.T) {
	s := start(t)
	url := s.connect + "/greet.v1.GreetService/Greet"
	preflight := httptest.NewRequest(http.MethodOptions, url, nil)
	preflight.RequestURI = ""
	preflight.Header.Set("Origin", "https://page.example")
	preflight.Header.Set("Access-Control-Request-Method", http.MethodPost)
	preflight.Header.Set("Access-Control-Request-Headers", "authorization,connect-protocol-version,content-type")
	res, _ := s.do(t, preflight, "")
	if got := res.Header.Get("Access-Control-Allow-Headers"); !strings.Contains(got, "authorization") {
		t.Errorf("a page may send %q", got)
	}
	call := httptest.NewRequest(http.MethodPost, url, strings.NewReader("{}"))
	call.RequestURI = ""
	call.Header.Set("Origin", "https://page.example")
	call.Header.Set("Content-Type", "application/json")
	res, _ = s.do(t, call, "")
	exposed := strings.ToLower(res.Header.Get("Access-Control-Expose-Headers"))
	if !strings.Contains(exposed, "www-authenticate") {
		t.Errorf("a page may read %q", exposed)
	}
}

func TestMetricsShowDecisions(t *testing.T) {
	s := start(t)
	for _, token := range []string{"", s.token("ann", "other"), s.token("ann", "greet:read")} {
		greetGRPC(t, s.grpcAddr, token)
		send(t, s, http.MethodPost, s.connect+"/greet.v1.GreetService/Greet", `{}`, token)
		send(t, s, http.MethodGet, s.rest+"/v1/greetings/Bo", "", token)
		send(t, s, http.MethodGet, s.web+"/hello/Bo", "", token)
		send(t, s, http.MethodPost, s.web+"/mcp", initialize, token)
	}
	page := send(t, s, http.MethodGet, s.web+"/metrics", "", "").body
	counted := func(rule, code string) (n int) {
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, "oidcrpc_decisions_total{") &&
				strings.Contains(line, `oidcrpc_rule="`+rule+`"`) && strings.Contains(line, `oidcrpc_code="`+code+`"`) {
				count, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndex(line, " "):]))
				if err != nil {
					t.Error(err)
				}
				n += count
			}
		}
		return n
	}
	for rule, want := range map[string][3]int{
		"/greet.v1.GreetService/Greet": {4, 3, 3}, // the page's own call, too
		"/greet.http/Hello":            {1, 1, 1},
		"/greet.http/Tools":            {0, 2, 1},
	} {
		got := [3]int{counted(rule, "ok"), counted(rule, "permission_denied"), counted(rule, "unauthenticated")}
		if got != want {
			t.Errorf("%s: admitted, denied and unauthenticated = %d, want %d", rule, got, want)
		}
	}
	if !strings.Contains(page, "oidcrpc_keys_usable") || !strings.Contains(page, "rpc_server_") {
		t.Errorf("the page lacks keys or calls:\n%s", page)
	}
}
