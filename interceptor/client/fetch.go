package client

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// FromTokenSource returns a Fetch that asks an [oauth2.TokenSource]. Such a source takes no
// context and may keep its tokens, so a server that refuses one early gets the same again. Prefer
// a Fetch where you have the choice.
func FromTokenSource(source oauth2.TokenSource) Fetch {
	return func(context.Context) (*oauth2.Token, error) { return source.Token() }
}

// FromRefreshToken returns a Fetch that uses the token's refresh token (RFC 6749, section 6). If
// the endpoint replaces the refresh token, the next request uses the new one.
func FromRefreshToken(config *oauth2.Config, token *oauth2.Token) Fetch {
	var mu sync.Mutex
	refreshToken := token.RefreshToken
	return func(ctx context.Context) (*oauth2.Token, error) {
		mu.Lock()
		current := refreshToken
		mu.Unlock()
		token, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: current}).Token()
		if err != nil {
			return nil, err
		}
		mu.Lock()
		refreshToken = token.RefreshToken
		mu.Unlock()
		return token, nil
	}
}

// Exchange returns a Fetch that exchanges a subject's token for another one (RFC 8693). Name the
// audience in config.EndpointParams, under "audience" or "resource".
func Exchange(config *clientcredentials.Config, subject Fetch) Fetch {
	return func(ctx context.Context) (*oauth2.Token, error) {
		token, err := subject(ctx)
		if err != nil {
			return nil, err
		}
		exchange := *config
		exchange.EndpointParams = maps.Clone(config.EndpointParams)
		if exchange.EndpointParams == nil {
			exchange.EndpointParams = make(map[string][]string)
		}
		exchange.EndpointParams.Set("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
		exchange.EndpointParams.Set("subject_token", token.AccessToken)
		exchange.EndpointParams.Set("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")
		return exchange.Token(ctx)
	}
}

// maxFileBytes is more than any server accepts.
const maxFileBytes = 1 << 16

// NewFileSource returns a Source that reads its token from a file, such as a projected Kubernetes
// token. The token is used until it expires, if it's a JWT, and read again at least once a minute,
// since its owner replaces it earlier.
func NewFileSource(path string, options ...Option) *Source {
	fetch := func(context.Context) (*oauth2.Token, error) {
		text, err := os.ReadFile(path) //nolint:gosec // the path is the configuration's
		if err != nil {
			return nil, err
		}
		if len(text) > maxFileBytes {
			return nil, errors.New("the file is too large for a token")
		}
		return &oauth2.Token{AccessToken: string(bytes.TrimSpace(text))}, nil
	}
	return NewSource(fetch, append([]Option{WithMaxAge(time.Minute)}, options...)...)
}
