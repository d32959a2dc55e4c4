package introspection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/refresh"
	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

const (
	signedType = "application/token-introspection+jwt"
	jwtType    = "token-introspection+jwt"

	keysTTL      = 5 * time.Minute
	keysMaxStale = time.Hour

	// The budget for responses whose key isn't listed yet, which follow a rotation.
	keysBurst  = 4
	keysRefill = 10 * time.Second

	maxHeaderDepth = 16
)

// A seal says which signed responses are the authorization server's answers to us (RFC 9701).
type seal struct {
	issuer, clientID string
	algorithms       []string
	leeway           time.Duration
	keys             *refresh.Source[*jwks.Document]
	rotations        *refresh.Budget
}

func newSeal(c Config) (*seal, error) {
	algorithms := slices.Clone(c.Algorithms)
	if algorithms == nil {
		algorithms = []string{"RS256"}
	}
	switch {
	case !c.SignedResponses:
		return nil, errors.New("Config.Algorithms has no effect without Config.SignedResponses")
	case c.Client.clientID() == "":
		return nil, errors.New("Config.SignedResponses needs a Config.Client with a ClientID, to be their aud")
	case len(algorithms) == 0:
		return nil, errors.New("Config.Algorithms must not be empty; nil means RS256")
	}
	for _, alg := range algorithms {
		if !jws.IsAlgorithm(alg) {
			return nil, fmt.Errorf("Config.Algorithms: %q is not the name of an asymmetric JWS algorithm", alg)
		}
	}
	keys := jwks.NewSource(jwks.Config{
		Issuer:     c.Issuer,
		HTTPClient: c.HTTPClient,
		AllowHTTP:  c.AllowHTTP,
		Timeout:    c.FetchTimeout,
		TTL:        keysTTL,
		MaxStale:   keysMaxStale,
	})
	return &seal{
		issuer:     c.Issuer,
		clientID:   c.Client.clientID(),
		algorithms: algorithms,
		leeway:     c.Leeway,
		rotations:  refresh.NewBudget(keysBurst, keysRefill),
		keys: refresh.New(refresh.Config[*jwks.Document]{
			Timeout: c.FetchTimeout,
			Fetch:   jwks.Fetch(keys),
		}),
	}, nil
}

// open returns the answer in a signed response to a question asked then. Nothing in the response
// counts before its signature has been checked.
func (s *seal) open(ctx context.Context, response string, asked time.Time) ([]byte, error) {
	r, err := parseResponse(response)
	if err != nil {
		return nil, unusable(err)
	}
	switch {
	case strings.TrimPrefix(strings.ToLower(r.typ), "application/") != jwtType:
		return nil, unusable(errors.New("the response's typ is not " + jwtType))
	case !s.allows(r.alg):
		return nil, unusable(errors.New("the response's alg is not in Config.Algorithms, " + describe(s.algorithms)))
	}
	key, err := s.findKey(ctx, r)
	if err != nil {
		return nil, err
	}
	if !key.Verify(r.alg, r.signed, r.signature) {
		return nil, unusable(errors.New("the response's signature is not the issuer's"))
	}
	object, err := s.read(r.payload, asked)
	if err != nil {
		return nil, unusable(err)
	}
	return object, nil
}

// allows reports whether an algorithm is configured. EdDSA and Ed25519 are the same (RFC 9864).
func (s *seal) allows(alg string) bool {
	return slices.ContainsFunc(s.algorithms, func(allowed string) bool {
		return jws.Canonical(allowed) == jws.Canonical(alg)
	})
}

// findKey returns the key named by a response. If the issuer's set lacks it, the issuer may have
// new keys.
func (s *seal) findKey(ctx context.Context, r response) (*jws.Key, error) {
	name := jwks.ByAlgorithm(r.alg)
	if r.kid != "" {
		name = jwks.ByKid(r.kid)
	}
	v, err := s.keys.Find(ctx, refresh.Demand[*jwks.Document]{
		Enough: func(v *refresh.Version[*jwks.Document]) bool { return v.Value.Has(name) },
		Budget: s.rotations,
	})
	switch {
	case errors.Is(err, refresh.ErrBudget):
		return nil, unusable(jwks.ErrNotListed)
	case err != nil:
		return nil, fmt.Errorf("the keys for signed responses: %w", err)
	}
	key := v.Value.Key(name, r.alg)
	if key == nil {
		return nil, unusable(fmt.Errorf("the key of a signed response: %w", v.Value.Why(name, r.alg)))
	}
	return key, nil
}

// read checks a signed response's claims and returns token_introspection (RFC 9701, section 5).
func (s *seal) read(payload string, asked time.Time) (object []byte, err error) {
	var issuer string
	var audience []string
	var issuedAt float64
	wellFormed := strictjson.Members(payload, maxDepth+1, func(name, value string) {
		switch name {
		case "iss":
			issuer, _ = strictjson.Text(value)
		case "aud":
			audience, _ = strictjson.TextOrTexts(value)
		case "iat":
			issuedAt, _ = strictjson.Number(value)
		case "token_introspection":
			object = []byte(value)
		}
	})
	age := asked.Sub(time.Unix(int64(issuedAt), 0))
	switch {
	case !wellFormed:
		return nil, errors.New("the response's payload is not a JSON object, or holds a name twice")
	case issuer != s.issuer:
		return nil, errors.New("the response's iss is not Config.Issuer")
	case !slices.Contains(audience, s.clientID):
		return nil, errors.New("the response's aud is not the ID of Config.Client")
	case age > s.leeway+time.Second: // iat counts whole seconds
		return nil, errors.New("the response's iat is absent, or earlier than the question")
	case age < -s.leeway-time.Since(asked):
		return nil, errors.New("the response's iat is in the future")
	case object == nil:
		return nil, errors.New("the response has no token_introspection")
	}
	return object, nil
}

// A response is a signed response taken apart, and not yet checked.
type response struct {
	alg, kid, typ string
	payload       string
	signed        string
	signature     []byte
}

// parseResponse reads a compact JWS. Its errors quote nothing.
func parseResponse(text string) (r response, err error) {
	var b jws.Buffer
	c, ok := jws.Decode(text, &b)
	if !ok {
		return r, errors.New("the response is not a compact JWS")
	}
	r.signed, r.payload, r.signature = c.Signed, c.Payload, c.Signature
	var changed bool
	wellFormed := strictjson.Members(c.Header, maxHeaderDepth, func(name, value string) {
		switch name {
		case "alg":
			r.alg, _ = strictjson.Text(value)
		case "kid":
			r.kid, _ = strictjson.Text(value)
		case "typ":
			r.typ, _ = strictjson.Text(value)
		default:
			changed = jws.ChangesReading(name) || changed
		}
	})
	if !wellFormed || changed {
		return r, errors.New("the response's header is not one of a plain signed JWT")
	}
	return r, nil
}
