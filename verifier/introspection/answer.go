package introspection

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/internal/strictjson"
	"github.com/oidcrpc/oidcrpc/verifier"
)

const maxDepth = 64

// A verdict is what an answer says about a token.
type verdict struct {
	claims *verifier.Claims // nil if the token is refused
	err    error            // why
	bytes  int              // the answer's length

	isInactive bool
	revoked    *verifier.Claims // of an inactive token that was active, and should still be; or nil
}

// rules say which answers make a token good.
type rules struct {
	config Config
	claims verifier.ClaimsConfig
}

func newRules(c Config) (*rules, error) {
	r := &rules{config: c, claims: verifier.ClaimsConfig{
		Issuer:           c.Issuer,
		ScopeClaim:       c.ScopeClaim,
		PermissionsClaim: c.PermissionsClaim,
		Leeway:           c.Leeway,
		Recheck:          streamLook(c.CacheTTL),
		Require:          c.Require,
		AllowNoExpiry:    true, // see [rules.check]
	}}
	if _, err := verifier.NewClaims([]byte("{}"), r.claims); err != nil {
		return nil, errors.New("Config." + strings.TrimPrefix(err.Error(), "verifier: ClaimsConfig."))
	}
	return r, nil
}

// streamLook returns how often a stream looks at its token. The first look after an answer is due
// has it renewed in the background, and the next one learns what came of it. Both must come within
// CacheTTL, or a revoked token's streams would outlive it.
func streamLook(ttl time.Duration) time.Duration { return max(ttl/10, minLook) }

const minLook = time.Second // the minimum for a Recheck

// judge returns what an answer says about a token, or an error if it says nothing.
func (r *rules) judge(object []byte) (verdict, error) {
	a, err := readAnswer(object)
	if err != nil {
		return verdict{}, err
	}
	if !a.active {
		inactive := refused(refuse(verifier.CodeInvalidToken, "the token is not active",
			"the authorization server says so: it has expired, was revoked, is unknown there, "+
				"or is not for the client that asked"))
		inactive.isInactive = true
		return inactive, nil
	}
	if refusal := a.checkKind(); refusal != nil {
		return refused(refusal), nil
	}
	claims, err := verifier.NewBoundClaims(object, r.claims, a.checkBinding) // each call proves it
	if refusal, ok := errors.AsType[*verifier.AuthError](err); ok {
		return refused(refusal), nil
	}
	if err != nil {
		return verdict{}, err
	}
	if refusal := r.check(claims); refusal != nil {
		return refused(refusal), nil
	}
	return verdict{claims: claims, bytes: len(object)}, nil
}

func refused(err *verifier.AuthError) verdict { return verdict{err: err} }

func refuse(code verifier.Code, message, cause string) *verifier.AuthError {
	return &verifier.AuthError{Code: code, Message: message, Err: errors.New(cause)}
}

// An answer is what a response says beside the claims. A kind is nil if its member is absent.
type answer struct {
	active bool
	kinds  []kind
	isID   bool
}

// A kind says what kind of token was asked about.
type kind struct{ member, value string }

// readAnswer reads a response (RFC 7662, section 2.2). Without a certain
// active it's no response.
func readAnswer(object []byte) (answer, error) {
	var a answer
	var active string
	wellFormed := strictjson.Members(string(object), maxDepth, func(name, value string) {
		switch name {
		case "active":
			active = value
		case "token_type", "token_use", "typ":
			text, ok := strictjson.Text(value)
			if !ok && name == "token_type" {
				text = "?" // no kind of token
			}
			a.kinds = append(a.kinds, kind{name, text})
		case "at_hash", "c_hash":
			_, ok := strictjson.Text(value)
			a.isID = a.isID || ok
		}
	})
	switch {
	case !wellFormed:
		return a, errors.New("the response is not a JSON object in UTF-8, holds a name twice, or is nested too deep")
	case active != "true" && active != "false":
		return a, errors.New("the response's active is absent, or neither true nor false")
	}
	a.active = active == "true"
	return a, nil
}

// checkBinding refuses a token that is only for DPoP, unless it's known which key it is bound to.
func (a answer) checkBinding(c verifier.Confirmation) error {
	if c.KeyThumbprint == "" && slices.ContainsFunc(a.kinds, kind.isDPoP) {
		return refuse(verifier.CodeInvalidToken, "the token is bound to a proof that is not supported",
			"the response says that it's a DPoP token, but not to which key it is bound (cnf with jkt)")
	}
	return nil
}

// checkKind refuses refresh tokens and ID tokens. Both can be active.
func (a answer) checkKind() *verifier.AuthError {
	const message = "the token is not an access token"
	for _, k := range a.kinds {
		if !k.isAccessToken() {
			return refuse(verifier.CodeInvalidToken, message, fmt.Sprintf(
				"the response's %s is %q: send an access token, as a bearer token", k.member, field.Printable(k.value)))
		}
	}
	if a.isID {
		return refuse(verifier.CodeInvalidToken, message,
			"the response has at_hash or c_hash, so it's about an ID token, which is meant for the client")
	}
	return nil
}

// isAccessToken knows the values of three members. RFC 7662 defines token_type; Ory Hydra writes
// token_use, and Keycloak typ, beside it.
func (k kind) isAccessToken() bool {
	value := strings.ToLower(k.value)
	switch k.member {
	case "token_type":
		return slices.Contains([]string{
			"bearer", "access_token", "access-token", "urn:ietf:params:oauth:token-type:access_token",
			"urn:ietf:params:oauth:token-type:jwt", "jwt", "at+jwt",
		}, value) || k.isDPoP()
	case "token_use":
		return !slices.Contains([]string{"refresh_token", "refresh", "id_token", "id"}, value)
	default:
		return !slices.Contains([]string{"refresh", "offline", "id", "logout"}, value)
	}
}

// isDPoP reports whether the token is for DPoP (RFC 9449, section 6.2). Keycloak says so in typ, too.
func (k kind) isDPoP() bool {
	return k.member != "token_use" && strings.EqualFold(k.value, "dpop")
}

// check makes the checks of a JWT's claims which [verifier.NewClaims] leaves out.
func (r *rules) check(claims *verifier.Claims) *verifier.AuthError {
	if claims.Expiry().IsZero() && !r.config.AllowNoExpiry {
		return refuse(verifier.CodeMissingClaim, "the token has no exp",
			"the response has no exp: have the authorization server say when its tokens expire, "+
				"or set Config.AllowNoExpiry")
	}
	audience := claims.Audience()
	if len(audience) == 0 {
		return r.checkNoAudience(claims)
	}
	if !slices.ContainsFunc(audience, func(name string) bool { return slices.Contains(r.config.Audiences, name) }) {
		return refuse(verifier.CodeInvalidAudience, "the token is for another audience", fmt.Sprintf(
			"the response's aud is %s, and Config.Audiences is %s", describe(audience), describe(r.config.Audiences)))
	}
	return nil
}

func (r *rules) checkNoAudience(claims *verifier.Claims) *verifier.AuthError {
	switch {
	case r.config.AllowNoAudience, claims.ClientID() != "" && slices.Contains(r.config.ClientIDs, claims.ClientID()):
		return nil
	case len(r.config.ClientIDs) > 0:
		return refuse(verifier.CodeInvalidAudience, "the token is for another audience",
			"the response has no aud, and its client_id is not in Config.ClientIDs")
	default:
		return refuse(verifier.CodeMissingClaim, "the token has no aud",
			"the response has no aud: have the authorization server name this service, list the client in "+
				"Config.ClientIDs, or set Config.AllowNoAudience")
	}
}

// describe quotes a few values.
func describe(values []string) string {
	const most = 8
	var quoted []string
	for _, value := range values[:min(most, len(values))] {
		quoted = append(quoted, fmt.Sprintf("%q", field.Printable(value)))
	}
	return strings.Join(quoted, " ")
}
