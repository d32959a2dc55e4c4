package verifier

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/jws"
)

const (
	defaultLeeway         = 30 * time.Second
	defaultMaxTokenBytes  = 16 << 10
	defaultFetchTimeout   = 3 * time.Second
	defaultKeysTTL        = 5 * time.Minute
	defaultKeysMaxStale   = time.Hour
	defaultTokenCacheSize = 10_000
)

// A Config says which tokens a [Verifier] accepts. Issuer and Audiences are all that most
// services set.
//
// Wherever none makes sense, a negative number means none. It's an error elsewhere.
type Config struct {
	// Issuer is required: what a token's iss must be, byte for byte, and where discovery
	// starts. It's an https URL. With JWKSURL or JWKS it's only a name and may have any
	// form: AD FS calls itself http, a Kubernetes cluster whatever it was told.
	Issuer string

	// Audiences are the names of this service. A token's aud must hold at least one of
	// them, exactly. Required unless ClientIDs is set.
	Audiences []string

	// ClientIDs admits tokens that have no aud at all, as Amazon Cognito issues them, when
	// their client_id (or azp) is one of these. A token with an aud is never judged by it.
	ClientIDs []string

	// JWKSURL is where the issuer's keys are. The default is the jwks_uri in its metadata
	// (OpenID Connect Discovery 1.0, or RFC 8414), which must name Issuer.
	JWKSURL string

	// JWKS is a fixed JWK Set (RFC 7517, section 5), for a service that fetches nothing.
	// It excludes JWKSURL.
	JWKS []byte

	// Algorithms lists the signature algorithms to accept, by their JWS names: RS, PS and
	// ES with 256, 384 or 512, EdDSA and Ed25519, which are one (RFC 9864), and from Go 1.27
	// on ML-DSA-44, -65 and -87 (RFC 9964). Nil means RS256. An empty list is an error, as
	// are "none" and the HMAC algorithms.
	Algorithms []string

	// Leeway forgives clocks that differ: a token lives that much longer than its exp, and
	// that much earlier than its nbf. The default is 30 seconds, the maximum 5 minutes.
	// Negative means none.
	Leeway time.Duration

	// MaxTokenBytes is how long a token may be: 16 KiB by default, 64 KiB at most. A longer
	// one is refused unread.
	MaxTokenBytes int

	// IgnoreHeaders lists header parameters that a token may have although they could name
	// another key or another kind of content: jku, x5u, jwk, x5c and cty. They're read
	// over, never followed or parsed. UAA and SAP XSUAA write jku into every token. By
	// default a token that has one is refused.
	IgnoreHeaders []string

	// AcceptIDTokens accepts ID tokens, where an identity token is the credential, as with
	// Google or Dex. They're refused by default, as far as they can be told: by at_hash and
	// c_hash, which no access token has (OpenID Connect Core 1.0, section 3.3.2.11). An ID
	// token is meant for a client: accept it only if that client is one of Audiences on
	// purpose.
	AcceptIDTokens bool

	// RFC9068 accepts only the JWT access tokens of RFC 9068: typ at+jwt, and iss, exp,
	// aud, sub, client_id, iat and jti all present. Set it when the issuer follows that
	// profile; ID tokens are then refused by their type.
	RFC9068 bool

	// Require is what every token must grant, on top of what a policy asks.
	Require Requirement

	// ScopeClaim and PermissionsClaim name the claims that grant scopes and permissions,
	// "scope" and "permissions" by default. A value that starts with a slash is a JSON
	// Pointer (RFC 6901): "/realm_access/roles". The claim is a space-delimited string, an
	// array of strings, or an object of objects, whose names count, as ZITADEL writes its
	// roles; any other shape grants nothing.
	ScopeClaim       string
	PermissionsClaim string

	// HTTPClient fetches metadata and keys. The default uses [http.DefaultTransport]. It's
	// copied, and our limits hold all the same: redirects stay on their host and scheme, a
	// response is read up to 1 MiB, and FetchTimeout bounds the whole. The keys of a Kubernetes cluster may need a
	// client that trusts the cluster's authority and sends the pod's own token.
	HTTPClient *http.Client

	// FetchTimeout bounds one refresh of the keys, discovery included. The default is 3
	// seconds.
	FetchTimeout time.Duration

	// KeysTTL is how long fetched keys are used, and so how long a withdrawn key lives on
	// while the issuer answers: 5 minutes by default, between a second and 24 hours. The
	// max-age of the issuer's response can shorten it, to no less than a minute. A service
	// in use refreshes its keys in the background before they reach that age.
	KeysTTL time.Duration

	// KeysMaxStale is how long keys are used past KeysTTL while the issuer can't be
	// reached or answers nonsense: an hour by default, 24 at most. Negative means not at
	// all. The last good jwks_uri outlives bad metadata for as long as the two together.
	KeysMaxStale time.Duration

	// TokenCacheSize is how many verified tokens are remembered, so that they need not be
	// verified again: 10 000 by default, none if negative, 10 million at most. A token is
	// forgotten when it expires, when its key leaves the issuer's set or can't be used for
	// now, and when others were used since. What a call must be granted is checked every
	// time. Tokens take at most 4 KiB each on average: 40 MB by default.
	TokenCacheSize int

	// OnFetch, if set, is told about every fetch of metadata and keys when it's over.
	// Calls don't wait for it, yet it should return soon and must not panic. It may be
	// called concurrently.
	OnFetch func(FetchEvent)

	// Logger, if set, gets one line whenever the issuer is lost or back, and whenever its
	// keys change, from none at first. Nil logs nothing.
	Logger *slog.Logger

	// AllowHTTP lets metadata and keys be fetched over plain http from other hosts than
	// this one. An attacker on the path then decides which tokens are good.
	AllowHTTP bool
}

// withDefaults returns a copy that shares no slice with c and has no zero defaults left to
// interpret.
func (c Config) withDefaults() Config {
	c.JWKS = bytes.Clone(c.JWKS)
	c.Audiences = slices.Clone(c.Audiences)
	c.ClientIDs = slices.Clone(c.ClientIDs)
	c.Require = c.Require.Clone()
	if c.Algorithms == nil {
		c.Algorithms = []string{"RS256"}
	}
	c.Algorithms = slices.Clone(c.Algorithms)
	c.IgnoreHeaders = slices.Clone(c.IgnoreHeaders)
	if c.Leeway == 0 {
		c.Leeway = defaultLeeway
	}
	if c.MaxTokenBytes == 0 {
		c.MaxTokenBytes = defaultMaxTokenBytes
	}
	if c.ScopeClaim == "" {
		c.ScopeClaim = "scope"
	}
	if c.PermissionsClaim == "" {
		c.PermissionsClaim = "permissions"
	}
	if c.FetchTimeout == 0 {
		c.FetchTimeout = defaultFetchTimeout
	}
	if c.KeysTTL == 0 {
		c.KeysTTL = defaultKeysTTL
	}
	if c.KeysMaxStale == 0 {
		c.KeysMaxStale = defaultKeysMaxStale
	}
	if c.TokenCacheSize == 0 {
		c.TokenCacheSize = defaultTokenCacheSize
	}
	return c
}

const (
	maxLeeway         = 5 * time.Minute
	minKeysTTL        = time.Second
	maxKeysTTL        = 24 * time.Hour // and KeysMaxStale
	maxTokenCacheSize = 10_000_000
)

// validate expects a Config with its defaults in place.
func (c Config) validate() error {
	if err := c.validateIssuer(); err != nil {
		return err
	}
	if err := c.validateAudiences(); err != nil {
		return err
	}
	if err := c.validateNumbers(); err != nil {
		return err
	}
	if len(c.Algorithms) == 0 {
		return errors.New("Config.Algorithms must not be empty; nil means RS256")
	}
	for _, name := range c.IgnoreHeaders {
		if !slices.Contains(hintHeaders, name) {
			return fmt.Errorf("Config.IgnoreHeaders: %q is not one of %s", name, strings.Join(hintHeaders, ", "))
		}
	}
	for _, alg := range c.Algorithms {
		if !jws.IsAlgorithm(alg) && strings.HasPrefix(alg, "ML-DSA-") {
			return fmt.Errorf("Config.Algorithms: %q needs Go 1.27, and this program was built with %s", alg, runtime.Version())
		}
		if !jws.IsAlgorithm(alg) {
			return fmt.Errorf("Config.Algorithms: %q is not the name of an asymmetric JWS algorithm", alg)
		}
	}
	if err := c.Require.Validate(); err != nil {
		return fmt.Errorf("Config.Require: %w", err)
	}
	if _, err := c.claimRules(); err != nil {
		return err
	}
	return nil
}

func (c Config) validateIssuer() error {
	if c.Issuer == "" {
		return errors.New("Config.Issuer is required")
	}
	if c.JWKS != nil && c.JWKSURL != "" {
		return errors.New("Config.JWKS excludes Config.JWKSURL")
	}
	if c.JWKSURL != "" {
		if err := jwks.CheckURL(c.JWKSURL, c.AllowHTTP); err != nil {
			return fmt.Errorf("Config.JWKSURL %w", err)
		}
	}
	// Nothing is fetched from an issuer whose keys are known otherwise, so it may have any
	// name: AD FS calls itself http.
	if c.JWKS != nil || c.JWKSURL != "" {
		return nil
	}
	if err := jwks.CheckURL(c.Issuer, c.AllowHTTP); err != nil {
		return fmt.Errorf("Config.Issuer %w", err)
	}
	if strings.ContainsAny(c.Issuer, "?#") {
		return errors.New("Config.Issuer must have no query and no fragment")
	}
	if strings.Contains(c.Issuer, "/.well-known/") {
		return errors.New("Config.Issuer must be the issuer itself, not the URL of its metadata")
	}
	return nil
}

func (c Config) validateAudiences() error {
	switch {
	case len(c.Audiences) == 0 && len(c.ClientIDs) == 0:
		return errors.New("Config.Audiences must name at least one audience, unless Config.ClientIDs is set")
	case slices.Contains(c.Audiences, ""):
		return errors.New("Config.Audiences must not hold an empty audience")
	case slices.Contains(c.ClientIDs, ""):
		return errors.New("Config.ClientIDs must not hold an empty client ID")
	case c.RFC9068 && len(c.Audiences) == 0:
		return errors.New("Config.ClientIDs admits tokens without aud, which Config.RFC9068 refuses")
	}
	return nil
}

func (c Config) validateNumbers() error {
	for _, field := range []struct {
		name  string
		value time.Duration
	}{
		{"Leeway", c.Leeway},
		{"FetchTimeout", c.FetchTimeout},
		{"KeysTTL", c.KeysTTL},
		{"KeysMaxStale", c.KeysMaxStale},
	} {
		if 0 < field.value && field.value < time.Millisecond {
			return fmt.Errorf("Config.%s is %v: a bare number counts nanoseconds, so write %d*time.Second",
				field.name, field.value, field.value)
		}
	}
	switch {
	case c.Leeway > maxLeeway:
		return fmt.Errorf("Config.Leeway must be at most %v", maxLeeway)
	case c.MaxTokenBytes < 0 || c.MaxTokenBytes > maxTokenBytes:
		return fmt.Errorf("Config.MaxTokenBytes must be at most %d, and not negative", maxTokenBytes)
	case c.FetchTimeout < 0:
		return errors.New("Config.FetchTimeout must not be negative")
	case c.KeysTTL < minKeysTTL || c.KeysTTL > maxKeysTTL:
		return fmt.Errorf("Config.KeysTTL must be between %v and %v", minKeysTTL, maxKeysTTL)
	case c.KeysMaxStale > maxKeysTTL:
		return fmt.Errorf("Config.KeysMaxStale must be at most %v", maxKeysTTL)
	case c.TokenCacheSize > maxTokenCacheSize:
		return fmt.Errorf("Config.TokenCacheSize must be at most %d", maxTokenCacheSize)
	}
	return nil
}

// claimRules expects a Config with its defaults in place.
func (c Config) claimRules() (*claimRules, error) {
	r := &claimRules{
		scopeClaim:       c.ScopeClaim,
		permissionsClaim: c.PermissionsClaim,
		leeway:           max(c.Leeway, 0),
		recheck:          c.KeysTTL,
		baseline:         c.Require,
	}
	return r, r.compile()
}

// equal compares all but functions. Clients and loggers are equal if they are the same.
func (c Config) equal(other Config) bool {
	if c.HTTPClient != other.HTTPClient || c.Logger != other.Logger {
		return false
	}
	c.HTTPClient, other.HTTPClient = nil, nil
	c.Logger, other.Logger = nil, nil
	c.OnFetch, other.OnFetch = nil, nil // functions can't be compared
	return reflect.DeepEqual(c, other)
}
