package verifier

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

// Claims say who a caller is and what it may do: they are a verified token's contents, or what
// you vouch for with [NewClaims]. They are immutable and safe for concurrent use, and lists are
// returned as copies. Keep and share Claims by pointer, because a copied value is empty.
//
// An absent claim reads as its zero value, and so does every claim of a nil, zero or copied
// Claims.
type Claims struct{ data *claims }

type claims struct {
	*profile
	*parties

	self *Claims // detects a copied or overwritten Claims

	// hasBaseline stands beside self, so a call with a remembered token needn't load its rules.
	hasBaseline             bool
	isBound                 bool // it has cnf, whatever that says
	isIDToken               bool
	hasExpiry, neverExpires bool
	isEncoded               bool // the payload is, in base64url

	rules                       *claimRules
	expiry, notBefore, issuedAt date
	authTime                    date
	subject, id, sessionID      string
	payload                     string
}

// A profile is what several tokens often have in common.
type profile struct {
	issuer, acr               string
	clientID, authorizedParty string
	audience                  []string // nil if there is no aud
	scopes, permissions       []string
	hasScopes, hasPermissions bool // whether the claim that grants them is present
	hasSCP                    bool
}

// parties are in few tokens.
type parties struct {
	act          string // as written
	confirmation Confirmation
}

// claimRules say how a verifier reads claims. They contain nothing large, because claims keep
// them alive.
type claimRules struct {
	scopeClaim, permissionsClaim string
	scopes, permissions          claimPath
	leeway                       time.Duration
	recheck                      time.Duration
	baseline                     Requirement // required from every token
}

// newClaims returns Claims to fill in.
func newClaims() *Claims {
	var c struct { // a single allocation
		Claims
		claims
		profile
		parties
	}
	c.Claims.data, c.self = &c.claims, &c.Claims
	c.claims.profile, c.claims.parties = &c.profile, &c.parties
	return &c.Claims
}

var noClaims = claims{rules: &claimRules{}, profile: &profile{}, parties: &noParties}

var noParties parties

// get returns what c holds. Calls share Claims, so assigning to *c must have no effect: it would
// replace another caller's.
func (c *Claims) get() *claims {
	if c == nil || c.data == nil || c.data.self != c {
		return &noClaims
	}
	return c.data
}

// IsZero reports whether c is empty: nil, zero, or a copy.
func (c *Claims) IsZero() bool { return c.get() == &noClaims }

// Issuer returns iss, which always equals a [Config].Issuer unless the claims come from
// [NewClaims].
func (c *Claims) Issuer() string { return c.get().issuer }

// Subject returns sub, which is unique only within its issuer: two issuers may use the same value
// for different callers. In a delegated token it's the party acted for, and [Claims.Actor] is the
// other one (RFC 8693, section 4.1).
func (c *Claims) Subject() string { return c.get().subject }

// ClientID returns the OAuth client the token was issued to, which is client_id (RFC 9068,
// section 2.2), or azp if client_id is absent.
func (c *Claims) ClientID() string { return cmp.Or(c.get().clientID, c.get().authorizedParty) }

// ID returns jti.
func (c *Claims) ID() string { return c.get().id }

// SessionID returns sid, the user's session at the issuer (OpenID Connect Front-Channel Logout 1.0,
// section 3). It's unique only within its issuer, and ends with a logout.
func (c *Claims) SessionID() string { return c.get().sessionID }

// Audience returns aud as a list, even if the token holds a single string.
func (c *Claims) Audience() []string { return slices.Clone(c.get().audience) }

// Expiry returns exp, truncated to whole seconds. Only with [ClaimsConfig].AllowNoExpiry it may be
// the zero time.
func (c *Claims) Expiry() time.Time { return c.get().expiry.time() }

// NotBefore returns nbf, or the zero time.
func (c *Claims) NotBefore() time.Time { return c.get().notBefore.time() }

// IssuedAt returns iat, or the zero time.
func (c *Claims) IssuedAt() time.Time { return c.get().issuedAt.time() }

// ACR returns acr, the user's authentication context class. The issuer and the service agree on
// what its values mean.
func (c *Claims) ACR() string { return c.get().acr }

// AuthTime returns auth_time, when the user authenticated, or the zero time.
func (c *Claims) AuthTime() time.Time { return c.get().authTime.time() }

// ValidUntil returns the first instant at which the verifier refuses the token: exp plus
// [Config].Leeway. For claims without exp it's the end of the year 9999, which every comparison
// takes for never.
func (c *Claims) ValidUntil() time.Time {
	if c.get().neverExpires {
		return endOfTime
	}
	return c.Expiry().Add(c.get().rules.leeway)
}

// validFrom returns the first instant at which the verifier accepts the token.
func (c *Claims) validFrom() time.Time { return c.NotBefore().Add(-c.get().rules.leeway) }

// endOfTime is the last second that RFC 3339 can write.
var endOfTime = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)

// Recheck returns how long a call may run before its token should be verified again, because the
// key may have been withdrawn. It equals [Config].KeysTTL or [ClaimsConfig].Recheck, 0 means
// never, and only adapters need it.
func (c *Claims) Recheck() time.Duration { return c.get().rules.recheck }

// IsBound reports whether the token is bound to a key or a certificate, so a copy alone is of no use
// to a thief. Such claims come only from a VerifyBound, once the binding was proven, or from
// [NewBoundClaims].
func (c *Claims) IsBound() bool { return c.get().isBound }

// Confirmation returns what the token is bound to. It's zero for a bearer token.
func (c *Claims) Confirmation() Confirmation { return c.get().confirmation }

// Scopes returns the scopes granted by the claim [Config].ScopeClaim names.
func (c *Claims) Scopes() []string { return slices.Clone(c.get().scopes) }

// Permissions returns the permissions granted by the claim [Config].PermissionsClaim names.
func (c *Claims) Permissions() []string { return slices.Clone(c.get().permissions) }

// HasScope reports whether the token grants exactly this scope, compared case-sensitively.
func (c *Claims) HasScope(scope string) bool { return slices.Contains(c.get().scopes, scope) }

// HasPermission reports whether the token grants exactly this permission, compared
// case-sensitively.
func (c *Claims) HasPermission(permission string) bool {
	return slices.Contains(c.get().permissions, permission)
}

// String returns only the token's ID and issuer, so logging claims reveals nothing about the
// user.
func (c *Claims) String() string {
	return fmt.Sprintf("token %q of %s", field.Printable(c.get().id), field.Printable(c.get().issuer))
}

// compile parses the paths to the scopes and permissions, which are fields of config.
func (r *claimRules) compile(config string) (err error) {
	if r.scopes, err = parseClaimPath(r.scopeClaim); err != nil {
		return fmt.Errorf("%s.ScopeClaim: %w", config, err)
	}
	if r.permissions, err = parseClaimPath(r.permissionsClaim); err != nil {
		return fmt.Errorf("%s.PermissionsClaim: %w", config, err)
	}
	return nil
}

// read reads a payload, as parse does. The result can't be trusted until the signature is verified.
func (r *claimRules) read(payload string, members []member) (*Claims, *AuthError) {
	claims, misshapen, ok := r.parse(payload, members)
	if !ok {
		return nil, notObject("payload")
	}
	if misshapen != "" {
		return nil, refuse(CodeMalformedToken, "a registered claim has the wrong type").because(
			"%s", describeShape(misshapen))
	}
	return claims, nil
}

// parse reads an object, and returns false unless it's strict JSON. An object that was parsed before
// comes with its members, and any other with nil. It also returns the name of a claim that decides
// about the token but has the wrong type, or "".
func (r *claimRules) parse(object string, members []member) (all *Claims, misshapen string, ok bool) {
	all = newClaims()
	c := all.data
	c.payload, c.rules, c.hasBaseline = object, r, !r.baseline.IsZero()
	visit := func(name, value string) {
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
	}
	if members == nil {
		ok = strictjson.Members(object, maxPayloadDepth, visit)
		return all, misshapen, ok
	}
	for _, m := range members {
		visit(m.name, m.value)
	}
	return all, misshapen, true
}

// set reads one member. It returns false if a claim that decides about the token has the wrong
// type. Any other claim with a wrong type reads as absent, and whatever needs it then fails. AD
// FS, for example, writes auth_time as a date (RFC 7519, section 4).
func (c *claims) set(name, value string) (ok bool) {
	ok = true
	switch name {
	case "iss":
		c.issuer, ok = strictjson.Text(value)
	case "aud":
		c.audience, ok = strictjson.TextOrTexts(value)
	case "exp":
		c.expiry, ok = numericDate(value)
		c.hasExpiry = true
		c.expiry = c.expiry.truncated()
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
	case "sid":
		c.sessionID, _ = strictjson.Text(value)
	case "acr":
		c.acr, _ = strictjson.Text(value)
	case "iat":
		c.issuedAt, _ = numericDate(value)
	case "auth_time":
		c.authTime, _ = numericDate(value)
	case "cnf":
		c.isBound = true
		c.confirmation, _ = readConfirmation(value)
	case "at_hash", "c_hash":
		c.isIDToken = c.isIDToken || isHalfHash(value)
	case "act":
		c.act = value
	case "scp":
		c.hasSCP = true
	}
	return ok
}

// isDecimal reports whether value is a whole number. Some issuers write sub that way.
func isDecimal(value string) bool {
	digits := strings.TrimPrefix(value, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// isHalfHash reports whether value is the left half of a hash, as at_hash and c_hash are in ID
// tokens (OpenID Connect Core 1.0, sections 3.1.3.6 and 3.3.2.11).
func isHalfHash(value string) bool {
	text, _ := strictjson.Text(value)
	half, err := jws.Encoding.DecodeString(text)
	return err == nil && slices.Contains([]int{16, 24, 32}, len(half))
}

// words reads a space-delimited string, an array of strings, or an object of roles; any other
// shape grants nothing.
func words(value string) []string {
	if s, ok := strictjson.Text(value); ok {
		return fields(s)
	}
	if strings.HasPrefix(value, "{") {
		return roles(value)
	}
	list, _ := strictjson.Texts(value)
	return list
}

// fields splits a text at its spaces, and at no other white space.
func fields(s string) []string {
	n := 0
	for i := range len(s) {
		if s[i] != ' ' && (i == 0 || s[i-1] == ' ') {
			n++
		}
	}
	list := make([]string, n)
	for i := range list {
		list[i], s, _ = strings.Cut(strings.TrimLeft(s, " "), " ")
	}
	return list
}

// roles reads ZITADEL's {"role": {"orgID": ...}}. If any role lacks an organization, the object
// means something else and grants nothing.
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

// A claimPath locates a claim, as the names to follow from the payload down.
type claimPath []string

// parseClaimPath parses a claim name, or a JSON Pointer (RFC 6901) if it starts with a slash.
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

// in follows the path, starting with the value found under its first name. It returns "" if the
// path leads nowhere. Only objects are followed, since no issuer keeps grants in arrays of
// objects.
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
