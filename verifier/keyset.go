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

	decoded *lru.Cache[keyID, *key] // nil values: nothing fits
	mu      sync.Mutex              // held while decoding, so that a key is one object
}

type keyID struct{ kid, alg string }

// parseKeySet reads a document. One without a single usable key is an error: it
// must not replace a set that has some.
func parseKeySet(document []byte, maxKeys int) (*keySet, error) {
	jwks, order, err := readKeySet(document)
	if err != nil {
		return nil, err
	}
	decoded, err := lru.New[keyID, *key](maxKeys)
	if err != nil {
		return nil, err
	}
	set := &keySet{jwks: jwks, decoded: decoded}
	for _, jwk := range order {
		for alg := range algorithms {
			if decodeKey(jwk, alg) != nil {
				return set, nil
			}
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
func (s *keySet) key(kid, alg string) *key {
	id := keyID{kid, alg}
	if key, ok := s.decoded.Get(id); ok {
		return key
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key, ok := s.decoded.Get(id); ok {
		return key
	}
	found := s.decode(id)
	s.decoded.Add(id, found)
	return found
}

func (s *keySet) decode(id keyID) (found *key) {
	for _, jwk := range s.jwks[id.kid] {
		candidate := decodeKey(jwk, id.alg)
		switch {
		case candidate == nil:
		case found == nil:
			found = candidate
		case !found.equal(candidate):
			return nil
		}
	}
	return found
}
