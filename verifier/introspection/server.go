package introspection

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A server is the authorization server to ask about tokens.
type server struct {
	endpoint     *jwks.Endpoint
	authenticate authentication
	rules        *rules
	seal         *seal // nil if plain answers count
}

func newServer(c Config) (*server, error) {
	authenticate, err := c.Client.prepare(c.Issuer)
	if err != nil {
		return nil, err
	}
	rules, err := newRules(c)
	if err != nil {
		return nil, err
	}
	member := jwks.Introspection
	if _, ok := c.Client.(TLSClient); ok {
		member = jwks.IntrospectionTLS
	}
	s := &server{
		endpoint: jwks.NewEndpoint(jwks.EndpointConfig{
			Issuer:     c.Issuer,
			URL:        c.Endpoint,
			Member:     member,
			HTTPClient: c.HTTPClient,
			AllowHTTP:  c.AllowHTTP,
			Timeout:    c.FetchTimeout,
		}),
		authenticate: authenticate,
		rules:        rules,
	}
	if c.SignedResponses || c.Algorithms != nil {
		if s.seal, err = newSeal(c); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// ask asks about a token (RFC 7662, section 2.1). The error means that there is no verdict.
func (s *server) ask(ctx context.Context, token string) (verdict, error) {
	post := jwks.Post{
		Form:   url.Values{"token": {token}, "token_type_hint": {"access_token"}},
		Header: make(http.Header),
		Accept: s.mediaType(),
	}
	if err := s.authenticate(ctx, &post); err != nil {
		return verdict{}, err
	}
	asked := time.Now()
	answer, failure := s.endpoint.Post(ctx, post)
	if failure != nil {
		if failure.Code == "unsupported_token_type" { // oidc-provider says so about its JWTs
			return refused(refuse(verifier.CodeInvalidToken, "the token is not one that can be introspected",
				"the authorization server doesn't introspect tokens of this type: verify its JWTs by its keys")), nil
		}
		return verdict{}, failure
	}
	if answer.Type != s.mediaType() {
		return verdict{}, unusable(errors.New("the response's Content-Type is not " + s.mediaType()))
	}
	object := answer.Body
	if s.seal != nil {
		var err error
		if object, err = s.seal.open(ctx, string(answer.Body), asked); err != nil {
			return verdict{}, err
		}
	}
	v, err := s.rules.judge(object)
	if err != nil {
		return verdict{}, unusable(err)
	}
	return v, nil
}

const jsonType = "application/json"

// mediaType returns the only one that counts.
func (s *server) mediaType() string {
	if s.seal != nil {
		return signedType
	}
	return jsonType
}

// probe asks about a made-up token. It finds out whether the server answers us, and
// can't be made to fail by a caller's token.
func (s *server) probe(ctx context.Context) error {
	v, err := s.ask(ctx, "oidcrpc-probe-"+rand.Text())
	switch {
	case err != nil:
		return err
	case v.claims != nil:
		return unusable(errors.New("a made-up token is active: it's no introspection endpoint"))
	}
	return nil
}
