// Package jwks reads and parses an issuer's key set. The issuer's metadata or the configuration
// says where it is. The package knows nothing about tokens.
package jwks

import (
	"context"
	"fmt"

	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

// A Source reads one issuer's keys. Don't call Read again before it returns, unless it has
// overrun its context.
type Source interface {
	// Read returns the keys, and how long they may be used. The previous argument is the last
	// result, or nil. If revalidate is set, an HTTP cache may answer for the issuer. The error is
	// a [*Failure].
	Read(ctx context.Context, previous *Document, revalidate bool) (*Document, refresh.Life, error)

	// String says where the keys are, or what is asked for them first, fit for a log.
	String() string
}

// NewSource returns the Source for a valid Config. It reads nothing.
func NewSource(config Config) Source {
	switch {
	case config.JWKSFile != "":
		return &file{config: config}
	case config.FetchJWKS != nil:
		return function{config}
	default:
		return newIssuer(config)
	}
}

// Fetch returns s as package refresh calls it. If a token suggests new keys, an HTTP cache must not
// answer for the issuer: that's so for every reason but a refresh.
func Fetch(s Source) func(
	context.Context, *refresh.Version[*Document], refresh.Reason,
) (*Document, refresh.Life, error) {
	return func(
		ctx context.Context, previous *refresh.Version[*Document], reason refresh.Reason,
	) (*Document, refresh.Life, error) {
		var last *Document
		if previous != nil {
			last = previous.Value
		}
		return s.Read(ctx, last, reason == refresh.Refresh)
	}
}

// A function returns an issuer's keys.
type function struct{ config Config }

func (f function) String() string { return "Config.FetchJWKS" }

func (f function) Read(ctx context.Context, previous *Document, _ bool) (*Document, refresh.Life, error) {
	body, err := f.config.FetchJWKS(ctx)
	if err != nil {
		return nil, refresh.Life{}, &Failure{Err: fmt.Errorf("%v: %w", f, err)}
	}
	set, err := parseAfter(previous, body, f.config.Issuer)
	if err != nil {
		return nil, refresh.Life{}, unusable("%v: %w", f, err)
	}
	return &Document{Set: set}, refresh.Life{TTL: f.config.TTL, MaxStale: f.config.MaxStale}, nil
}
