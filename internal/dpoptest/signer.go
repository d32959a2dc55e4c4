package dpoptest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"sync/atomic"
	"testing"
)

// A signer is a key in a device.
type signer struct {
	crypto.Signer

	isBroken atomic.Bool
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{Signer: key}
}

var errBroken = errors.New("the device is broken")

func (s *signer) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if s.isBroken.Load() {
		return nil, errBroken
	}
	return s.Signer.Sign(random, digest, opts)
}
