package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func TestEveryDoorIsOpen(t *testing.T) {
	on, err := listen("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- run(ctx, slog.New(slog.DiscardHandler), on) }()
	for url, body := range map[string]string{
		on.rest.Addr().String() + "/v1/greetings/Bo":                "",
		on.rest.Addr().String() + "/v1/greetings/Bo/watch?count=2":  "",
		on.connect.Addr().String() + "/greet.v1.GreetService/Greet": `{"name":"Bo"}`,
		on.connect.Addr().String() + "/grpc.health.v1.Health/Check": `{}`,
		on.web.Addr().String() + "/hello/Bo":                        "",
		on.web.Addr().String() + "/metrics":                         "",
	} {
		method := http.MethodGet
		if body != "" {
			method = http.MethodPost
		}
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || len(text) == 0 {
			t.Errorf("%s: %s %q", url, res.Status, text)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
