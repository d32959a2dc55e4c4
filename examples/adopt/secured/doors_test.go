package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
)

// An answer is what a caller gets, in HTTP's words: gRPC's codes are translated.
type answer struct {
	status    int
	challenge string
	retry     bool // it's told when to come back
	body      string
}

// A door is a way to the greeting.
type door struct {
	name string
	open func(t *testing.T, s *service, token string) answer
}

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",` +
	`"capabilities":{},"clientInfo":{"name":"client","version":"1"}}}`

var doors = []door{
	{"gRPC, unary", func(t *testing.T, s *service, token string) answer {
		return greetGRPC(t, s.grpcAddr, token)
	}},
	{"gRPC, stream", func(t *testing.T, s *service, token string) answer {
		return watchGRPC(t, s.grpcAddr, token)
	}},
	{"gRPC to Connect, unary", func(t *testing.T, s *service, token string) answer {
		return greetGRPC(t, s.connectAddr, token)
	}},
	{"gRPC to Connect, stream", func(t *testing.T, s *service, token string) answer {
		return watchGRPC(t, s.connectAddr, token)
	}},
	{"Connect", func(t *testing.T, s *service, token string) answer {
		return send(t, s, http.MethodPost, s.connect+"/greet.v1.GreetService/Greet", `{"name":"Bo"}`, token)
	}},
	{"Connect, GET", func(t *testing.T, s *service, token string) answer {
		const query = "?connect=v1&encoding=json&message=%7B%7D"
		return send(t, s, http.MethodGet, s.connect+"/greet.v1.GreetService/Greet"+query, "", token)
	}},
	{"gateway", func(t *testing.T, s *service, token string) answer {
		return send(t, s, http.MethodGet, s.rest+"/v1/greetings/Bo", "", token)
	}},
	{"gateway, stream", func(t *testing.T, s *service, token string) answer {
		return send(t, s, http.MethodGet, s.rest+"/v1/greetings/Bo/watch?count=2", "", token)
	}},
	{"plain HTTP", func(t *testing.T, s *service, token string) answer {
		return send(t, s, http.MethodGet, s.web+"/hello/Bo", "", token)
	}},
	{"MCP", func(t *testing.T, s *service, token string) answer {
		return send(t, s, http.MethodPost, s.web+"/mcp", initialize, token)
	}},
}

func send(t *testing.T, s *service, method, url, body, token string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, text := s.do(t, req, token)
	inDetails := strings.HasPrefix(url, s.connect) && strings.Contains(text, "RetryInfo")
	return answer{
		status:    res.StatusCode,
		challenge: strings.Join(res.Header.Values("WWW-Authenticate"), ", "),
		retry:     res.Header.Get("Retry-After") != "" || inDetails,
		body:      text,
	}
}

func withToken(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

func greetGRPC(t *testing.T, addr, token string) answer {
	t.Helper()
	var header, trailer metadata.MD
	res, err := greetv1.NewGreetServiceClient(dialTest(t, addr)).Greet(withToken(timely(t), token),
		&greetv1.GreetRequest{Name: "Bo"}, grpc.Header(&header), grpc.Trailer(&trailer))
	return answerOf(err, res.GetGreeting(), header, trailer)
}

func watchGRPC(t *testing.T, addr, token string) answer {
	t.Helper()
	stream, err := greetv1.NewGreetServiceClient(dialTest(t, addr)).Watch(withToken(timely(t), token),
		&greetv1.WatchRequest{Name: "Bo", Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	res, err := stream.Recv()
	if err == nil {
		_, _ = stream.Recv()
	}
	header, _ := stream.Header()
	return answerOf(err, res.GetGreeting(), header, stream.Trailer())
}

func answerOf(err error, body string, header, trailer metadata.MD) answer {
	st := status.Convert(err)
	a := answer{
		status:    runtime.HTTPStatusFromCode(st.Code()),
		challenge: strings.Join(append(header.Get("www-authenticate"), trailer.Get("www-authenticate")...), ", "),
		body:      body + st.Message(),
	}
	for _, detail := range st.Details() {
		if _, ok := detail.(*errdetails.RetryInfo); ok {
			a.retry = true
		}
	}
	return a
}
