package dpop

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// origins are Config.Origins, normalized and without a slash at the end.
type origins []string

func newOrigins(configured []string) (all origins, err error) {
	for _, origin := range configured {
		normal, ok := normalize(origin)
		if !ok || strings.ContainsAny(origin, "?#") {
			return nil, fmt.Errorf("Config.Origins: %q is not an http or https URL "+
				"without user, query and fragment", origin)
		}
		all = append(all, strings.TrimSuffix(normal, "/"))
	}
	return all, nil
}

// match reports whether a proof's htu names a path at one of the origins. It ignores the
// query and the fragment (RFC 9449, section 4.3, point 9).
func (o origins) match(htu, path string) bool {
	isAt := func(uri string) bool {
		return slices.ContainsFunc(o, func(origin string) bool {
			return len(uri) == len(origin)+len(path) && strings.HasPrefix(uri, origin) && strings.HasSuffix(uri, path)
		})
	}
	if isAt(htu) { // as most clients write it
		return true
	}
	normal, ok := normalize(htu)
	if !ok {
		return false
	}
	return isAt(normal) || slices.ContainsFunc(o, func(origin string) bool {
		want, ok := normalize(origin + path)
		return ok && want == normal
	})
}

// normalize returns an http or https URI without query and fragment in the one spelling that all
// equal ones share, by syntax and by scheme (RFC 3986, sections 6.2.2 and 6.2.3). It returns false
// for any other text, and for a URI with a user.
//
// An escaped reserved character stays escaped: "%2F" is part of a segment, and no slash.
func normalize(uri string) (string, bool) {
	uri, _, _ = strings.Cut(uri, "#")
	uri, _, _ = strings.Cut(uri, "?")
	scheme, rest, ok := strings.Cut(uri, "://")
	authority, path := rest, "/"
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		authority, path = rest[:slash], rest[slash:]
	}
	var port string
	switch {
	case !ok:
		return "", false
	case isASCIIFold(scheme, "https"):
		scheme, port = "https", "443"
	case isASCIIFold(scheme, "http"):
		scheme, port = "http", "80"
	default:
		return "", false
	}
	host, hostOK := normalizeAuthority(authority, port)
	path, pathOK := unescape(path, isPathChar, false)
	return scheme + "://" + host + removeDotSegments(path), hostOK && pathOK
}

// isASCIIFold is [strings.EqualFold] without its non-ASCII letters, such as the long s.
func isASCIIFold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		if s[i] != lower[i] && s[i] != lower[i]-'a'+'A' {
			return false
		}
	}
	return true
}

// normalizeAuthority returns a host and its port, if that isn't the scheme's own.
func normalizeAuthority(authority, defaultPort string) (string, bool) {
	host, port := authority, ""
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
		host, port = authority[:colon], authority[colon+1:]
	}
	if strings.Trim(port, "0123456789") != "" {
		return "", false
	}
	var ok bool
	if literal, found := strings.CutPrefix(host, "["); found {
		literal, ok = strings.CutSuffix(literal, "]")
		address, err := netip.ParseAddr(literal)
		ok = ok && err == nil && address.Is6() && address.Zone() == ""
		host = strings.ToLower(host)
	} else {
		host, ok = unescape(host, isHostChar, true)
	}
	if port != "" && port != defaultPort {
		host += ":" + port
	}
	return host, ok && host != "" && host[0] != ':'
}

// unescape decodes escaped unreserved characters, and writes other escapes in upper case (RFC
// 3986, sections 6.2.2.1 and 6.2.2.2). If lower is set, letters become lower-case. It returns false
// if s holds anything but escapes and allowed characters.
func unescape(s string, isAllowed func(byte) bool, lower bool) (string, bool) {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) {
				return "", false
			}
			high, low := unhex(s[i+1]), unhex(s[i+2])
			if high < 0 || low < 0 {
				return "", false
			}
			i += 2
			if c = byte(high<<4 | low); !isUnreserved(c) { //nolint:gosec // two hex digits
				b = append(b, '%', hex[high], hex[low])
				continue
			}
		} else if !isAllowed(c) {
			return "", false
		}
		if lower && 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return string(b), true
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	default:
		return -1
	}
}

func isUnreserved(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("-._~", c) >= 0
}

// isHostChar follows the reg-name in RFC 3986, section 3.2.2. There's no "@", so no user.
func isHostChar(c byte) bool { return isUnreserved(c) || strings.IndexByte("!$&'()*+,;=", c) >= 0 }

// isPathChar follows the path-absolute in RFC 3986, section 3.3.
func isPathChar(c byte) bool { return isHostChar(c) || c == ':' || c == '@' || c == '/' }

// removeDotSegments follows RFC 3986, section 5.2.4, for a path that begins with a slash.
func removeDotSegments(path string) string {
	if !strings.Contains(path, "/.") {
		return path
	}
	segments := strings.Split(path, "/")[1:]
	kept := make([]string, 0, len(segments))
	for i, segment := range segments {
		switch segment {
		case ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
			continue
		}
		if i == len(segments)-1 {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}
