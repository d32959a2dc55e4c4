package jwks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

const (
	maxListedKeys  = 4096 // of a document: to look at each costs more than its bytes
	maxSharedKid   = 16   // under one ID: an issuer needs one for each algorithm at most
	maxDecodedKids = 64   // kept; the keys under other IDs are decoded anew each time
	maxBrokenKeys  = 64   // decoded in search for a good one
)

// A Set is one JWK Set document (RFC 7517, section 5). It never changes and is safe for
// concurrent use.
//
// Its keys are decoded when they are first asked for, and kept in an LRU cache. A key
// that is unknown, unfit or broken doesn't spoil the others.
type Set struct {
	Since time.Time // when it was first read

	listed map[string][]jws.JWK // by key ID; two may share one

	decoded *lru.Cache[string, []*jws.Key] // by key ID
	mu      sync.Mutex                     // held while decoding, so that a key is one object
}

// ParseSet reads a document leniently, for the sake of the good keys in it, and each key
// strictly. A document without a single usable key is an error, since it must not replace
// a set that has some.
func ParseSet(document []byte) (*Set, error) {
	var read struct {
		Keys []jsontext.Value `json:"keys"`
	}
	err := json.Unmarshal(document, &read,
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return nil, errors.New("not a JWK Set document")
	}
	if len(read.Keys) > maxListedKeys {
		return nil, errors.New("the key set has too many keys")
	}
	keys := make([]jws.JWK, len(read.Keys))
	for i, text := range read.Keys {
		keys[i] = jws.ReadJWK(string(text))
	}
	jws.MarkPublished(keys)
	if err := checkUsable(keys); err != nil {
		return nil, err
	}
	decoded, err := lru.New[string, []*jws.Key](maxDecodedKids)
	if err != nil {
		return nil, err
	}
	set := &Set{Since: time.Now(), listed: make(map[string][]jws.JWK), decoded: decoded}
	for _, key := range keys {
		set.listed[key.Kid] = append(set.listed[key.Kid], key)
	}
	return set, nil
}

// checkUsable looks for one usable key, and gives up early: to decode a broken one can
// take as long as to check a signature.
func checkUsable(keys []jws.JWK) error {
	tried := 0
	err := errors.New("it lists none")
	for i := range keys {
		var key *jws.Key
		if keys[i].Kid == "" {
			continue
		}
		if key, err = keys[i].Key(); key != nil {
			return nil
		}
		if keys[i].IsDecodable() {
			tried++
		}
		if tried == maxBrokenKeys {
			break
		}
	}
	return fmt.Errorf("the key set has no usable key: %w", err)
}

// merge returns the set to use after s, which is s itself if both say the same. A key that
// says the same under the same ID stays the same object, so that a pointer to it shows
// that it still stands.
func (s *Set) merge(next *Set) *Set {
	if maps.EqualFunc(s.listed, next.listed, sameKeys) {
		return s
	}
	for _, kid := range s.decoded.Keys() {
		keys, ok := s.decoded.Peek(kid)
		if ok && sameKeys(s.listed[kid], next.listed[kid]) {
			next.decoded.Add(kid, keys)
		}
	}
	return next
}

func sameKeys(a, b []jws.JWK) bool { return slices.Equal(a, b) }

// Len counts the keys that the document lists, usable or not.
func (s *Set) Len() (n int) {
	for _, keys := range s.listed {
		n += len(keys)
	}
	return n
}

// Has reports whether the document lists a key with this ID, usable or not.
func (s *Set) Has(kid string) bool {
	_, ok := s.listed[kid]
	return ok
}

// Key returns the one key with this ID that fits the algorithm. It returns nil when none
// does, and also when two different ones do: choosing would be guessing.
func (s *Set) Key(kid, alg string) (found *jws.Key) {
	for _, candidate := range s.keys(kid) {
		switch {
		case !candidate.Fits(alg):
		case found == nil:
			found = candidate
		case !found.Equal(candidate):
			return nil
		}
	}
	return found
}

// Holds reports whether key stands under this ID, as the same object.
func (s *Set) Holds(kid string, key *jws.Key) bool {
	keys, _ := s.decoded.Get(kid)
	return slices.Contains(keys, key)
}

// keys returns the usable keys with this ID.
func (s *Set) keys(kid string) []*jws.Key {
	if keys, ok := s.decoded.Get(kid); ok {
		return keys
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if keys, ok := s.decoded.Get(kid); ok {
		return keys
	}
	listed := s.listed[kid]
	if len(listed) == 0 || len(listed) > maxSharedKid {
		return nil
	}
	var keys []*jws.Key
	for i := range listed {
		if key, err := listed[i].Key(); err == nil {
			keys = append(keys, key)
		}
	}
	s.decoded.Add(strings.Clone(kid), keys) // it may be part of something large
	return keys
}
