package verifier

import (
	"bytes"
	"errors"
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

// A keySet is one JWK Set document (RFC 7517, section 5). It never changes.
//
// Its keys are decoded when they are first asked for, and as many as MaxKeys are
// kept. A key that is unknown, unfit or broken does not spoil the others.
type keySet struct {
	jwks  map[string][][]byte // the raw keys by key ID; two may share one
	since time.Time           // when it was first fetched

	decoded *lru.Cache[string, []*jws.Key] // by key ID
	mu      sync.Mutex                     // held while decoding, so that a key is one object
}

// maxSharedKid bounds the keys of one ID. An issuer has no reason for more than one
// of each algorithm.
const maxSharedKid = 16

// maxListedKeys bounds the keys of a document, of whatever kind: to look at each costs
// more than its bytes.
const maxListedKeys = 4096

// parseKeySet reads a document: leniently, for the sake of the good keys in it, while
// each key is read strictly. One without a single usable key is an error, since it
// must not replace a set that has some.
func parseKeySet(raw []byte, maxKeys int) (*keySet, error) {
	var document struct {
		Keys []jsontext.Value `json:"keys"`
	}
	err := json.Unmarshal(raw, &document,
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return nil, errors.New("not a JWK Set document")
	}
	if len(document.Keys) > maxListedKeys {
		return nil, errors.New("the key set has too many keys")
	}
	if !slices.ContainsFunc(document.Keys, isUsable) {
		return nil, errors.New("the key set has no usable key")
	}
	decoded, err := lru.New[string, []*jws.Key](maxKeys)
	if err != nil {
		return nil, err
	}
	set := &keySet{jwks: make(map[string][][]byte), since: time.Now(), decoded: decoded}
	for _, jwk := range document.Keys {
		kid := jws.KeyID(jwk)
		set.jwks[kid] = append(set.jwks[kid], jwk)
	}
	return set, nil
}

func isUsable(jwk jsontext.Value) bool {
	return jws.KeyID(jwk) != "" && jws.ParseKey(jwk) != nil
}

// heir returns the set to use after s, which is s itself when nothing has changed. A
// key whose bytes are the same under the same ID stays the same object, so that
// whoever holds one can compare pointers to see that it is still there.
func (s *keySet) heir(next *keySet) *keySet {
	if maps.EqualFunc(s.jwks, next.jwks, equalKeys) {
		return s
	}
	for _, kid := range s.decoded.Keys() {
		keys, ok := s.decoded.Peek(kid)
		if ok && equalKeys(s.jwks[kid], next.jwks[kid]) {
			next.decoded.Add(kid, keys)
		}
	}
	return next
}

func equalKeys(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

// size counts the keys that the document lists, usable or not.
func (s *keySet) size() (n int) {
	for _, jwks := range s.jwks {
		n += len(jwks)
	}
	return n
}

// has reports whether the document lists a key of this ID, usable or not.
func (s *keySet) has(kid string) bool {
	_, ok := s.jwks[kid]
	return ok
}

// key returns the one key of this ID that fits the algorithm. It returns nil when
// there is none, and also when two different ones fit: choosing would be guessing.
func (s *keySet) key(kid, alg string) (found *jws.Key) {
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

// holds reports whether key is one of this ID, and the same object.
func (s *keySet) holds(kid string, key *jws.Key) bool {
	keys, _ := s.decoded.Get(kid)
	return slices.Contains(keys, key)
}

// keys returns the usable keys of this ID.
func (s *keySet) keys(kid string) []*jws.Key {
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
	var keys []*jws.Key
	for _, jwk := range jwks {
		if key := jws.ParseKey(jwk); key != nil {
			keys = append(keys, key)
		}
	}
	s.decoded.Add(strings.Clone(kid), keys) // it may be a part of something large
	return keys
}
