package feed

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
)

const (
	defaultLeeway  = 30 * time.Second // as in package verifier
	minMaxAge      = time.Second
	maxMaxAge      = 366 * 24 * time.Hour
	defaultTimeout = 5 * time.Second
	maxTimeout     = time.Minute
)

// An intakeConfig holds what all kinds of feeds are configured with.
type intakeConfig struct {
	name          string // of the struct with the fields, for errors
	verifier      verifier.Config
	types         []string
	maxAge        time.Duration
	defaultMaxAge time.Duration
	timeout       time.Duration
	onEvent       func(Report)
	read          func(context.Context, *verifier.EventClaims) (meaning, error)
}

// newIntake returns an intake, or an error that names the invalid field.
func newIntake(list *revocation.List, c intakeConfig) (*intake, error) {
	if list == nil {
		return nil, errors.New("the list is required")
	}
	for _, field := range []struct {
		name  string
		value time.Duration
	}{{c.name + ".MaxAge", c.maxAge}, {c.name + ".Timeout", c.timeout}} {
		if 0 < field.value && field.value < time.Millisecond {
			return nil, fmt.Errorf("%s is %v: a bare number counts nanoseconds, so write %d*time.Second",
				field.name, field.value, field.value)
		}
	}
	c.maxAge = cmp.Or(c.maxAge, c.defaultMaxAge)
	c.timeout = cmp.Or(c.timeout, defaultTimeout)
	switch {
	case c.maxAge < minMaxAge || c.maxAge > maxMaxAge:
		return nil, fmt.Errorf("%s.MaxAge must be between %v and %v", c.name, minMaxAge, maxMaxAge)
	case c.timeout < 0 || c.timeout > maxTimeout:
		return nil, fmt.Errorf("%s.Timeout must be at most %v, and not negative", c.name, maxTimeout)
	}
	leeway := max(cmp.Or(c.verifier.Leeway, defaultLeeway), 0)
	c.verifier.Types = c.types
	v, err := verifier.NewEventVerifier(c.verifier)
	if err != nil {
		return nil, fmt.Errorf("%s.Verifier: %s", c.name, strings.TrimPrefix(err.Error(), "verifier: "))
	}
	seen, err := lru.New[[sha256.Size]byte, struct{}](maxSeen)
	if err != nil {
		return nil, err
	}
	return &intake{
		list: list, verifier: v, leeway: leeway, maxAge: c.maxAge, timeout: c.timeout,
		seen: seen, onEvent: c.onEvent, read: c.read,
	}, nil
}
