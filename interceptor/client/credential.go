package client

import (
	"errors"
	"fmt"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/internal/field"
)

// A Credential is a token as calls send it. It never changes. For adapters.
type Credential struct {
	token    *oauth2.Token
	header   []string
	metadata map[string]string
}

// Header returns the values of the Authorization header. Don't change them.
func (c *Credential) Header() []string { return c.header }

// Metadata returns gRPC metadata with the header alone. Don't change it.
func (c *Credential) Metadata() map[string]string { return c.metadata }

func (c *Credential) isOther(than *Credential) bool {
	return c.token.AccessToken != than.token.AccessToken
}

// newCredential checks what would break a header, or isn't a bearer token.
func newCredential(token *oauth2.Token) (*Credential, error) {
	if token == nil || token.AccessToken == "" {
		return nil, errors.New("the endpoint has returned no access token")
	}
	if kind := token.Type(); kind != "Bearer" { // Type reads an absent one as Bearer
		return nil, fmt.Errorf("the token's type is %q, want Bearer", field.Printable(kind))
	}
	for _, c := range []byte(token.AccessToken) {
		if c <= ' ' || c > '~' {
			return nil, errors.New("the token has a character that no header can carry")
		}
	}
	header := "Bearer " + token.AccessToken
	return &Credential{
		token:    token,
		header:   []string{header},
		metadata: map[string]string{"authorization": header},
	}, nil
}
