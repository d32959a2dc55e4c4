#!/usr/bin/env bash
# In the MCP SDK for Go a tool sees the token of the session's first request, after the client has renewed it.
#
# Versions:  github.com/modelcontextprotocol/go-sdk v1.8.0, Go 1.26.
# Guess:     a tool gets the context of the calling request, with what middleware put there.
# Behaviour: its context has the values of the session's first request, as long as the session
#            lasts. If a tool hands the caller's token on to another service, it sends an
#            ended one. The present one is in the call's own field, Extra.Header.
# Output, 2026-11-28, one user and one session:
#> the client sends token 1: context token 1, Extra.Header token 1
#> the client sends token 2: context token 1, Extra.Header token 2
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
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type tokenKey struct{}

func main() {
	tools := mcp.NewServer(&mcp.Implementation{Name: "tools", Version: "1"}, nil)
	mcp.AddTool(tools, &mcp.Tool{Name: "token"}, func(
		ctx context.Context, call *mcp.CallToolRequest, _ struct{},
	) (*mcp.CallToolResult, any, error) {
		text := fmt.Sprintf("context %v, Extra.Header %s", ctx.Value(tokenKey{}), call.Extra.Header.Get("Authorization"))
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
	})
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return tools }, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// any middleware that leaves the request's token in its context
		handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, r.Header.Get("Authorization"))))
	}))
	post := func(token, session, message string) *http.Response {
		request, err := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(message))
		if err != nil {
			panic(err)
		}
		request.Header.Set("Authorization", token)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Accept", "application/json, text/event-stream")
		if session != "" {
			request.Header.Set("Mcp-Session-Id", session)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			panic(err)
		}
		return response
	}
	session := post("token 1", "", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",`+
		`"capabilities":{},"clientInfo":{"name":"client","version":"1"}}}`).Header.Get("Mcp-Session-Id")
	post("token 1", session, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	for _, token := range []string{"token 1", "token 2"} {
		response := post(token, session, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"token","arguments":{}}}`)
		body, err := io.ReadAll(response.Body)
		if err != nil {
			panic(err)
		}
		_, text, _ := bytes.Cut(body, []byte(`"text":"`))
		text, _, _ = bytes.Cut(text, []byte(`"`))
		fmt.Printf("the client sends %s: %s\n", token, text)
	}
}
GO
go mod init example >/dev/null 2>&1
go get github.com/modelcontextprotocol/go-sdk@v1.8.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
