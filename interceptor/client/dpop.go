package client

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/refresh"
)

// A DPoPConfig says how a client proves possession of its tokens' key. The zero value uses a key
// made by this process.
type DPoPConfig struct {
	// Key signs the proofs. Nil means a P-256 key for the life of this process, shared by all its
	// Sources. Set it if a refresh token must outlive the process, since the endpoint may bind one
	// to the key.
	//
	// It may be an [*ecdsa.PrivateKey], an [ed25519.PrivateKey], an [*rsa.PrivateKey] with 2048 to
	// 4096 bits, or a signer elsewhere, such as a device. It must be safe for concurrent use.
	Key crypto.Signer `json:"-"`

	// Algorithm is a JWS name. The default is ES256, ES384, ES512, EdDSA or PS256, as the key is.
	Algorithm string

	// Origin is where the server believes it's called: scheme, host, port, and the path in front
	// of the procedures, as in https://api.example/rpc. Set it if that's not what this client
	// calls: a proxy by another name, or a server in process. A redirected call then has no proof.
	// By default a call names what it really calls.
	Origin string
}

// Format keeps the key out of what is printed.
func (c DPoPConfig) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{Key:%T Algorithm:%q Origin:%q}", c.Key, c.Algorithm, c.Origin)
}

// A DPoP makes proofs, and remembers servers' nonces for them (RFC 9449). Any number of Sources can
// share one. It is safe for concurrent use. Printed, it shows no key.
type DPoP struct {
	signer  *jws.Signer
	isLocal bool // it signs at once
	origin  string
	nonces  nonces
}

// NewDPoP returns a DPoP, or an error with the name of the invalid field.
func NewDPoP(config DPoPConfig) (*DPoP, error) {
	key := config.Key
	if key == nil {
		key = processKey()
	}
	alg := config.Algorithm
	if alg == "" {
		alg = jws.DefaultAlgorithm(key.Public())
	}
	signer, err := jws.NewSigner(key, alg, "dpop+jwt")
	if err != nil {
		return nil, fmt.Errorf("client: DPoPConfig.Key can't be used: %w", err)
	}
	if config.Origin != "" && !isOrigin(config.Origin) {
		return nil, errors.New("client: DPoPConfig.Origin must be an https or http URL, and end before the procedures")
	}
	return &DPoP{signer: signer, isLocal: jws.IsInMemory(key), origin: config.Origin}, nil
}

// processDPoP returns what a nil DPoP means. It's no variable that holds a function, since a server
// would then link all that makes proofs.
func processDPoP() *DPoP {
	process.onceDPoP.Do(func() {
		var err error
		if process.dpop, err = NewDPoP(DPoPConfig{}); err != nil {
			panic(err) //nolint:forbidigo // the zero value is valid
		}
	})
	return process.dpop
}

// processKey makes the key once.
func processKey() *ecdsa.PrivateKey {
	process.onceKey.Do(func() {
		var err error
		if process.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			panic(err) //nolint:forbidigo // crypto/rand never fails
		}
	})
	return process.key
}

// process holds what is made once in the life of this process.
var process struct {
	onceKey, onceDPoP sync.Once
	key               *ecdsa.PrivateKey
	dpop              *DPoP
}

func isOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return false
	}
	return u.Hostname() != "" && text == u.Scheme+"://"+u.Host+u.EscapedPath() && !strings.HasSuffix(text, "/")
}

// Thumbprint returns the key's SHA-256 thumbprint (RFC 7638). An authorization request with it as
// dpop_jkt gets a code for this key alone (RFC 9449, section 10).
func (d *DPoP) Thumbprint() string { return d.signer.Thumbprint() }

// proofClaims are what a proof says (RFC 9449, section 4.2).
type proofClaims struct {
	ID       string `json:"jti"`
	Method   string `json:"htm"`
	Target   string `json:"htu"` // without query and fragment
	IssuedAt int64  `json:"iat"`
	Hash     string `json:"ath,omitempty"` // of the access token
	Nonce    string `json:"nonce,omitempty"`
}

// prove returns a new proof.
func (d *DPoP) prove(ctx context.Context, c proofClaims) (string, error) {
	c.ID, c.IssuedAt = rand.Text(), time.Now().Unix()
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	if d.isLocal {
		return d.signer.Sign(payload)
	}
	var proof string
	var failure error
	if err := refresh.CallWithDeadline(ctx, func() { proof, failure = d.signer.Sign(payload) }); err != nil {
		return "", err // the signer may still be at work
	}
	return proof, failure
}
