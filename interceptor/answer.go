package interceptor

import (
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/kept"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// An answer is what all refusals of one shape have in common. Floods are made of refused calls, so
// it's made once and kept. Nothing in it ever changes, and no caller gets its memory.
type answer struct {
	shape     shape // it's for
	code      Code
	message   string
	challenge string
	infoType  string // of the ErrorInfo; "" if it can't be encoded, and then there's none
	info      string
}

// A shape is everything that an answer depends on, besides what [New] has fixed.
type shape struct {
	code                           verifier.Code
	message                        string
	scopes, permissions, acrValues []string
	maxAge                         time.Duration
	credential                     string // the label of its place
	takesOnlyDPoP                  bool
}

// A shape is kept up to this size. The answer for a larger one is made each time.
const (
	maxShapeBytes = 4 << 10
	wordBytes     = 16 // for each text, besides its bytes
)

// answers are those an Authenticator has made.
type answers struct{ table kept.Table[answer] }

// get returns the answer for a shape. It makes one that isn't kept.
func (a *answers) get(s *shape, newAnswer func() *answer) *answer {
	hash, size := s.hash()
	if known := a.table.Find(hash, func(known *answer) bool { return known.shape.equal(s) }); known != nil {
		return known
	}
	made := newAnswer()
	if size <= maxShapeBytes {
		made.shape = s.clone()
		a.table.Keep(hash, made)
	}
	return made
}

var shapeSeed = maphash.MakeSeed()

// hash returns the shape's hash, and how many bytes its texts take.
func (s *shape) hash() (hash uint64, size int) {
	var h maphash.Hash
	h.SetSeed(shapeSeed)
	write := func(text string) {
		_, _ = h.WriteString(text) // it never fails
		size += wordBytes + len(text)
	}
	write(string(s.code))
	write(s.message)
	write(s.credential)
	for _, list := range [...][]string{s.scopes, s.permissions, s.acrValues} {
		for _, text := range list {
			write(text)
		}
	}
	return h.Sum64(), size
}

func (s *shape) equal(other *shape) bool {
	return s.code == other.code && s.message == other.message && s.credential == other.credential &&
		s.takesOnlyDPoP == other.takesOnlyDPoP && s.maxAge == other.maxAge &&
		slices.Equal(s.scopes, other.scopes) && slices.Equal(s.permissions, other.permissions) &&
		slices.Equal(s.acrValues, other.acrValues)
}

// clone returns a copy that shares no memory with an error, which its receivers may change.
func (s *shape) clone() shape {
	c := *s
	c.code, c.message = verifier.Code(strings.Clone(string(s.code))), strings.Clone(s.message)
	for _, list := range []*[]string{&c.scopes, &c.permissions, &c.acrValues} {
		*list = slices.Clone(*list)
		for i, text := range *list {
			(*list)[i] = strings.Clone(text) // it may be part of something large
		}
	}
	return c
}
