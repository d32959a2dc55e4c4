package introspection

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/internal/jwks"
)

// A Client says how this service proves its right to ask about tokens to the authorization server
// (RFC 7662, section 2.1). It's a [SecretBasic], [SecretPost], [PrivateKeyJWT], [TLSClient],
// [BearerToken] or [Unauthenticated].
type Client interface {
	// prepare returns how to authenticate a form for this issuer's endpoint, or an error that
	// names the invalid field.
	prepare(issuer string) (authentication, error)

	// clientID is "" if only the authorization server knows it.
	clientID() string
}

// An authentication adds to a form what proves who sends it.
type authentication func(ctx context.Context, p *jwks.Post) error

// SecretBasic authenticates with a secret in the Authorization header (client_secret_basic, RFC
// 6749, section 2.3.1). Both fields are required.
type SecretBasic struct{ ClientID, Secret string }

func (c SecretBasic) prepare(string) (authentication, error) {
	if err := checkSecret(c.ClientID, c.Secret); err != nil {
		return nil, err
	}
	// The two are encoded as in a form, so a colon in the ID doesn't end it.
	credentials := url.QueryEscape(c.ClientID) + ":" + url.QueryEscape(c.Secret)
	value := "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
	return func(_ context.Context, p *jwks.Post) error {
		p.Header.Set("Authorization", value)
		return nil
	}, nil
}

func (c SecretBasic) clientID() string { return c.ClientID }

func checkSecret(clientID, secret string) error {
	if clientID == "" || secret == "" {
		return errors.New("Config.Client needs a ClientID and a Secret")
	}
	return nil
}

// SecretPost authenticates with a secret in the form (client_secret_post, RFC 6749, section
// 2.3.1). Use it only if the authorization server doesn't support [SecretBasic]. Both fields are
// required.
type SecretPost struct{ ClientID, Secret string }

func (c SecretPost) prepare(string) (authentication, error) {
	if err := checkSecret(c.ClientID, c.Secret); err != nil {
		return nil, err
	}
	return func(_ context.Context, p *jwks.Post) error {
		p.Form.Set("client_id", c.ClientID)
		p.Form.Set("client_secret", c.Secret)
		return nil
	}, nil
}

func (c SecretPost) clientID() string { return c.ClientID }

// TLSClient authenticates with a certificate (tls_client_auth and self_signed_tls_client_auth,
// RFC 8705, section 2), which Config.HTTPClient presents. ClientID is required. If the issuer's
// metadata name another endpoint for such clients, it's the one to ask (RFC 8705, section 5).
type TLSClient struct{ ClientID string }

func (c TLSClient) prepare(string) (authentication, error) {
	if c.ClientID == "" {
		return nil, errors.New("Config.Client needs a ClientID")
	}
	return func(_ context.Context, p *jwks.Post) error {
		p.Form.Set("client_id", c.ClientID)
		return nil
	}, nil
}

func (c TLSClient) clientID() string { return c.ClientID }

// checkCertificate returns an error if client can't present a certificate, as far as that can be
// known.
func checkCertificate(client *http.Client) error {
	if client == nil || client.Transport == nil {
		return errors.New("Config.Client is a TLSClient, so Config.HTTPClient must present its certificate")
	}
	t, ok := client.Transport.(*http.Transport)
	if !ok || t.DialTLSContext != nil {
		return nil // only it knows
	}
	if t.TLSClientConfig == nil ||
		len(t.TLSClientConfig.Certificates) == 0 && t.TLSClientConfig.GetClientCertificate == nil {
		return errors.New("Config.HTTPClient has a Transport without a certificate for the TLSClient")
	}
	return nil
}

// A BearerToken authenticates with an access token of this service's own, which the function
// returns (RFC 7662, section 2.1). It's called once for each request, so it should remember the
// token, and its context has a deadline. It must be safe for concurrent use.
//
// With golang.org/x/oauth2, use a ReuseTokenSource's Token method.
type BearerToken func(ctx context.Context) (token string, err error)

func (f BearerToken) prepare(string) (authentication, error) {
	if f == nil {
		return nil, errors.New("Config.Client is a nil BearerToken")
	}
	return func(ctx context.Context, p *jwks.Post) error {
		token, err := f(ctx)
		if err != nil {
			return fmt.Errorf("BearerToken: %w", err)
		}
		if !field.IsToken68(token) {
			return errors.New("BearerToken returned something else than a token")
		}
		p.Header.Set("Authorization", "Bearer "+token)
		return nil
	}, nil
}

func (f BearerToken) clientID() string { return "" }

// Unauthenticated proves nothing. It's for an endpoint within reach of trusted hosts only, such as
// Ory Hydra's administrative one.
type Unauthenticated struct{}

func (Unauthenticated) prepare(string) (authentication, error) {
	return func(context.Context, *jwks.Post) error { return nil }, nil
}

func (Unauthenticated) clientID() string { return "" }
