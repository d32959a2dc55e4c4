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

// Claims are what a verified token says. They are immutable and safe for
// concurrent use: slices are returned as copies, and claims may be kept and
// shared. Absent claims are zero values.
type Claims struct {
	issuer, subject, id, acr    string
	clientID, authorizedParty   string
	audience                    []string // nil when there is no aud
	expiry, notBefore, issuedAt time.Time
	authTime                    time.Time
	scopes, permissions         []string
	senderConstrained           bool
	leeway                      time.Duration
	baseline                    *Requirement // what the verifier asked; nil without one
	payload                     string
}

// Issuer returns iss, the configured issuer.
func (c *Claims) Issuer() string { return c.issuer }

// Subject returns sub, whose meaning is the issuer's. In a delegated token it is
// the one acted for; act is not interpreted (RFC 8693, section 4.1).
func (c *Claims) Subject() string { return c.subject }

// ClientID returns the OAuth client that the token was issued to: client_id (RFC
// 9068, section 2.2), or azp where there is none.
func (c *Claims) ClientID() string { return cmp.Or(c.clientID, c.authorizedParty) }

// ID returns jti.
func (c *Claims) ID() string { return c.id }

// Audience returns all members of aud.
func (c *Claims) Audience() []string { return slices.Clone(c.audience) }

// Expiry returns exp, in whole seconds.
func (c *Claims) Expiry() time.Time { return c.expiry }

// NotBefore returns nbf, or the zero time.
func (c *Claims) NotBefore() time.Time { return c.notBefore }

// IssuedAt returns iat, or the zero time.
func (c *Claims) IssuedAt() time.Time { return c.issuedAt }

// ACR returns acr, the class of the user's authentication. What its values mean is
// between the issuer and the service.
func (c *Claims) ACR() string { return c.acr }

// AuthTime returns auth_time, when the user authenticated, or the zero time.
func (c *Claims) AuthTime() time.Time { return c.authTime }

// ValidUntil returns the first instant at which the verifier refuses the token:
// its expiry plus the verifier's leeway.
func (c *Claims) ValidUntil() time.Time { return c.expiry.Add(c.leeway) }

// Scopes returns what the claim named by [Config].ScopeClaim grants.
func (c *Claims) Scopes() []string { return slices.Clone(c.scopes) }

// Permissions returns what the claim named by [Config].PermissionsClaim grants.
func (c *Claims) Permissions() []string { return slices.Clone(c.permissions) }

// HasScope reports whether the token grants exactly this scope, in this case.
func (c *Claims) HasScope(scope string) bool { return slices.Contains(c.scopes, scope) }

// HasPermission reports whether the token grants exactly this permission, in this
// case.
func (c *Claims) HasPermission(permission string) bool {
	return slices.Contains(c.permissions, permission)
}

// String tells whose token it is of those that an issuer has signed, and no more: claims
// that reach a log by accident should not tell about people.
func (c *Claims) String() string { return fmt.Sprintf("token %q of %s", c.id, c.issuer) }

// Decode stores all of the token's claims in dst, a pointer to a struct or map.
// Names are matched in their exact case. Errors may quote claim values: they are
// not for callers.
func (c *Claims) Decode(dst any) error { return json.Unmarshal([]byte(c.payload), dst) }

// parseClaims reads a payload whose signature has been verified.
func (v *Verifier) parseClaims(c *Claims, payload string) *AuthError {
	*c = Claims{payload: payload, leeway: v.leeway, baseline: &v.require}
	shaped := true
	wellFormed := strictjson.Members(payload, maxPayloadDepth, func(name, value string) {
		ok := true
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
		shaped = shaped && ok
		if v.scopeClaim.startsWith(name) {
			c.scopes = words(v.scopeClaim.in(value))
		}
		if v.permissionsClaim.startsWith(name) {
			c.permissions = words(v.permissionsClaim.in(value))
		}
	})
	if !wellFormed {
		return refuse(CodeMalformedToken, "the token payload is not a valid JSON object")
	}
	if !shaped {
		return refuse(CodeMalformedToken, "a registered claim has the wrong type")
	}
	return nil
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

// roles reads the roles of ZITADEL: an object whose members have their names, and
// hold an object of the organizations that grant each. Where one is granted by none,
// it is another kind of object.
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
