package verifier

import (
	"bytes"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

const (
	defaultFetchTimeout = 3 * time.Second
	defaultKeysTTL      = 5 * time.Minute
	defaultKeysMaxStale = time.Hour
	defaultMaxKeys      = 64

	defaultTokenCacheSize = 10_000
)

// Config says which tokens a [Verifier] accepts. Issuer and Audiences are all
// that most services set.
type Config struct {
	// Issuer is required: what a token's iss must be, byte for byte, and where
	// discovery starts. It is an https URL; an issuer of another form, such as
	// that of a Kubernetes cluster, needs JWKSURL or JWKS.
	Issuer string

	// Audiences are the names of this service. A token's aud must hold at least
	// one of them, exactly. Required unless ClientIDs is set.
	Audiences []string

	// ClientIDs admits tokens that have no aud at all, as Amazon Cognito issues
	// them, when their client_id (or azp) is one of these. A token with an aud is
	// never judged by it.
	ClientIDs []string

	// JWKSURL is where the issuer's keys are. The default is the jwks_uri of its
	// metadata (OpenID Connect Discovery 1.0, or RFC 8414), which must name Issuer.
	JWKSURL string

	// JWKS is a fixed JWK Set (RFC 7517, section 5), for a service that fetches
	// nothing. It excludes JWKSURL.
	JWKS []byte

	// Algorithms lists the signature algorithms to accept, by their JWS names: RS,
	// PS and ES with 256, 384 or 512, EdDSA and Ed25519. Nil means RS256. An empty
	// list is an error, as are "none" and the HMAC algorithms.
	Algorithms []string

	// Leeway forgives clocks that differ: a token lives that much longer than its
	// exp, and that much earlier than its nbf. The default is 0, the maximum 5
	// minutes.
	Leeway time.Duration

	// RFC9068 accepts only JWT access tokens of RFC 9068: typ at+jwt, and iss, exp,
	// aud, sub, client_id, iat and jti all present. Set it when the issuer follows
	// that profile; ID tokens are then refused by their type.
	RFC9068 bool

	// Require is what every token must grant, on top of what a policy asks.
	Require Requirement

	// ScopeClaim and PermissionsClaim name the claims that grant scopes and
	// permissions, "scope" and "permissions" by default. A value that starts with
	// a slash is a JSON Pointer (RFC 6901): "/realm_access/roles". The claim is a
	// space-delimited string, an array of strings, or an object of objects, whose names
	// count, as ZITADEL has its roles; any other shape grants nothing.
	ScopeClaim       string
	PermissionsClaim string

	// HTTPClient fetches metadata and keys. The default uses
	// [http.DefaultTransport]. It is copied, and our limits hold all the same:
	// redirects stay on their host and scheme, a response is read up to 1 MiB, and
	// FetchTimeout bounds the whole. The keys of a Kubernetes cluster may need one
	// that trusts the cluster's authority and sends the pod's own token.
	HTTPClient *http.Client

	// FetchTimeout bounds one refresh of the keys, discovery included. The default
	// is 3 seconds.
	FetchTimeout time.Duration

	// KeysTTL is how long fetched keys are used, and so for how long a withdrawn
	// key lives on while the issuer answers: 5 minutes by default, 24 hours at most.
	// The max-age of the issuer's response can shorten it, to no less than a minute. A
	// service in use refreshes its keys in the background before they reach that age.
	KeysTTL time.Duration

	// KeysMaxStale is for how long keys are used past KeysTTL when the issuer cannot
	// be reached or answers nonsense: an hour by default, 24 at most. Negative means
	// not at all. A last good jwks_uri outlives bad metadata for as long as the two
	// together.
	KeysMaxStale time.Duration

	// MaxKeys bounds the key IDs whose decoded keys are held, 64 by default. Tokens of
	// others are verified anew each time. It does not bound the keys that an issuer may
	// publish.
	MaxKeys int

	// TokenCacheSize is how many verified tokens are remembered, so that they need
	// not be verified again: 10 000 by default, none when it is negative. A token is
	// forgotten when it expires, when its key leaves the issuer's set, and when
	// others were used since; what a call must be granted is checked every time. They
	// take at most 4 KiB each on average: 40 MB by default.
	TokenCacheSize int

	// OnFetch, if set, is told of every fetch of metadata and keys when it is over.
	// Calls do not wait for it, yet it should return soon and must not panic. It may
	// be called concurrently.
	OnFetch func(FetchEvent)

	// Logger, if set, gets one line whenever the issuer is lost or back, and whenever
	// its keys change, from none at first. Nil logs nothing.
	Logger *slog.Logger

	// AllowHTTP lets metadata and keys be fetched over plain http from other hosts
	// than this one. Whoever is on the path then decides which tokens are good.
	AllowHTTP bool
}

// withDefaults returns a copy that shares no slice with c and has no zero defaults
// left to interpret.
func (c Config) withDefaults() Config {
	c.JWKS = bytes.Clone(c.JWKS)
	c.Audiences = slices.Clone(c.Audiences)
	c.ClientIDs = slices.Clone(c.ClientIDs)
	c.Require = c.Require.Clone()
	if c.Algorithms == nil {
		c.Algorithms = []string{"RS256"}
	}
	c.Algorithms = slices.Clone(c.Algorithms)
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
	if c.MaxKeys == 0 {
		c.MaxKeys = defaultMaxKeys
	}
	if c.TokenCacheSize == 0 {
		c.TokenCacheSize = defaultTokenCacheSize
	}
	return c
}
