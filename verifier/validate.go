package verifier

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

const (
	maxLeeway  = 5 * time.Minute
	maxKeysTTL = 24 * time.Hour // and of KeysMaxStale
)

// validate expects a Config with its defaults in place.
func (c Config) validate() error {
	if err := c.validateIssuer(); err != nil {
		return err
	}
	if err := c.validateAudiences(); err != nil {
		return err
	}
	switch {
	case len(c.Algorithms) == 0:
		return errors.New("Config.Algorithms must not be empty; nil means RS256")
	case c.Leeway < 0 || c.Leeway > maxLeeway:
		return fmt.Errorf("Config.Leeway must be between 0 and %v", maxLeeway)
	case c.FetchTimeout < 0:
		return errors.New("Config.FetchTimeout must not be negative")
	case c.KeysTTL < 0 || c.KeysTTL > maxKeysTTL:
		return fmt.Errorf("Config.KeysTTL must be at most %v, and not negative", maxKeysTTL)
	case c.KeysMaxStale > maxKeysTTL:
		return fmt.Errorf("Config.KeysMaxStale must be at most %v", maxKeysTTL)
	case c.MaxKeys < 0:
		return errors.New("Config.MaxKeys must not be negative")
	}
	for _, alg := range c.Algorithms {
		if !jws.IsAlgorithm(alg) {
			return fmt.Errorf("Config.Algorithms: %q is not the name of an asymmetric JWS algorithm", alg)
		}
	}
	if err := c.Require.Validate(); err != nil {
		return fmt.Errorf("Config.Require: %w", err)
	}
	if _, err := parseClaimPath(c.ScopeClaim); err != nil {
		return fmt.Errorf("Config.ScopeClaim: %w", err)
	}
	if _, err := parseClaimPath(c.PermissionsClaim); err != nil {
		return fmt.Errorf("Config.PermissionsClaim: %w", err)
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

func (c Config) validateIssuer() error {
	if c.Issuer == "" {
		return errors.New("Config.Issuer is required")
	}
	if c.JWKS != nil && c.JWKSURL != "" {
		return errors.New("Config.JWKS excludes Config.JWKSURL")
	}
	if c.JWKSURL != "" {
		if err := checkURL(c.JWKSURL, c.AllowHTTP); err != nil {
			return fmt.Errorf("Config.JWKSURL %w", err)
		}
	}
	// Nothing is fetched from an issuer whose keys are known otherwise, so that it
	// may be any name; but a plain http one is a mistake all the same.
	discovered := c.JWKS == nil && c.JWKSURL == ""
	if !discovered && !strings.HasPrefix(c.Issuer, "http://") {
		return nil
	}
	if err := checkURL(c.Issuer, c.AllowHTTP); err != nil {
		return fmt.Errorf("Config.Issuer %w", err)
	}
	if strings.ContainsAny(c.Issuer, "?# ") {
		return errors.New("Config.Issuer must have no query, no fragment and no space")
	}
	if strings.Contains(c.Issuer, "/.well-known/") {
		return errors.New("Config.Issuer must be the issuer itself, not the URL of its metadata")
	}
	return nil
}
