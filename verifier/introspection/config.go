package introspection

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

const (
	defaultLeeway           = 30 * time.Second
	defaultMaxTokenBytes    = 16 << 10
	defaultFetchTimeout     = 3 * time.Second
	defaultCacheTTL         = time.Minute
	defaultTokenCacheSize   = 10_000
	defaultUnknownPerSecond = 10
	minUnknownBurst         = 64
)

// A Config says who is asked about tokens, and which tokens a [Verifier] accepts. Most services
// set Issuer, Client and Audiences.
//
// The zero value of every other field is a safe default. A negative Leeway means none, and any
// other negative number is an error.
type Config struct {
	// Issuer is the authorization server's identifier, and required. If a response has iss, it
	// must equal Issuer byte for byte; a response without it is taken as Issuer's. Discovery
	// starts from it, as for [verifier.Config].Issuer. If Endpoint is set, Issuer is only a name
	// and may have any form, unless SignedResponses is set.
	Issuer string

	// Endpoint is the URL to ask. By default it's the introspection_endpoint in the issuer's
	// metadata (RFC 8414, section 2; OpenID Connect Discovery 1.0), which must name Issuer.
	Endpoint string

	// Client says how this service authenticates at the endpoint, and is required.
	Client Client

	// Audiences lists the names of this service. A response's aud must contain at least one,
	// exactly. Required unless ClientIDs or AllowNoAudience is set.
	Audiences []string

	// ClientIDs admits tokens for which the response has no aud, or an empty one, if the client_id
	// in it is listed. It never applies to a response with an audience.
	ClientIDs []string

	// AllowNoAudience accepts responses without aud. Then any token of the issuer is good for this
	// service, even one issued for another. Set it if the authorization server issues
	// tokens for this service only, or calls active only what is meant for the client that asks.
	// If there is an aud, it still counts.
	AllowNoAudience bool

	// SignedResponses asks for signed responses and accepts no others (RFC 9701). The signature
	// must be by a key in the key set which Issuer's metadata names, iss must be Issuer, aud
	// must be the ID in Client, and iat must not be before the question, give or take Leeway.
	// What a response then says about the token is judged by the same rules. Encrypted responses
	// aren't supported. By default only plain JSON is accepted.
	SignedResponses bool

	// Algorithms lists the signature algorithms accepted in signed responses, by the names for
	// [verifier.Config].Algorithms. Nil means RS256. It's an error without SignedResponses.
	Algorithms []string

	// AllowNoExpiry accepts responses without exp. Such a token is good until the authorization
	// server says otherwise.
	AllowNoExpiry bool

	// Leeway allows for clock differences, as [verifier.Config].Leeway does. The default is 30
	// seconds, the maximum 5 minutes, and a negative value means none.
	Leeway time.Duration

	// MaxTokenBytes limits a token's length, and nothing is asked about a longer one. The default
	// is 16 KiB and the maximum 64 KiB.
	MaxTokenBytes int

	// Require says what every token must grant, in addition to any policy.
	Require verifier.Requirement

	// ScopeClaim and PermissionsClaim name the members with the scopes and permissions, as in
	// [verifier.Config]. The defaults are "scope" and "permissions".
	ScopeClaim       string
	PermissionsClaim string

	// HTTPClient sends the requests. The default uses [http.DefaultTransport]. The client is
	// copied, and some limits always apply: a redirected question is a failure, a response may
	// have 64 KiB, and FetchTimeout covers everything. Its own CheckRedirect is not called.
	HTTPClient *http.Client

	// FetchTimeout limits one question, including discovery, to 3 seconds by default.
	FetchTimeout time.Duration

	// CacheTTL is how long an answer is used, and so how long a revoked token is still accepted.
	// The default is a minute, the minimum a second and the maximum an hour. It also bounds how
	// long known tokens are accepted in an outage. A token in use is asked about earlier, in the
	// background. Open streams look at their token ten times as often, but at most once a second.
	// A revoked token's streams end one look late if CacheTTL is under 10 seconds, or if the
	// answer takes longer than a look.
	CacheTTL time.Duration

	// TokenCacheSize is how many accepted tokens are remembered. The default is 10,000 and the
	// maximum 10 million. They take at most 4 KiB each on average, which is 40 MB by default. A
	// forgotten token counts as unknown.
	TokenCacheSize int

	// UnknownTokensPerSecond limits the questions about tokens not remembered, because anyone can
	// make up tokens. A token doesn't count any more once it turns out to be good, or if it couldn't
	// be judged because the authorization server was down. At first
	// there may be 64 more, or as many as in a second if that's more. Beyond the limit, a call gets
	// a [*verifier.KeysError]. The default is 10.
	//
	// The burst is also how many unknown tokens can be asked about at the same time.
	UnknownTokensPerSecond int

	// Revocations, if set, gets a token's jti once the token was active and is inactive before its
	// exp. The token is then revoked for every verifier and every open stream that the list
	// serves, and through its bus for other replicas, which may still remember the token as
	// active. A token whose response has no jti isn't put on the list. Logger gets a line if that
	// fails.
	Revocations *revocation.List

	// OnFetch, if set, is called after every question, sometimes concurrently. Its Keys are 0. The
	// outcome is [verifier.FetchChanged] if the token was unknown, or isn't accepted any more.
	// Calls don't wait for it, but it should return soon and must not panic.
	OnFetch func(verifier.FetchEvent)

	// Logger, if set, gets a line when the authorization server becomes unreachable or comes back.
	Logger *slog.Logger

	// AllowHTTP permits plain http to hosts other than this one. An attacker on the network path
	// can then decide which tokens are good, and read them and the client's secret.
	AllowHTTP bool
}

// withDefaults returns a copy with defaults filled in, which shares no slice with c.
func (c Config) withDefaults() Config {
	c.Audiences = slices.Clone(c.Audiences)
	c.ClientIDs = slices.Clone(c.ClientIDs)
	c.Require = c.Require.Clone()
	c.Leeway = max(cmp.Or(c.Leeway, defaultLeeway), 0)
	c.FetchTimeout = cmp.Or(c.FetchTimeout, defaultFetchTimeout)
	c.CacheTTL = cmp.Or(c.CacheTTL, defaultCacheTTL)
	c.MaxTokenBytes = cmp.Or(c.MaxTokenBytes, defaultMaxTokenBytes)
	c.TokenCacheSize = cmp.Or(c.TokenCacheSize, defaultTokenCacheSize)
	c.UnknownTokensPerSecond = cmp.Or(c.UnknownTokensPerSecond, defaultUnknownPerSecond)
	return c
}

const (
	maxLeeway           = 5 * time.Minute
	minCacheTTL         = time.Second
	maxCacheTTL         = time.Hour
	maxMaxTokenBytes    = 64 << 10
	maxTokenCacheSize   = 10_000_000
	maxUnknownPerSecond = 100_000
)

// validate expects a Config with its defaults filled in.
func (c Config) validate() error {
	if err := c.validateServer(); err != nil {
		return err
	}
	switch {
	case len(c.Audiences) == 0 && len(c.ClientIDs) == 0 && !c.AllowNoAudience:
		return errors.New("Config.Audiences must name at least one audience, " +
			"unless Config.ClientIDs or Config.AllowNoAudience is set")
	case slices.Contains(c.Audiences, ""):
		return errors.New("Config.Audiences must not hold an empty audience")
	case slices.Contains(c.ClientIDs, ""):
		return errors.New("Config.ClientIDs must not hold an empty client ID")
	}
	return c.validateNumbers()
}

func (c Config) validateServer() error {
	switch {
	case c.Issuer == "":
		return errors.New("Config.Issuer is required")
	case c.Client == nil:
		return errors.New("Config.Client is required; it's Unauthenticated if the endpoint asks for no credentials")
	case reflect.ValueOf(c.Client).Kind() == reflect.Pointer:
		return errors.New("Config.Client must be the value, not a pointer to it")
	}
	if _, ok := c.Client.(TLSClient); ok {
		if err := checkCertificate(c.HTTPClient); err != nil {
			return err
		}
	}
	if c.Endpoint != "" {
		if err := jwks.CheckURL(c.Endpoint, c.AllowHTTP); err != nil {
			return fmt.Errorf("Config.Endpoint %w", err)
		}
	}
	if c.Endpoint != "" && !c.SignedResponses {
		return nil // Issuer is only a name
	}
	if err := jwks.CheckURL(c.Issuer, c.AllowHTTP); err != nil {
		return fmt.Errorf("Config.Issuer %w", err)
	}
	if strings.ContainsAny(c.Issuer, "?#") || strings.Contains(c.Issuer, "/.well-known/") {
		return errors.New("Config.Issuer must be the issuer itself, without a query, not the URL of its metadata")
	}
	return nil
}

func (c Config) validateNumbers() error {
	for _, field := range []struct {
		name  string
		value time.Duration
	}{
		{"Config.Leeway", c.Leeway}, {"Config.FetchTimeout", c.FetchTimeout}, {"Config.CacheTTL", c.CacheTTL},
	} {
		if 0 < field.value && field.value < time.Millisecond {
			return fmt.Errorf("%s is %v: a bare number counts nanoseconds, so write %d*time.Second",
				field.name, field.value, field.value)
		}
	}
	switch {
	case c.Leeway > maxLeeway:
		return fmt.Errorf("Config.Leeway must be at most %v", maxLeeway)
	case c.FetchTimeout < 0:
		return errors.New("Config.FetchTimeout must not be negative")
	case c.CacheTTL < minCacheTTL || c.CacheTTL > maxCacheTTL:
		return fmt.Errorf("Config.CacheTTL must be between %v and %v", minCacheTTL, maxCacheTTL)
	case c.MaxTokenBytes < 0 || c.MaxTokenBytes > maxMaxTokenBytes:
		return fmt.Errorf("Config.MaxTokenBytes must be at most %d, and not negative", maxMaxTokenBytes)
	case c.TokenCacheSize < 0 || c.TokenCacheSize > maxTokenCacheSize:
		return fmt.Errorf("Config.TokenCacheSize must be at most %d, and not negative", maxTokenCacheSize)
	case c.UnknownTokensPerSecond < 0 || c.UnknownTokensPerSecond > maxUnknownPerSecond:
		return fmt.Errorf("Config.UnknownTokensPerSecond must be at most %d, and not negative", maxUnknownPerSecond)
	}
	return nil
}
