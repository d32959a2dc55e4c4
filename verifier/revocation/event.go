package revocation

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// An Event says what is revoked. Issuer and one of TokenID, SessionID, Subject and ClientID are
// required. SessionID may come with Subject, and no other two go together.
//
// Each text must be valid UTF-8 and at most 1024 bytes long, and Issuer at most 2048. They're
// compared exactly with the claims of a token from this issuer, and no other issuer's tokens are
// affected.
type Event struct {
	// Issuer is the tokens' iss, or the [verifier.ClaimsConfig].Issuer of vouched claims.
	Issuer string

	// TokenID revokes the token with this jti.
	TokenID string

	// SessionID revokes the tokens with this sid, also ones issued later. With Subject, it also
	// revokes the subject's tokens that carry no sid at all and were issued before: they may
	// belong to the session.
	SessionID string

	// Subject revokes the tokens with this sub that were issued before, and so all sessions of a
	// user.
	Subject string

	// ClientID revokes the tokens issued to this client before, as [verifier.Claims.ClientID]
	// names it.
	ClientID string

	// IssuedBefore is the moment up to which tokens are revoked by Subject or ClientID. Zero means
	// now. It counts in whole seconds, as iat does: a token issued within the same second is
	// revoked, and so is a token without iat. It's at most 5 minutes from now, which also revokes
	// tokens from an issuer whose clock is ahead. TokenID and SessionID alone ignore it.
	IssuedBefore time.Time
}

const (
	maxIssuerBytes = 2048
	maxTextBytes   = 1024 // of any other field
	maxAhead       = 5 * time.Minute
)

// validate expects an Event with its IssuedBefore filled in.
func (e Event) validate(now time.Time, maxAhead time.Duration) error {
	named := 0
	for _, field := range []struct {
		name, value string
		maxBytes    int
	}{
		{"Event.Issuer", e.Issuer, maxIssuerBytes},
		{"Event.TokenID", e.TokenID, maxTextBytes},
		{"Event.SessionID", e.SessionID, maxTextBytes},
		{"Event.Subject", e.Subject, maxTextBytes},
		{"Event.ClientID", e.ClientID, maxTextBytes},
	} {
		switch {
		case len(field.value) > field.maxBytes:
			return fmt.Errorf("%s has %d bytes, more than %d", field.name, len(field.value), field.maxBytes)
		case !utf8.ValidString(field.value):
			return fmt.Errorf("%s is not valid UTF-8", field.name)
		}
		if field.value != "" {
			named++
		}
	}
	isSessionOfSubject := e.SessionID != "" && e.Subject != ""
	switch {
	case e.Issuer == "":
		return errors.New("Event.Issuer is required")
	case named == 1:
		return errors.New("Event must have a TokenID, SessionID, Subject or ClientID")
	case named > 3, named == 3 && !isSessionOfSubject:
		return errors.New("Event must have only one of TokenID, SessionID, Subject and ClientID, " +
			"or SessionID and Subject")
	case e.IssuedBefore.After(now.Add(maxAhead)):
		return fmt.Errorf("Event.IssuedBefore is more than %v from now", maxAhead)
	}
	return nil
}
