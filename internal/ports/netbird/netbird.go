// Package netbird is the authentication of NetBird's management API: the tokens of an issuer
// whose keys come from a function, and personal access tokens.
package netbird

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Config is HttpConfig in management.json, as far as it's about tokens, with what NetBird's own
// code adds.
type Config struct {
	AuthIssuer        string
	AuthAudience      string
	ExtraAuthAudience string
	AuthKeysLocation  string

	// KeyFetcher returns the keys of an identity provider in this process, as a JWK Set.
	KeyFetcher func(context.Context) ([]byte, error) `json:"-"`

	// Store has the personal access tokens.
	Store Store `json:"-"`
}

// A Store finds a personal access token by its hash.
type Store interface {
	GetPATByHashedToken(ctx context.Context, hash [sha256.Size]byte) (PAT, bool, error)
}

// A PAT is what the Store has about a personal access token.
type PAT struct {
	UserID, AccountID string
	Expires           time.Time
}

// New returns what guards the server.
func New(c Config) (*interceptor.Authenticator, error) {
	audiences := []string{c.AuthAudience}
	if c.ExtraAuthAudience != "" {
		audiences = append(audiences, c.ExtraAuthAudience)
	}
	config := verifier.Config{Issuer: c.AuthIssuer, Audiences: audiences, JWKSURL: c.AuthKeysLocation}
	if c.KeyFetcher != nil {
		config.JWKSURL, config.FetchJWKS = "", c.KeyFetcher
	}
	jwts, err := verifier.New(config)
	if err != nil {
		return nil, err
	}
	pats := patVerifier{c.Store}
	return interceptor.New(bearer{jwts, pats}, interceptor.WithCredential(interceptor.Scheme("Token"), pats))
}

// bearer verifies what follows Bearer: mostly tokens of the issuer.
type bearer struct {
	jwts *verifier.Verifier
	pats patVerifier
}

func (b bearer) Verify(ctx context.Context, token string) (*verifier.Claims, error) {
	if strings.HasPrefix(token, "nbp_") {
		return b.pats.Verify(ctx, token)
	}
	return b.jwts.Verify(ctx, token)
}

type patVerifier struct{ store Store }

func (v patVerifier) Verify(ctx context.Context, token string) (*verifier.Claims, error) {
	pat, ok, err := v.store.GetPATByHashedToken(ctx, sha256.Sum256([]byte(token)))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &verifier.AuthError{Code: verifier.CodeInvalidToken, Message: "the token is unknown"}
	}
	row, err := json.Marshal(map[string]any{
		"sub": pat.UserID, "account": pat.AccountID, "exp": pat.Expires.Unix(),
	})
	if err != nil {
		return nil, err
	}
	return verifier.NewClaims(row, verifier.ClaimsConfig{Issuer: "netbird"})
}
