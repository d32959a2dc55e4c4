package feed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/revocation/feed"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func ExampleNewLogout() {
	issuer := verifiertest.NewIssuer()
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	config := issuer.Config()
	config.Audiences = []string{"web"} // the client that users log in to
	logout, err := feed.NewLogout(list, feed.LogoutConfig{Verifier: config})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/backchannel-logout", logout) // the client's backchannel_logout_uri

	// The provider says that Alice has logged out.
	token := issuer.Token(map[string]any{
		"aud": "web", "sub": "alice", "sid": "session-1", "jti": "logout-1",
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}, verifiertest.WithHeader("typ", "logout+jwt"))
	form := strings.NewReader(url.Values{"logout_token": {token}}.Encode())
	r := httptest.NewRequest(http.MethodPost, "/backchannel-logout", form)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)

	fmt.Println(w.Code)
	caller := verifiertest.Claims(map[string]any{"iss": issuer.URL(), "sub": "alice", "sid": "session-1"})
	fmt.Println(verifier.CodeOf(list.Check(caller)))
	// Output:
	// 200
	// token_revoked
}

func ExampleNewPush() {
	transmitter := verifiertest.NewIssuer()
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	users := map[string]string{"alice@example.com": "alice"} // your directory
	push, err := feed.NewPush(list, feed.PushConfig{
		Signals: feed.Signals{
			Verifier: transmitter.Config(),
			Map: func(_ context.Context, id feed.Identifier) (feed.Subject, error) {
				if id.Format == "email" {
					return feed.Subject{Subject: users[id.Value]}, nil
				}
				return feed.Subject{}, nil
			},
		},
		Authorization: []string{"Bearer what-the-stream-was-configured-with"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	caller := verifiertest.Claims(map[string]any{"iss": transmitter.URL(), "sub": "alice"}) // with a token from before
	event := transmitter.Token(map[string]any{
		"sub": nil, "exp": nil, "jti": "event-1",
		"sub_id": map[string]any{"format": "email", "email": "alice@example.com"},
		"events": map[string]any{feed.SessionRevoked: map[string]any{}},
	}, verifiertest.WithHeader("typ", "secevent+jwt"))
	r := httptest.NewRequest(http.MethodPost, "/events", strings.NewReader(event))
	r.Header.Set("Content-Type", "application/secevent+jwt")
	r.Header.Set("Authorization", "Bearer what-the-stream-was-configured-with")
	w := httptest.NewRecorder()
	push.ServeHTTP(w, r)

	fmt.Println(w.Code)
	fmt.Println(verifier.CodeOf(list.Check(caller)))
	// Output:
	// 202
	// token_revoked
}

func ExampleNewPoll() {
	// A transmitter with one event, which comes after the caller's token.
	issuer := verifiertest.NewIssuer()
	caller := verifiertest.Claims(map[string]any{"iss": issuer.URL(), "sub": "alice"})
	event := issuer.Token(map[string]any{
		"sub": nil, "exp": nil, "jti": "event-1",
		"sub_id": map[string]any{"format": "iss_sub", "iss": issuer.URL(), "sub": "alice"},
		"events": map[string]any{feed.SessionRevoked: map[string]any{}},
	}, verifiertest.WithHeader("typ", "secevent+jwt"))
	acknowledged := make(chan []string)
	transmitter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Ack []string `json:"ack"`
		}
		_ = json.NewDecoder(r.Body).Decode(&request)
		if len(request.Ack) > 0 {
			acknowledged <- request.Ack
			<-r.Context().Done()
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"sets": map[string]string{"event-1": event}})
	}))
	defer transmitter.Close()

	list, err := revocation.New(revocation.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	poll, err := feed.NewPoll(list, feed.PollConfig{
		Signals:     feed.Signals{Verifier: issuer.Config()},
		Endpoint:    transmitter.URL,
		TokenSource: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "ours"}),
		HTTPClient:  transmitter.Client(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- poll.Run(ctx) }()

	fmt.Println(<-acknowledged)
	fmt.Println(verifier.CodeOf(list.Check(caller)))
	cancel()
	fmt.Println(<-ended)
	// Output:
	// [event-1]
	// token_revoked
	// context canceled
}
