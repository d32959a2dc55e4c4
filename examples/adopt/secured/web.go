package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/httpauth"
)

// newWebHandler serves a page, tools for agents, and the metrics.
func (a *app) newWebHandler(greeter greetv1.GreetServiceClient) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics)
	mux.Handle("GET /hello/{name}", httpauth.Middleware(a.auth, "/greet.http/Hello")(hello(greeter)))
	mux.Handle("/mcp", httpauth.Middleware(a.tools, "/greet.http/Tools")(newTools(greeter)))
	mux.Handle(a.tools.ResourceMetadata())
	return mux
}

// hello is a page that calls the gRPC server.
func hello(greeter greetv1.GreetServiceClient) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res, err := greeter.Greet(r.Context(), &greetv1.GreetRequest{Name: r.PathValue("name")})
		if err != nil {
			http.Error(w, "no greeting: "+err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, res.GetGreeting())
	})
}

// newTools is an MCP server that calls the gRPC server.
func newTools(greeter greetv1.GreetServiceClient) http.Handler {
	type input struct {
		Name string `json:"name"`
	}
	tools := mcp.NewServer(&mcp.Implementation{Name: "greet", Version: "1"}, nil)
	mcp.AddTool(tools, &mcp.Tool{Name: "greet"}, func(
		ctx context.Context, _ *mcp.CallToolRequest, in input,
	) (*mcp.CallToolResult, any, error) {
		claims, _ := interceptor.ClaimsFromContext(ctx)
		res, err := greeter.Greet(ctx, &greetv1.GreetRequest{Name: in.Name + ", friend of " + claims.Subject()})
		if err != nil {
			return nil, nil, err
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: res.GetGreeting()}}}, nil, nil
	})
	server := func(*http.Request) *mcp.Server { return tools }
	return mcp.NewStreamableHTTPHandler(server, &mcp.StreamableHTTPOptions{Stateless: true})
}
