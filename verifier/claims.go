package verifier

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

// Claims are what a verified token says. They are a small value that can't be changed:
// pass and keep them as they are. They're safe for concurrent use, and lists are returned
// as copies. A claim that the token doesn't have is zero, and so is every claim of the
// zero Claims, which stand for no caller.
type Claims struct{ data *claims }

type claims struct {
	issuer, subject, id, acr    string
	clientID, authorizedParty   string
	audience                    []string // nil when there is no aud
	expiry, notBefore, issuedAt time.Time
	authTime                    time.Time
	scopes, permissions         []string
	senderConstrained           bool
	leeway                      time.Duration
	baseline                    *Requirement // what the verifier asks of every token
	payload                     string
}

// IsZero reports whether c stands for no caller.
func (c Claims) IsZero() bool { return c.data == nil }

var noClaims claims

func (c Claims) get() *claims {
	if c.data == nil {
		return &noClaims
	}
	return c.data
}

// Issuer returns iss, the configured issuer.
func (c Claims) Issuer() string { return c.get().issuer }

// Subject returns sub, whose meaning is the issuer's: callers from two issuers may share
// one. In a delegated token it's the one acted for; act is not interpreted (RFC 8693,
// section 4.1).
func (c Claims) Subject() string { return c.get().subject }

// ClientID returns the OAuth client that the token was issued to: client_id (RFC 9068,
// section 2.2), or azp where there is none.
func (c Claims) ClientID() string { return cmp.Or(c.get().clientID, c.get().authorizedParty) }

// ID returns jti.
func (c Claims) ID() string { return c.get().id }

// Audience returns all members of aud.
func (c Claims) Audience() []string { return slices.Clone(c.get().audience) }

// Expiry returns exp, in whole seconds.
func (c Claims) Expiry() time.Time { return c.get().expiry }

// NotBefore returns nbf, or the zero time.
func (c Claims) NotBefore() time.Time { return c.get().notBefore }

// IssuedAt returns iat, or the zero time.
func (c Claims) IssuedAt() time.Time { return c.get().issuedAt }

// ACR returns acr, the class of the user's authentication. What its values mean is
// between the issuer and the service.
func (c Claims) ACR() string { return c.get().acr }

// AuthTime returns auth_time, when the user authenticated, or the zero time.
func (c Claims) AuthTime() time.Time { return c.get().authTime }

// ValidUntil returns the first instant at which the verifier refuses the token: its
// expiry plus the verifier's leeway.
func (c Claims) ValidUntil() time.Time { return c.get().expiry.Add(c.get().leeway) }

// Scopes returns what the claim named by [Config].ScopeClaim grants.
func (c Claims) Scopes() []string { return slices.Clone(c.get().scopes) }

// Permissions returns what the claim named by [Config].PermissionsClaim grants.
func (c Claims) Permissions() []string { return slices.Clone(c.get().permissions) }

// HasScope reports whether the token grants exactly this scope, in this case.
func (c Claims) HasScope(scope string) bool { return slices.Contains(c.get().scopes, scope) }

// HasPermission reports whether the token grants exactly this permission, in this case.
func (c Claims) HasPermission(permission string) bool {
	return slices.Contains(c.get().permissions, permission)
}

// String returns only the token's ID and issuer, so that logging claims reveals nothing
// about the user.
func (c Claims) String() string { return fmt.Sprintf("token %q of %s", c.get().id, c.get().issuer) }

// Decode stores all of the token's claims in dst, a pointer to a struct or map. Names are
// matched in their exact case. Errors may quote claim values: they are not for callers.
func (c Claims) Decode(dst any) error { return json.Unmarshal([]byte(c.get().payload), dst) }

// A claimsReader knows where an issuer writes its claims, and what they're held to.
type claimsReader struct {
	scopes, permissions claimPath
	leeway              time.Duration
	baseline            *Requirement
}

func newClaimsReader(config Config) (r claimsReader, err error) {
	if r.scopes, err = parseClaimPath(config.ScopeClaim); err != nil {
		return r, fmt.Errorf("Config.ScopeClaim: %w", err)
	}
	if r.permissions, err = parseClaimPath(config.PermissionsClaim); err != nil {
		return r, fmt.Errorf("Config.PermissionsClaim: %w", err)
	}
	r.leeway = config.Leeway
	baseline := config.Require // not a part of anything larger, which claims would keep alive
	r.baseline = &baseline
	return r, nil
}

// read reads a payload whose signature has been verified.
func (r *claimsReader) read(payload string) (Claims, *AuthError) {
	c := &claims{payload: payload, leeway: r.leeway, baseline: r.baseline}
	shaped := true
	wellFormed := strictjson.Members(payload, maxPayloadDepth, func(name, value string) {
		shaped = c.set(name, value) && shaped
		if r.scopes.startsWith(name) {
			c.scopes = words(r.scopes.in(value))
		}
		if r.permissions.startsWith(name) {
			c.permissions = words(r.permissions.in(value))
		}
	})
	if !wellFormed {
		return Claims{}, refuse(CodeMalformedToken, "the token payload is not a valid JSON object")
	}
	if !shaped {
		return Claims{}, refuse(CodeMalformedToken, "a registered claim has the wrong type")
	}
	return Claims{c}, nil
}

// set reads one member of the payload. It isn't ok if the member has the wrong type.
func (c *claims) set(name, value string) (ok bool) {
	ok = true
	switch name {
	case "iss":
		c.issuer, ok = strictjson.Text(value)
	case "sub":
		c.subject, ok = strictjson.Text(value)
	case "client_id":
		c.clientID, ok = strictjson.Text(value)
	case "azp":
		c.authorizedParty, ok = strictjson.Text(value)
	case "jti":
		c.id, ok = strictjson.Text(value)
	case "aud":
		c.audience, ok = audience(value)
	case "exp":
		c.expiry, ok = numericDate(value)
		c.expiry = c.expiry.Truncate(time.Second)
	case "nbf":
		c.notBefore, ok = numericDate(value)
	case "iat":
		c.issuedAt, ok = numericDate(value)
	case "acr":
		c.acr, ok = strictjson.Text(value)
	case "auth_time":
		c.authTime, ok = numericDate(value)
	case "cnf":
		c.senderConstrained = true
	}
	return ok
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
