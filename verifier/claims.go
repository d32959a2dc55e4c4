package verifier

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

// Claims are what a verified token says. They can't be changed, and are safe for concurrent
// use: lists are returned as copies, and claims may be kept and shared, by their pointer. A
// claim that the token doesn't have is zero, and so is every claim of a nil or zero Claims
// and of a copy.
type Claims struct{ data *claims }

type claims struct {
	self *Claims // so that no other Claims can take this one's place

	issuer, subject, id, acr    string
	clientID, authorizedParty   string
	audience                    []string // nil when there is no aud
	expiry, notBefore, issuedAt time.Time
	authTime                    time.Time
	scopes, permissions         []string
	senderConstrained           bool
	isIDToken                   bool
	hasScopes, hasPermissions   bool // whether there is a claim that could grant them
	hasSCP                      bool
	rules                       *claimRules
	payload                     string
}

// claimRules are what a verifier reads claims by. They're part of nothing larger, which
// claims that are kept would keep alive.
type claimRules struct {
	scopeClaim, permissionsClaim string
	scopes, permissions          claimPath
	leeway                       time.Duration
	recheck                      time.Duration
	baseline                     Requirement // asked of every token
}

// newClaims returns claims to be filled in.
func newClaims() *Claims {
	var c struct { // one allocation
		Claims
		claims
	}
	c.Claims.data, c.self = &c.claims, &c.Claims
	return &c.Claims
}

var noClaims = claims{rules: &claimRules{}}

// get returns what c says. Claims are shared between calls, so what was assigned to *c must
// not count: it would be another caller's.
func (c *Claims) get() *claims {
	if c == nil || c.data == nil || c.data.self != c {
		return &noClaims
	}
	return c.data
}

// IsZero reports whether c says nothing: it's nil, zero, or a copy.
func (c *Claims) IsZero() bool { return c.get() == &noClaims }

// Issuer returns iss, the configured issuer.
func (c *Claims) Issuer() string { return c.get().issuer }

// Subject returns sub, whose meaning is the issuer's: callers from two issuers may share
// one. In a delegated token it's the one acted for; act is not interpreted (RFC 8693,
// section 4.1).
func (c *Claims) Subject() string { return c.get().subject }

// ClientID returns the OAuth client that the token was issued to: client_id (RFC 9068,
// section 2.2), or azp where there is none.
func (c *Claims) ClientID() string { return cmp.Or(c.get().clientID, c.get().authorizedParty) }

// ID returns jti.
func (c *Claims) ID() string { return c.get().id }

// Audience returns all members of aud.
func (c *Claims) Audience() []string { return slices.Clone(c.get().audience) }

// Expiry returns exp, in whole seconds.
func (c *Claims) Expiry() time.Time { return c.get().expiry }

// NotBefore returns nbf, or the zero time.
func (c *Claims) NotBefore() time.Time { return c.get().notBefore }

// IssuedAt returns iat, or the zero time.
func (c *Claims) IssuedAt() time.Time { return c.get().issuedAt }

// ACR returns acr, the class of the user's authentication. What its values mean is
// between the issuer and the service.
func (c *Claims) ACR() string { return c.get().acr }

// AuthTime returns auth_time, when the user authenticated, or the zero time.
func (c *Claims) AuthTime() time.Time { return c.get().authTime }

// ValidUntil returns the first instant at which the verifier refuses the token: its
// expiry plus the verifier's leeway.
func (c *Claims) ValidUntil() time.Time { return c.get().expiry.Add(c.get().rules.leeway) }

// Recheck returns how long a call may go on before its token should be verified again: its
// key may be withdrawn meanwhile. It's [Config].KeysTTL, and 0 means never. It's for adapters.
func (c *Claims) Recheck() time.Duration { return c.get().rules.recheck }

// Scopes returns what the claim named by [Config].ScopeClaim grants.
func (c *Claims) Scopes() []string { return slices.Clone(c.get().scopes) }

// Permissions returns what the claim named by [Config].PermissionsClaim grants.
func (c *Claims) Permissions() []string { return slices.Clone(c.get().permissions) }

// HasScope reports whether the token grants exactly this scope, in this case.
func (c *Claims) HasScope(scope string) bool { return slices.Contains(c.get().scopes, scope) }

// HasPermission reports whether the token grants exactly this permission, in this case.
func (c *Claims) HasPermission(permission string) bool {
	return slices.Contains(c.get().permissions, permission)
}

// String returns only the token's ID and issuer, so that logging claims reveals nothing
// about the user.
func (c *Claims) String() string {
	return fmt.Sprintf("token %q of %s", field.Printable(c.get().id), c.get().issuer)
}

// Decode stores all of the token's claims in dst, a pointer to a struct or map. Names are
// matched in their exact case. Errors may quote claim values: they are not for callers.
func (c *Claims) Decode(dst any) error { return json.Unmarshal([]byte(c.get().payload), dst) }

// compile reads the paths to the claims that grant something.
func (r *claimRules) compile() (err error) {
	if r.scopes, err = parseClaimPath(r.scopeClaim); err != nil {
		return fmt.Errorf("Config.ScopeClaim: %w", err)
	}
	if r.permissions, err = parseClaimPath(r.permissionsClaim); err != nil {
		return fmt.Errorf("Config.PermissionsClaim: %w", err)
	}
	return nil
}

// read reads a payload. What it says is not to be believed before its signature is verified.
func (r *claimRules) read(payload string) (*Claims, *AuthError) {
	all := newClaims()
	c := all.data
	c.payload, c.rules = payload, r
	var misshapen string
	wellFormed := strictjson.Members(payload, maxPayloadDepth, func(name, value string) {
		if !c.set(name, value) {
			misshapen = name
		}
		if r.scopes.startsWith(name) {
			granted := r.scopes.in(value)
			c.scopes, c.hasScopes = words(granted), granted != ""
		}
		if r.permissions.startsWith(name) {
			granted := r.permissions.in(value)
			c.permissions, c.hasPermissions = words(granted), granted != ""
		}
	})
	if !wellFormed {
		return nil, notObject("payload")
	}
	if misshapen != "" {
		return nil, refuse(CodeMalformedToken, "a registered claim has the wrong type").because(
			"%s", describeShape(misshapen))
	}
	return all, nil
}

// set reads one member of the payload. It isn't ok if a member that decides about the token
// has the wrong type. Other members with a wrong type read as absent, and whatever needs
// them then fails: AD FS writes auth_time as a date (RFC 7519, section 4).
func (c *claims) set(name, value string) (ok bool) {
	ok = true
	switch name {
	case "iss":
		c.issuer, ok = strictjson.Text(value)
	case "aud":
		c.audience, ok = audience(value)
	case "exp":
		c.expiry, ok = numericDate(value)
		c.expiry = c.expiry.Truncate(time.Second)
	case "nbf":
		c.notBefore, ok = numericDate(value)
	case "sub":
		if c.subject, ok = strictjson.Text(value); !ok && isDecimal(value) {
			c.subject = value
		}
		ok = true
	case "client_id":
		c.clientID, _ = strictjson.Text(value)
	case "azp":
		c.authorizedParty, _ = strictjson.Text(value)
	case "jti":
		c.id, _ = strictjson.Text(value)
	case "acr":
		c.acr, _ = strictjson.Text(value)
	case "iat":
		c.issuedAt, _ = numericDate(value)
	case "auth_time":
		c.authTime, _ = numericDate(value)
	case "cnf":
		c.senderConstrained = true
	case "at_hash", "c_hash":
		c.isIDToken = c.isIDToken || isHalfHash(value)
	case "scp":
		c.hasSCP = true
	}
	return ok
}

// isDecimal reports whether a value is a whole number, as some issuers write sub.
func isDecimal(value string) bool {
	digits := strings.TrimPrefix(value, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// isHalfHash reports whether a value is the left half of a hash, as only ID tokens have one
// in at_hash and c_hash (OpenID Connect Core 1.0, sections 3.1.3.6 and 3.3.2.11).
func isHalfHash(value string) bool {
	text, _ := strictjson.Text(value)
	half, err := segmentEncoding.DecodeString(text)
	return err == nil && slices.Contains([]int{16, 24, 32}, len(half))
}

func audience(value string) ([]string, bool) {
	if s, ok := strictjson.Text(value); ok {
		return []string{s}, true
	}
	return strictjson.Texts(value)
}

// words reads a space-delimited string, an array of strings, or the names of roles.
// Any other shape grants nothing.
func words(value string) []string {
	if s, ok := strictjson.Text(value); ok {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' })
	}
	if strings.HasPrefix(value, "{") {
		return roles(value)
	}
	list, _ := strictjson.Texts(value)
	return list
}

// roles reads ZITADEL's {"role": {"orgID": ...}}. A role without an organization means the
// object is something else and grants nothing.
func roles(object string) []string {
	var list []string
	granted := true
	strictjson.Members(object, maxPayloadDepth, func(name, value string) {
		organizations := 0
		strictjson.Members(value, maxPayloadDepth, func(_, _ string) { organizations++ })
		granted = granted && organizations > 0
		list = append(list, name)
	})
	if !granted {
		return nil
	}
	return list
}

// numericDate reads seconds since the epoch (RFC 7519, section 2).
func numericDate(value string) (time.Time, bool) {
	seconds, ok := strictjson.Number(value)
	if !ok {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}

// A claimPath says where a claim stands: the names to follow from the payload downwards.
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

// in follows the path from the value of its first name. It returns "" where it leads
// nowhere. Only objects are descended into: issuers keep no grants in arrays of objects.
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
