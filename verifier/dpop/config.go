package dpop

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

const (
	defaultMaxAge      = time.Minute
	defaultLeeway      = 30 * time.Second
	defaultNonceMaxAge = 5 * time.Minute
	defaultMaxProofs   = 1_000_000

	minAge      = time.Second
	maxAge      = 10 * time.Minute
	maxLeeway   = 5 * time.Minute
	maxNonceAge = time.Hour
	minNonceKey = 32
	maxProofs   = 100_000_000
)

// A Config says which proofs are accepted. Only Origins is required, and the zero value of every
// other field is a safe default.
type Config struct {
	// Origins lists where clients find this service: scheme, host, port, and the path in front of
	// the procedures, if there is one, as in "https://api.example.com/rpc". A proof's htu must be
	// an origin followed by the call's procedure, after normalization (RFC 3986, sections 6.2.2 and
	// 6.2.3). Its query and fragment don't count.
	//
	// At least one is required, because callers can write what they like into Host and
	// X-Forwarded-Host. A proof for one origin is good at the others.
	Origins []string

	// Algorithms lists the signature algorithms for proofs, by JWS name: see
	// [verifier.Config].Algorithms. They have nothing to do with the token's. Nil means ES256,
	// EdDSA, Ed25519 and PS256, as in FAPI 2.0 (Security Profile, section 5.4). An empty list is an
	// error, and so are "none" and the HMAC algorithms.
	//
	// [verifier.Config]: https://pkg.go.dev/github.com/oidcrpc/oidcrpc/verifier#Config
	Algorithms []string

	// MaxAge is how long after its iat a proof is accepted. The default is a minute, the minimum a
	// second, and the maximum 10 minutes.
	MaxAge time.Duration

	// Leeway is how far in the future a proof's iat may be, because clocks differ. The default is
	// 30 seconds, the maximum 5 minutes, and a negative value means none.
	Leeway time.Duration

	// RequireNonce accepts only proofs with a nonce from this service. Then no proof can be made in
	// advance (RFC 9449, section 11.2), and a client's clock doesn't matter. Each client's first
	// call takes an extra attempt, and so does the next one after NonceMaxAge. By default a nonce
	// is asked for only if the service can't tell a new proof from a used one: for Leeway after the
	// start, after its clock was set back, or because a client's clock is wrong.
	//
	// With several replicas set NonceKeys too, or each one refuses the others' nonces.
	RequireNonce bool

	// NonceKeys are the secret keys for nonces, with at least 32 bytes each. The first makes new
	// nonces, and all check them. To replace a key, add the new one at the end on every replica,
	// and then move it to the front. By default the process makes its own random key.
	NonceKeys [][]byte

	// NonceMaxAge is how long a nonce is accepted. A client with one gets the next at half that
	// age, along with a response. The default is 5 minutes, the minimum a second and the maximum an
	// hour.
	NonceMaxAge time.Duration

	// MaxProofs is how many accepted proofs are remembered, in up to 64 bytes each. The default is
	// a million, the maximum 100 million. Each one is remembered for MaxAge after its iat, or for
	// NonceMaxAge after its nonce was made. If so many are remembered, or a quarter as many from
	// one key, further calls are Unavailable until the oldest are forgotten. It has no effect with
	// Replays.
	MaxProofs int

	// Replays remembers accepted proofs for all replicas, whose clocks may differ by Leeway. By
	// default each process remembers its own.
	Replays Replays
}

// withDefaults returns a copy with defaults filled in, which shares no slice with c.
func (c Config) withDefaults() Config {
	if c.Algorithms == nil {
		c.Algorithms = []string{"ES256", "EdDSA", "Ed25519", "PS256"}
	}
	c.Algorithms = slices.Clone(c.Algorithms)
	c.NonceKeys = slices.Clone(c.NonceKeys)
	for i, key := range c.NonceKeys {
		c.NonceKeys[i] = bytes.Clone(key)
	}
	if c.MaxAge == 0 {
		c.MaxAge = defaultMaxAge
	}
	if c.Leeway == 0 {
		c.Leeway = defaultLeeway
	}
	if c.NonceMaxAge == 0 {
		c.NonceMaxAge = defaultNonceMaxAge
	}
	if c.MaxProofs == 0 {
		c.MaxProofs = defaultMaxProofs
	}
	return c
}

// validate expects a Config with its defaults filled in.
func (c Config) validate() error {
	for _, field := range []struct {
		name  string
		value time.Duration
	}{
		{"Config.MaxAge", c.MaxAge},
		{"Config.Leeway", c.Leeway},
		{"Config.NonceMaxAge", c.NonceMaxAge},
	} {
		if 0 < field.value && field.value < time.Millisecond {
			return fmt.Errorf("%s is %v: a bare number counts nanoseconds, so write %d*time.Second",
				field.name, field.value, field.value)
		}
	}
	isShort := func(key []byte) bool { return len(key) < minNonceKey }
	switch {
	case len(c.Origins) == 0:
		return errors.New(`Config.Origins is required, such as "https://api.example.com"`)
	case len(c.Algorithms) == 0:
		return errors.New("Config.Algorithms must not be empty; nil means ES256, EdDSA, Ed25519 and PS256")
	case c.MaxAge < minAge || c.MaxAge > maxAge:
		return fmt.Errorf("Config.MaxAge must be between %v and %v", minAge, maxAge)
	case c.Leeway > maxLeeway:
		return fmt.Errorf("Config.Leeway must be at most %v", maxLeeway)
	case c.NonceMaxAge < minAge || c.NonceMaxAge > maxNonceAge:
		return fmt.Errorf("Config.NonceMaxAge must be between %v and %v", minAge, maxNonceAge)
	case slices.ContainsFunc(c.NonceKeys, isShort):
		return fmt.Errorf("Config.NonceKeys must have at least %d bytes each", minNonceKey)
	case c.MaxProofs < 0 || c.MaxProofs > maxProofs:
		return fmt.Errorf("Config.MaxProofs must be at most %d, and not negative", maxProofs)
	}
	for _, alg := range c.Algorithms {
		if !jws.IsAlgorithm(alg) {
			return fmt.Errorf("Config.Algorithms: %q is not the name of an asymmetric JWS algorithm", alg)
		}
	}
	return nil
}
