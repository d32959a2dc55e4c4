package verifier

import (
	"slices"
	"time"
)

// checkHeader precedes the look-up of a key: whoever chooses alg and kid must not
// choose what we fetch.
func (v *Verifier) checkHeader(t *token) *AuthError {
	switch {
	case !slices.Contains(v.algorithms, t.alg):
		return refuse(CodeDisallowedAlg, "the signature algorithm is not allowed")
	case v.rfc9068 && !t.hasType("at+jwt"), !t.isAccessToken():
		return refuse(CodeInvalidToken, "the token is not an access token")
	case t.kid == "":
		return refuse(CodeMissingKid, "the token header has no valid kid")
	case len(t.kid) > maxKidBytes:
		return refuse(CodeMalformedToken, "the kid is too long")
	}
	return nil
}

func (v *Verifier) checkClaims(c *Claims, now time.Time) *AuthError {
	if refusal := v.checkPresent(c); refusal != nil {
		return refusal
	}
	switch {
	case c.issuer != v.issuer:
		return anotherIssuer()
	case !v.isAudience(c):
		return refuse(CodeInvalidAudience, "the token is for another audience")
	}
	if refusal := v.checkTimes(c, now); refusal != nil {
		return refusal
	}
	// RFC 9449, section 7.2: a token bound to a key is no bearer token. Nor may any
	// other confirmation method be passed over (RFC 7800, section 3.1).
	if c.senderConstrained {
		return refuse(CodeInvalidToken, "the token is bound to a proof that is not supported")
	}
	return nil
}

// checkTimes is all that can become wrong with claims that were right.
func (v *Verifier) checkTimes(c *Claims, now time.Time) *AuthError {
	switch {
	case !now.Before(c.ValidUntil()):
		return refuse(CodeTokenExpired, "the token has expired")
	case now.Before(c.notBefore.Add(-v.leeway)):
		return refuse(CodeTokenNotYetValid, "the token is not valid yet")
	}
	return nil
}

func anotherIssuer() *AuthError {
	return refuse(CodeInvalidIssuer, "the token is from another issuer")
}

func (v *Verifier) checkPresent(c *Claims) *AuthError {
	switch {
	case c.issuer == "":
		return refuse(CodeMissingClaim, "the token has no iss")
	case c.expiry.IsZero():
		return refuse(CodeMissingClaim, "the token has no exp")
	case c.audience == nil && len(v.clientIDs) == 0:
		return refuse(CodeMissingClaim, "the token has no aud")
	case c.audience == nil && c.ClientID() == "":
		return refuse(CodeMissingClaim, "the token has neither aud nor client_id")
	}
	if v.rfc9068 && (c.audience == nil || c.subject == "" || c.clientID == "" ||
		c.id == "" || c.issuedAt.IsZero()) {
		return refuse(CodeMissingClaim, "the token lacks a claim that RFC 9068 requires")
	}
	return nil
}

// isAudience judges by client only a token that has no aud: one that has is meant
// for those it names.
func (v *Verifier) isAudience(c *Claims) bool {
	if c.audience == nil {
		return slices.Contains(v.clientIDs, c.ClientID())
	}
	return slices.ContainsFunc(c.audience, func(audience string) bool {
		return slices.Contains(v.audiences, audience)
	})
}
