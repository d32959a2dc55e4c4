package verifier

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	lru "github.com/hashicorp/golang-lru/v2"
)

// A keySet is one JWK Set document (RFC 7517, section 5). It never changes: a
// refresh replaces it as a whole, so that a withdrawn key is gone.
//
// Its keys are decoded when they are first asked for, and as many as MaxKeys are
// kept. A key that is unknown, unfit or broken does not spoil the others.
type keySet struct {
	jwks    map[string][][]byte // the raw keys by key ID; two may share one
	expires time.Time           // zero: never

	decoded *lru.Cache[string, []*key] // by key ID
	mu      sync.Mutex                 // held while decoding, so that a key is one object
}

// maxSharedKid bounds the keys of one ID. An issuer has no reason for more than one
// of each algorithm.
const maxSharedKid = 16

// parseKeySet reads a document. One without a single usable key is an error: it
// must not replace a set that has some.
func parseKeySet(document []byte, maxKeys int) (*keySet, error) {
	jwks, order, err := readKeySet(document)
	if err != nil {
		return nil, err
	}
	decoded, err := lru.New[string, []*key](maxKeys)
	if err != nil {
		return nil, err
	}
	for _, jwk := range order {
		if decodeKey(jwk) != nil {
			return &keySet{jwks: jwks, decoded: decoded}, nil
		}
	}
	return nil, errors.New("the key set has no usable key")
}

// readKeySet sorts the keys of a document by their ID, and lists those that have
// one in the order of the document. The document is read leniently, for the sake
// of the good keys in it; decodeKey is strict about each of them.
func readKeySet(document []byte) (jwks map[string][][]byte, order [][]byte, err error) {
	errMalformed := errors.New("the key set is not a JWK Set document")
	if nesting(document) > maxJWKDepth+2 {
		return nil, nil, errMalformed
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(document),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, nil, errMalformed
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, nil, errMalformed
		}
		if name.String() != "keys" {
			if err := dec.SkipValue(); err != nil {
				return nil, nil, errMalformed
			}
			continue
		}
		if token, err := dec.ReadToken(); err != nil || token.Kind() != '[' || jwks != nil {
			return nil, nil, errMalformed
		}
		jwks = make(map[string][][]byte)
		for dec.PeekKind() != ']' {
			value, err := dec.ReadValue()
			if err != nil {
				return nil, nil, errMalformed
			}
			if kid := kidOf(value); kid != "" {
				jwk := value.Clone()
				jwks[kid] = append(jwks[kid], jwk)
				order = append(order, jwk)
			}
		}
		if _, err := dec.ReadToken(); err != nil {
			return nil, nil, errMalformed
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, nil, errMalformed
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, nil, errMalformed
	}
	return jwks, order, nil
}

func kidOf(jwk jsontext.Value) (kid string) {
	members(jwk, maxJWKDepth, func(name []byte, value jsontext.Value) {
		if string(name) == "kid" {
			kid, _ = text(value)
		}
	})
	return kid
}

// isFresh reports whether there is a set and it is within its time to live.
func (s *keySet) isFresh(now time.Time) bool {
	return s != nil && (s.expires.IsZero() || now.Before(s.expires))
}

// has reports whether the document lists a key of this ID, usable or not.
func (s *keySet) has(kid string) bool {
	_, ok := s.jwks[kid]
	return ok
}

// key returns the one key of this ID that fits the algorithm. It returns nil when
// there is none, and also when two different ones fit: choosing would be guessing.
func (s *keySet) key(kid, alg string) (found *key) {
	for _, candidate := range s.keys(kid) {
		switch {
		case !candidate.fits(alg):
		case found == nil:
			found = candidate
		case !found.equal(candidate):
			return nil
		}
	}
	return found
}

// keys returns the usable keys of this ID.
func (s *keySet) keys(kid string) []*key {
	if keys, ok := s.decoded.Get(kid); ok {
		return keys
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if keys, ok := s.decoded.Get(kid); ok {
		return keys
	}
	jwks := s.jwks[kid]
	if len(jwks) == 0 || len(jwks) > maxSharedKid {
		return nil
	}
	var keys []*key
	for _, jwk := range jwks {
		if key := decodeKey(jwk); key != nil {
			keys = append(keys, key)
		}
	}
	s.decoded.Add(kid, keys)
	return keys
}
