package jwks

import (
	"slices"
	"strings"
	"sync"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// A Name identifies a key in the way a token does: by key ID, thumbprint or algorithm.
type Name struct {
	by    string
	value string
}

// ByKid names keys by key ID.
func ByKid(kid string) Name { return Name{"kid", kid} }

// ByThumbprint names keys by certificate thumbprint, x5t or x5t#S256. Some issuers publish the
// thumbprint only as the kid, so it is tried as a kid next.
func ByThumbprint(x5t string) Name { return Name{"x5t", x5t} }

// ByAlgorithm names the keys usable with an algorithm. A token without a kid means the issuer's
// only such key (OpenID Connect Core 1.0, section 10.1).
func ByAlgorithm(alg string) Name { return Name{"alg", jws.Canonical(alg)} }

// Clone returns a copy that shares no memory with a larger text.
func (n Name) Clone() Name { return Name{n.by, strings.Clone(n.value)} }

// maxDecodedNames limits the keys kept decoded. Keys with other names are decoded on each use.
const maxDecodedNames = 64

// recentKeys are the decoded keys under the names used last. Most issuers use one or two names, so
// a list is found through faster than a map, and takes less memory. It is safe for concurrent use.
type recentKeys struct {
	mu   sync.Mutex
	list []namedKeys // the latest first
}

type namedKeys struct {
	name Name
	keys []*jws.Key
}

func (r *recentKeys) get(name Name) (keys []*jws.Key, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.list, func(n namedKeys) bool { return n.name == name })
	if i < 0 {
		return nil, false
	}
	found := r.list[i]
	copy(r.list[1:i+1], r.list[:i])
	r.list[0] = found
	return found.keys, true
}

// add expects a name that isn't held.
func (r *recentKeys) add(name Name, keys []*jws.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == maxDecodedNames {
		r.list = r.list[:maxDecodedNames-1]
	}
	r.list = slices.Insert(r.list, 0, namedKeys{name, keys})
}

func (r *recentKeys) oldestFirst() []namedKeys {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Clone(r.list)
	slices.Reverse(list)
	return list
}
