package e2e_test

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const clientSecret = "correct horse battery staple"

// storage is what the provider knows: its clients, and its keys. It has the methods for
// the client credentials grant (RFC 6749, section 4.4) and for publishing keys. Any
// other would find the embedded interface nil.
type storage struct {
	op.Storage

	clients map[string]oauthClient // by ID; never changed

	mu   sync.Mutex
	keys []signingKey // all are published, the first one signs
}

var _ op.ClientCredentialsStorage = (*storage)(nil)

// ClientCredentials authenticates a client.
func (s *storage) ClientCredentials(_ context.Context, id, secret string) (op.Client, error) {
	client, ok := s.clients[id]
	if !ok || subtle.ConstantTimeCompare([]byte(secret), []byte(clientSecret)) == 0 {
		return nil, errors.New("unknown client or wrong secret")
	}
	return client, nil
}

// ClientCredentialsTokenRequest grants the scopes that the client may have.
func (s *storage) ClientCredentialsTokenRequest(
	_ context.Context, id string, scopes []string,
) (op.TokenRequest, error) {
	client := s.clients[id]
	granted := slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool {
		return !slices.Contains(client.scopes, scope)
	})
	return tokenRequest{client, granted}, nil
}

// CreateAccessToken returns the jti and the exp of a token.
func (s *storage) CreateAccessToken(_ context.Context, request op.TokenRequest) (string, time.Time, error) {
	return "token-1", time.Now().Add(request.(tokenRequest).client.lifetime), nil
}

// GetPrivateClaimsFromScopes adds the scope claim (RFC 9068, section 2.2.3), which
// the provider leaves to its storage.
func (s *storage) GetPrivateClaimsFromScopes(
	_ context.Context, _, _ string, scopes []string,
) (map[string]any, error) {
	if len(scopes) == 0 {
		return nil, nil
	}
	return map[string]any{"scope": strings.Join(scopes, " ")}, nil
}

// SigningKey returns the key for new tokens.
func (s *storage) SigningKey(context.Context) (op.SigningKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[0], nil
}

// SignatureAlgorithms returns what the metadata says of the keys.
func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var algs []jose.SignatureAlgorithm
	for _, key := range s.keys {
		algs = append(algs, key.alg)
	}
	return algs, nil
}

// KeySet returns the keys to publish.
func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []op.Key
	for _, key := range s.keys {
		keys = append(keys, publicKey{key})
	}
	return keys, nil
}

// An oauthClient acts on its own behalf, as a machine does.
type oauthClient struct {
	op.Client

	id, subject, audience string
	scopes                []string // that it may ask for
	lifetime              time.Duration
	tokenType             op.AccessTokenType
}

func (c oauthClient) GetID() string                       { return c.id }
func (c oauthClient) AccessTokenType() op.AccessTokenType { return c.tokenType }
func (oauthClient) ClockSkew() time.Duration              { return 0 }

func (oauthClient) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeClientCredentials}
}

func (oauthClient) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

type tokenRequest struct {
	client oauthClient
	scopes []string
}

func (r tokenRequest) GetSubject() string    { return r.client.subject }
func (r tokenRequest) GetAudience() []string { return []string{r.client.audience} }
func (r tokenRequest) GetScopes() []string   { return r.scopes }
