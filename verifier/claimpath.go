package verifier

import (
	"fmt"
	"strings"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

// claimPath says where a claim stands: the names to follow from the payload
// downwards.
type claimPath []string

// parseClaimPath reads a claim's name, or a JSON Pointer (RFC 6901) when it starts
// with a slash.
func parseClaimPath(s string) (claimPath, error) {
	if !strings.HasPrefix(s, "/") {
		return claimPath{s}, nil
	}
	var path claimPath
	for part := range strings.SplitSeq(s[1:], "/") {
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		if strings.Count(part, "~") != strings.Count(part, "~0")+strings.Count(part, "~1") {
			return nil, fmt.Errorf("%q is not a JSON Pointer (RFC 6901)", s)
		}
		path = append(path, name)
	}
	return path, nil
}

func (p claimPath) startsWith(name string) bool { return name == p[0] }

// in follows the path from the value of its first name. It returns "" where it
// leads nowhere. Only objects are descended into: issuers keep no grants in
// arrays of objects.
func (p claimPath) in(value string) string {
	for _, name := range p[1:] {
		var found string
		strictjson.Members(value, maxPayloadDepth, func(candidate, value string) {
			if candidate == name {
				found = value
			}
		})
		value = found
	}
	return value
}
