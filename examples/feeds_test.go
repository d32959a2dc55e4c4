package examples_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"golang.org/x/oauth2/clientcredentials"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/revocation/feed"
)

// docs/revocation.md: what issuers say.
func Example_revocationFeeds() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // nothing is asked in this example
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	logout, err := feed.NewLogout(list, feed.LogoutConfig{
		Verifier: verifier.Config{
			Issuer:    "https://issuer.example/",
			Audiences: []string{"web"}, // the client that users log in to
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/backchannel-logout", logout)

	signals := feed.Signals{
		Verifier: verifier.Config{
			Issuer:    "https://transmitter.example/",
			Audiences: []string{"https://orders.example/events"},
			JWKSURL:   "https://transmitter.example/jwks", // as its ssf-configuration says
		},
		TokenIssuer: "https://issuer.example/",
		Map:         directory,
	}
	push, err := feed.NewPush(list, feed.PushConfig{Signals: signals, Authorization: []string{"Bearer agreed-on"}})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/events", push)

	credentials := clientcredentials.Config{
		ClientID: "orders", ClientSecret: "secret", TokenURL: "https://transmitter.example/token",
	}
	poll, err := feed.NewPoll(list, feed.PollConfig{
		Signals:     signals,
		Endpoint:    "https://transmitter.example/poll",
		TokenSource: credentials.TokenSource(ctx),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(poll.Run(ctx))
	// Output:
	// context canceled
}

// directory finds users by the address that the transmitter knows, in its own database.
func directory(_ context.Context, id feed.Identifier) (feed.Subject, error) {
	users := map[string]string{"alice@example.com": "248289761001"}
	switch {
	case id.Format == "email":
		return feed.Subject{Subject: users[id.Value]}, nil
	case id.Member == "session":
		return feed.Subject{SessionID: id.Value}, nil // this transmitter sends the tokens' sid
	default:
		return feed.Subject{}, nil
	}
}
