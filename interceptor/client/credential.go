package client

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/internal/field"
)

// A Credential is a token as calls send it. It never changes. For adapters.
type Credential struct {
	token    *oauth2.Token
	header   []string
	metadata map[string]string

	dpop *DPoP  // what proves that we hold the token's key; nil for a bearer token
	hash string // of a token with a key, as its proofs name it
}

// Header returns the values of the Authorization header. Don't change them.
func (c *Credential) Header() []string { return c.header }

// Metadata returns gRPC metadata with the header alone. Don't change it.
func (c *Credential) Metadata() map[string]string { return c.metadata }

func (c *Credential) isOther(than *Credential) bool {
	return c.token.AccessToken != than.token.AccessToken
}

// newCredential checks what would break a header, and the token's type. A bearer token isn't used
// where one with a key was asked for (RFC 9449, section 5): who steals it could use it.
func newCredential(token *oauth2.Token, dpop *DPoP) (*Credential, error) {
	if token == nil || token.AccessToken == "" {
		return nil, errors.New("the endpoint has returned no access token")
	}
	scheme := "Bearer"
	if dpop != nil {
		scheme = "DPoP"
	}
	if kind := token.Type(); !strings.EqualFold(kind, scheme) { // Type reads an absent one as Bearer
		return nil, fmt.Errorf("the token's type is %q, want %s", field.Printable(kind), scheme)
	}
	for _, c := range []byte(token.AccessToken) {
		if c <= ' ' || c > '~' {
			return nil, errors.New("the token has a character that no header can carry")
		}
	}
	header := scheme + " " + token.AccessToken
	c := &Credential{
		token:    token,
		header:   []string{header},
		metadata: map[string]string{"authorization": header},
		dpop:     dpop,
	}
	if dpop != nil {
		sum := sha256.Sum256([]byte(token.AccessToken))
		c.hash = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return c, nil
}
