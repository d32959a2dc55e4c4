package jwks

import (
	"context"
	"net/http"
	"time"
)

// A Config says where an issuer's keys are and how to read them. Most fields have the same
// meaning as in verifier.Config.
type Config struct {
	Issuer     string
	JWKSURL    string // if all three are empty, the metadata name it
	JWKSFile   string
	FetchJWKS  func(ctx context.Context) ([]byte, error)
	HTTPClient *http.Client
	AllowHTTP  bool
	Timeout    time.Duration // for one read, including all its requests
	TTL        time.Duration
	MaxStale   time.Duration
	PublicOnly bool // connect to public addresses only
}
