package verifier

import (
	"bytes"
	"context"
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

	defaultScopeClaim       = "scope"
	defaultPermissionsClaim = "permissions"
)

// A Config says which tokens a [Verifier] accepts. Most services set only Issuer and Audiences.
//
// The zero value of every other field is a safe default. A negative Leeway, KeysMaxStale or
// TokenCacheSize means none, and any other negative number is an error.
type Config struct {
	// Issuer is the issuer's identifier, and required. A token's iss must equal it byte for byte,
	// and discovery starts from it. It must be an https URL without a query, or http on this
	// host. If a field below says where the keys are, Issuer is only a name and may have any
	// form: AD FS uses an http URL, and a Kubernetes cluster uses whatever it was configured with.
	Issuer string

	// Audiences lists the names of this service. A token's aud must contain at least one,
	// exactly. Required unless ClientIDs is set.
	Audiences []string

	// ClientIDs admits tokens that have no aud, such as Amazon Cognito's access tokens, if their
	// client_id (or azp) is listed. It never applies to a token with an aud.
	ClientIDs []string

	// JWKSURL is the URL of the issuer's keys. By default it is the jwks_uri in the issuer's
	// metadata (OpenID Connect Discovery 1.0, or RFC 8414), which must name Issuer.
	JWKSURL string

	// JWKS is a fixed JWK Set (RFC 7517, section 5), for a service that fetches nothing. Only one
	// of JWKS, JWKSURL, JWKSFile and FetchJWKS can be set.
	JWKS []byte

	// JWKSFile is the path of a file with the issuer's JWK Set. Replace it atomically: rename
	// another file, or flip a symbolic link, as Kubernetes does in a mounted volume.
	//
	// While tokens come, the file is looked at once a second, in the background, and at once if a
	// token names a missing key. It is read again if it has changed. A file that is missing,
	// unreadable, half written, larger than 1 MiB or without usable keys is a failed fetch: it is
	// reported, and the last good keys are used for KeysTTL and KeysMaxStale. Without tokens
	// nothing looks, so the first one after a quiet time may meet keys up to KeysTTL old.
	//
	// It must be a regular file, but need not exist when New is called. Don't let a tenant choose
	// the path.
	JWKSFile string

	// FetchJWKS returns the issuer's JWK Set, at most 1 MiB. It is called when keys would be
	// fetched from a JWKSURL, and by the same rules. It must return when ctx ends, after
	// FetchTimeout; otherwise it may be called again meanwhile. An error or a panic is a failed
	// fetch, whose cause only OnFetch, Status, Logger and a [*KeysError] show.
	FetchJWKS func(ctx context.Context) ([]byte, error)

	// Algorithms lists the accepted signature algorithms by JWS name: RS, PS and ES with 256, 384
	// or 512, EdDSA and Ed25519, which are the same (RFC 9864), and from Go 1.27 on ML-DSA-44,
	// -65 and -87 (RFC 9964). Nil means RS256. An empty list is an error, and so are "none" and
	// the HMAC algorithms.
	Algorithms []string

	// Leeway allows for clock differences: a token is accepted this long after its exp and this
	// long before its nbf. The default is 30 seconds, the maximum 5 minutes, and a negative value
	// means none.
	Leeway time.Duration

	// MaxTokenBytes limits a token's length, and a longer token is refused unread. The default is
	// 16 KiB and the maximum 64 KiB.
	MaxTokenBytes int

	// IgnoreHeaders lists header parameters to ignore: jku, x5u, jwk, x5c and cty. They could
	// name another key or another kind of content, so by default a token with one is refused. An
	// ignored parameter is never followed or parsed. UAA and SAP XSUAA put jku into every token.
	IgnoreHeaders []string

	// Types lists the values of typ that a token may have, for issuers with a type of their own.
	// Case and a leading "application/" don't matter (RFC 7515, section 4.1.9). Then a token
	// without typ is refused. By default typ may be JWT, at+jwt or absent.
	Types []string

	// MaxLifetime limits the time between a token's iat and its exp, and between now and exp, with
	// leeway. A token without iat is refused. It bounds how long a stolen token is of use,
	// whatever the issuer's settings are. Zero means no limit.
	MaxLifetime time.Duration

	// AcceptIDTokens accepts ID tokens, for issuers such as Google or Dex where an identity token
	// is the credential. By default they are refused if recognized: access tokens have no at_hash
	// or c_hash (OpenID Connect Core 1.0, section 3.3.2.11). An ID token is meant for a client,
	// so accept it only if you list that client in Audiences on purpose.
	AcceptIDTokens bool

	// RFC9068 accepts only JWT access tokens as RFC 9068 defines them: typ at+jwt, with iss, exp,
	// aud, sub, client_id, iat and jti all present. Set it if the issuer follows this profile. ID
	// tokens are then refused by their type.
	RFC9068 bool

	// FAPI2 does what the FAPI 2.0 Security Profile (Final, sections 5.3.4 and 5.4.1) asks when
	// tokens are verified. Every token must be bound to its sender, as with Require.Bound, so New's
	// caller must verify the proof. Nil Algorithms then means PS256, ES256 and EdDSA, and another
	// algorithm is an error. So are AllowHTTP and AcceptIDTokens. The profile also asks whether a
	// token was revoked, which its signature can't say: see docs/sender-constrained.md.
	FAPI2 bool

	// Require says what every token must grant, in addition to any policy.
	Require Requirement

	// ScopeClaim and PermissionsClaim name the claims that grant scopes and permissions. The
	// defaults are "scope" and "permissions". A value with a leading slash is a JSON Pointer (RFC
	// 6901), such as "/realm_access/roles". The claim can be a space-delimited string, an array
	// of strings, or ZITADEL's object of roles, whose names count; any other shape grants
	// nothing.
	ScopeClaim       string
	PermissionsClaim string

	// HTTPClient fetches metadata and keys. The default uses [http.DefaultTransport]. The client
	// is copied, and some limits always apply: redirects must stay on the same host and scheme,
	// at most 3 are followed, a response may have 1 MiB, and FetchTimeout covers everything. Its
	// own CheckRedirect is not called. A Kubernetes cluster's keys may need a client that trusts
	// the cluster's certificate authority and sends the pod's token.
	HTTPClient *http.Client

	// FetchTimeout limits one fetch of keys, including discovery, to 3 seconds by default.
	FetchTimeout time.Duration

	// KeysTTL is how long fetched keys are used, and so how long a withdrawn key is still
	// accepted while the issuer is reachable. The default is 5 minutes, the minimum a second and
	// the maximum 24 hours. The response's max-age can shorten it, but not below a minute. A
	// service in use refreshes its keys earlier, in the background.
	KeysTTL time.Duration

	// KeysMaxStale is how long keys are used after KeysTTL while the issuer is unreachable or its
	// answers are unusable. The default is an hour, the maximum 24 hours, and a negative value
	// means none. The last good jwks_uri is kept for KeysTTL and KeysMaxStale together.
	KeysMaxStale time.Duration

	// TokenCacheSize is how many verified tokens are remembered, so a repeated token isn't
	// verified again. The default is 10,000, the maximum 10 million, and a negative value means
	// none. Remembered tokens take at most 4 KiB each on average, which is 40 MB by default.
	//
	// A token is forgotten when it expires, when its key leaves the issuer's set or becomes
	// unusable, and when the cache is full of tokens used more recently. What a call requires is
	// checked every time.
	TokenCacheSize int

	// OnFetch, if set, is called after every fetch of metadata and keys, sometimes concurrently.
	// A look at a JWKSFile that hasn't changed doesn't count. Calls don't wait for OnFetch, but
	// it should return soon and must not panic.
	OnFetch func(FetchEvent)

	// Logger, if set, gets a line when the issuer becomes unreachable or comes back, and when its
	// keys change, including the first time. For a [Dynamic], that begins with the issuer's first
	// valid token.
	Logger *slog.Logger

	// AllowHTTP permits plain http to hosts other than this one for metadata and keys. An
	// attacker on the network path can then decide which tokens are good.
	AllowHTTP bool
}

// withDefaults returns a copy with defaults filled in, which shares no slice with c.
func (c Config) withDefaults() Config {
	c.JWKS = bytes.Clone(c.JWKS)
	c.Audiences = slices.Clone(c.Audiences)
	c.ClientIDs = slices.Clone(c.ClientIDs)
	c.Require = c.Require.Clone()
	c.Require.Bound = c.Require.Bound || c.FAPI2
	if c.Algorithms == nil && c.FAPI2 {
		c.Algorithms = fapi2Algorithms
	}
	if c.Algorithms == nil {
		c.Algorithms = []string{"RS256"}
	}
	c.Algorithms = slices.Clone(c.Algorithms)
	c.IgnoreHeaders = slices.Clone(c.IgnoreHeaders)
	c.Types = slices.Clone(c.Types)
	if c.Leeway == 0 {
		c.Leeway = defaultLeeway
	}
	if c.MaxTokenBytes == 0 {
		c.MaxTokenBytes = defaultMaxTokenBytes
	}
	if c.ScopeClaim == "" {
		c.ScopeClaim = defaultScopeClaim
	}
	if c.PermissionsClaim == "" {
		c.PermissionsClaim = defaultPermissionsClaim
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

// validate expects a Config with its defaults filled in.
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
	if c.RFC9068 && c.Types != nil {
		return errors.New("Config.Types excludes Config.RFC9068, which accepts at+jwt alone")
	}
	isEmpty := func(typ string) bool { return typ == "" || strings.EqualFold(typ, "application/") }
	if c.Types != nil && len(c.Types) == 0 || slices.ContainsFunc(c.Types, isEmpty) {
		return errors.New("Config.Types must name at least one type, and none may be empty")
	}
	for _, name := range c.IgnoreHeaders {
		if !slices.Contains(hintHeaders, name) {
			return fmt.Errorf("Config.IgnoreHeaders: %q is not one of %s", name, strings.Join(hintHeaders, ", "))
		}
	}
	for _, alg := range c.Algorithms {
		if !jws.IsAlgorithm(alg) && strings.HasPrefix(alg, "ML-DSA-") {
			return fmt.Errorf("Config.Algorithms: %q needs Go 1.27, and this program was built with %s",
				alg, runtime.Version())
		}
		if !jws.IsAlgorithm(alg) {
			return fmt.Errorf("Config.Algorithms: %q is not the name of an asymmetric JWS algorithm", alg)
		}
	}
	if err := c.validateFAPI2(); err != nil {
		return err
	}
	if err := c.Require.Validate(); err != nil {
		return fmt.Errorf("Config.Require: %w", err)
	}
	if _, err := c.claimRules(); err != nil {
		return err
	}
	return nil
}

// fapi2Algorithms are those of the FAPI 2.0 Security Profile, section 5.4.1.
var fapi2Algorithms = []string{"PS256", "ES256", "EdDSA"}

func (c Config) validateFAPI2() error {
	isOther := func(alg string) bool { return !slices.Contains(fapi2Algorithms, jws.Canonical(alg)) }
	switch {
	case !c.FAPI2:
		return nil
	case slices.ContainsFunc(c.Algorithms, isOther):
		return fmt.Errorf("Config.FAPI2 excludes all of Config.Algorithms but %s", strings.Join(fapi2Algorithms, ", "))
	case c.AllowHTTP:
		return errors.New("Config.FAPI2 excludes Config.AllowHTTP")
	case c.AcceptIDTokens:
		return errors.New("Config.FAPI2 excludes Config.AcceptIDTokens: ID tokens are never bound")
	}
	return nil
}

func (c Config) validateIssuer() error {
	if c.Issuer == "" {
		return errors.New("Config.Issuer is required")
	}
	sources := c.keySources()
	if len(sources) > 1 {
		return fmt.Errorf("%s excludes %s", sources[0], sources[1])
	}
	if c.JWKSURL != "" {
		if err := jwks.CheckURL(c.JWKSURL, c.AllowHTTP); err != nil {
			return fmt.Errorf("Config.JWKSURL %w", err)
		}
	}
	// Nothing is fetched from an issuer whose keys are configured, so it may have any name. AD FS
	// uses an http URL.
	if len(sources) > 0 {
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

// keySources returns the fields that say where keys come from, in place of the metadata.
func (c Config) keySources() (names []string) {
	for _, field := range []struct {
		name  string
		isSet bool
	}{
		{"Config.JWKS", c.JWKS != nil},
		{"Config.JWKSURL", c.JWKSURL != ""},
		{"Config.JWKSFile", c.JWKSFile != ""},
		{"Config.FetchJWKS", c.FetchJWKS != nil},
	} {
		if field.isSet {
			names = append(names, field.name)
		}
	}
	return names
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
		{"Config.Leeway", c.Leeway},
		{"Config.MaxLifetime", c.MaxLifetime},
		{"Config.FetchTimeout", c.FetchTimeout},
		{"Config.KeysTTL", c.KeysTTL},
		{"Config.KeysMaxStale", c.KeysMaxStale},
	} {
		if 0 < field.value && field.value < time.Millisecond {
			return fmt.Errorf("%s is %v: a bare number counts nanoseconds, so write %d*time.Second",
				field.name, field.value, field.value)
		}
	}
	switch {
	case c.Leeway > maxLeeway:
		return fmt.Errorf("Config.Leeway must be at most %v", maxLeeway)
	case c.MaxTokenBytes < 0 || c.MaxTokenBytes > maxTokenBytes:
		return fmt.Errorf("Config.MaxTokenBytes must be at most %d, and not negative", maxTokenBytes)
	case c.MaxLifetime < 0:
		return errors.New("Config.MaxLifetime must not be negative")
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

// claimRules expects a Config with its defaults filled in.
func (c Config) claimRules() (*claimRules, error) {
	r := &claimRules{
		scopeClaim:       c.ScopeClaim,
		permissionsClaim: c.PermissionsClaim,
		leeway:           max(c.Leeway, 0),
		recheck:          c.KeysTTL,
		baseline:         c.Require,
	}
	return r, r.compile("Config")
}

// equal compares everything except OnFetch. It doesn't compare two FetchJWKS, only whether it's
// set. Clients and loggers are equal if they are the same pointer.
func (c Config) equal(other Config) bool {
	if c.HTTPClient != other.HTTPClient || c.Logger != other.Logger {
		return false
	}
	if (c.FetchJWKS == nil) != (other.FetchJWKS == nil) {
		return false
	}
	c.HTTPClient, other.HTTPClient = nil, nil
	c.Logger, other.Logger = nil, nil
	c.OnFetch, other.OnFetch = nil, nil // functions can't be compared
	c.FetchJWKS, other.FetchJWKS = nil, nil
	return reflect.DeepEqual(c, other)
}
