package jwks

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

const (
	maxListedKeys = 4096 // per document: examining a key costs more than its bytes
	maxSharedName = 16   // per name: an issuer needs at most one for each algorithm
	maxBrokenKeys = 64   // tried while looking for a usable one
)

// A Set is one JWK Set document (RFC 7517, section 5). It never changes and is safe for
// concurrent use.
//
// Keys are decoded on first use and kept while they're used. An unknown, unfit or broken key has no
// effect on the others.
type Set struct {
	Since time.Time // when it was first read

	keys    []jws.JWK            // sorted by kid, which several may share
	byPrint map[string][]jws.JWK // by x5t and x5t#S256, if there are any

	isLocal bool // the issuer is on this host

	decoded recentKeys
	mu      sync.Mutex // held while decoding, so each key is one object
}

// ParseSet parses an issuer's JWK Set. It reads the document leniently, for the sake of its good
// keys, and each key strictly. A document without any usable key is an error, because it must not
// replace a set that has one.
func ParseSet(document []byte, issuer string) (*Set, error) {
	texts, err := readKeys(document)
	if err != nil {
		return nil, errors.New("not a JWK Set document")
	}
	if len(texts) > maxListedKeys {
		return nil, errors.New("the key set has too many keys")
	}
	keys := make([]jws.JWK, len(texts))
	for i, text := range texts {
		keys[i] = jws.ReadJWK(text)
	}
	jws.MarkPublished(keys)
	set := &Set{Since: time.Now(), keys: keys, isLocal: isLocal(issuer)}
	if err := set.checkUsable(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(keys, func(a, b jws.JWK) int { return strings.Compare(a.Kid, b.Kid) })
	for _, key := range keys {
		for _, thumbprint := range []string{key.X5T, key.X5TS256} {
			if thumbprint != "" {
				if set.byPrint == nil {
					set.byPrint = make(map[string][]jws.JWK)
				}
				set.byPrint[thumbprint] = append(set.byPrint[thumbprint], key)
			}
		}
	}
	return set, nil
}

// readKeys returns the keys in a document, as they are written. The last list counts. It has no use
// for [json.Unmarshal], which would make every server larger.
func readKeys(document []byte) (keys []string, err error) {
	found, err := readMembers(document, "keys")
	if err != nil {
		return nil, err
	}
	for _, list := range found["keys"] {
		if keys, err = readElements(list); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// checkUsable returns an error unless one key is usable. It gives up after 64 broken keys, since
// decoding one can take as long as checking a signature.
func (s *Set) checkUsable() error {
	tried := 0
	err := errors.New("it lists none")
	for i := range s.keys {
		var key *jws.Key
		if key, err = s.usable(&s.keys[i]); key != nil {
			return nil
		}
		if s.keys[i].IsDecodable() {
			tried++
		}
		if tried == maxBrokenKeys {
			break
		}
	}
	return fmt.Errorf("the key set has no usable key: %w", err)
}

// usable decodes a key, or says why it can't verify signatures. A key whose private half is
// public is accepted only from an issuer on this host.
func (s *Set) usable(listed *jws.JWK) (*jws.Key, error) {
	key, err := listed.Key()
	if err != nil {
		return nil, err
	}
	if where := key.LeakedIn(); where != "" && !s.isLocal {
		return nil, fmt.Errorf("its private key is published in %s, so an attacker can sign with it: "+
			"give the issuer a key of its own", where)
	}
	return key, nil
}

// merge returns the set to use after s. If both list the same keys, in any order, it returns s.
// Unchanged keys under unchanged names remain the same objects, so a pointer to a key shows
// whether it is still valid.
func (s *Set) merge(next *Set) *Set {
	if s.equal(next) {
		return s
	}
	for _, d := range s.decoded.oldestFirst() {
		if sameKeys(s.candidates(d.name), next.candidates(d.name)) {
			next.decoded.add(d.name, d.keys)
		}
	}
	return next
}

// equal compares the keys under each kid.
func (s *Set) equal(next *Set) bool {
	if len(s.keys) != len(next.keys) {
		return false
	}
	for i := 0; i < len(s.keys); {
		keys := s.withKid(s.keys[i].Kid)
		if !sameKeys(keys, next.withKid(s.keys[i].Kid)) {
			return false
		}
		i += len(keys)
	}
	return true
}

func sameKeys(a, b []jws.JWK) bool {
	isIn := func(list []jws.JWK) func(jws.JWK) bool {
		return func(key jws.JWK) bool { return !slices.Contains(list, key) }
	}
	return len(a) == len(b) && (slices.Equal(a, b) ||
		len(a) <= maxSharedName && !slices.ContainsFunc(a, isIn(b)) && !slices.ContainsFunc(b, isIn(a)))
}

// candidates returns the listed keys with a name, usable or not.
func (s *Set) candidates(name Name) []jws.JWK {
	switch name.by {
	case "kid":
		return s.withKid(name.value)
	case "x5t":
		if keys := s.byPrint[name.value]; len(keys) > 0 {
			return keys
		}
		return s.withKid(name.value)
	}
	var keys []jws.JWK
	for i := range s.keys {
		if s.keys[i].MayFit(name.value) {
			keys = append(keys, s.keys[i])
		}
		if len(keys) > maxSharedName { // too many, however many more there are
			break
		}
	}
	return keys
}

func (s *Set) withKid(kid string) []jws.JWK {
	first, ok := slices.BinarySearchFunc(s.keys, kid, func(key jws.JWK, kid string) int {
		return strings.Compare(key.Kid, kid)
	})
	if !ok {
		return nil
	}
	end := first + 1
	for end < len(s.keys) && s.keys[end].Kid == kid {
		end++
	}
	return s.keys[first:end]
}

// Len returns the number of listed keys, usable or not.
func (s *Set) Len() int { return len(s.keys) }

// Usable returns the number of keys that look usable, although some may still fail to decode.
func (s *Set) Usable() (n int) {
	for i := range s.keys {
		if s.keys[i].IsDecodable() {
			n++
		}
	}
	return n
}

// Has reports whether the document lists a key with this name, usable or not.
func (s *Set) Has(name Name) bool { return len(s.candidates(name)) > 0 }

// Key returns the only key with this name that fits the algorithm. It returns nil if none fits,
// and also if two different keys do: choosing would be guessing.
func (s *Set) Key(name Name, alg string) (found *jws.Key) {
	for _, candidate := range s.decode(name) {
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

// Why explains why [Set.Key] returned nil.
func (s *Set) Why(name Name, alg string) error {
	candidates := s.candidates(name)
	if len(candidates) == 0 {
		return ErrNotListed
	}
	if len(candidates) > maxSharedName {
		if name.by == "alg" {
			return ErrUnnamed
		}
		return fmt.Errorf("the issuer lists %d keys with that %s, which is too many", len(candidates), name.by)
	}
	fitting := 0
	var problem error
	for i := range candidates {
		key, err := s.usable(&candidates[i])
		switch {
		case err != nil:
			problem = err
		case !key.Fits(alg):
			problem = errors.New("it's for another algorithm")
		default:
			fitting++
		}
	}
	switch {
	case fitting > 1 && name.by == "alg":
		return ErrUnnamed
	case fitting > 1:
		return ErrAmbiguous
	}
	return fmt.Errorf("the issuer lists the key, but it's unusable: %w", problem)
}

// The most common errors from [Set.Why].
var (
	ErrNotListed = errors.New("the issuer doesn't list the key")
	ErrUnnamed   = errors.New("the token names no key, and several of the issuer's fit: " +
		"have the issuer write kid into its tokens")
	ErrAmbiguous = errors.New("several of the issuer's keys have that name and fit: " +
		"have the issuer give each a kid of its own")
)

// Holds reports whether key is still listed under this name, as the same object.
func (s *Set) Holds(name Name, key *jws.Key) bool {
	keys, _ := s.decoded.get(name)
	return slices.Contains(keys, key)
}

// decode returns the usable keys with this name, or nil if more than 16 keys share it.
func (s *Set) decode(name Name) []*jws.Key {
	if keys, ok := s.decoded.get(name); ok {
		return keys
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if keys, ok := s.decoded.get(name); ok {
		return keys
	}
	candidates := s.candidates(name)
	if len(candidates) == 0 || len(candidates) > maxSharedName {
		return nil
	}
	var keys []*jws.Key
	for i := range candidates {
		if key, err := s.usable(&candidates[i]); err == nil {
			keys = append(keys, key)
		}
	}
	s.decoded.add(name.Clone(), keys)
	return keys
}
