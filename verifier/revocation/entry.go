package revocation

import (
	"math"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A kind says which claim a key is about.
type kind uint8

const (
	byToken kind = iota + 1
	bySession
	bySubject
	bySubjectWithoutSession // the subject's tokens that carry no sid
	byClient
)

// A key is one claim with its value, of one issuer's tokens.
type key struct {
	kind          kind
	issuer, value string
}

// An entry revokes the tokens that have its key and were issued at or before a time.
type entry struct {
	key

	issuedBefore int64 // in seconds since 1970
	expires      int64 // likewise; no such token lives any more
	position     int   // in the heap
}

const always = math.MaxInt64 // an issuedBefore that revokes whatever has the key

// covers reports whether a token with the entry's key was issued early enough. Without iat it's
// the zero time, which is earlier than any.
func (e *entry) covers(issuedAt time.Time) bool { return issuedAt.Unix() <= e.issuedBefore }

// entries returns what an event revokes.
func (e Event) entries() []entry {
	before := e.IssuedBefore.Unix()
	switch {
	case e.TokenID != "":
		return []entry{{key: key{byToken, e.Issuer, e.TokenID}, issuedBefore: always}}
	case e.SessionID != "" && e.Subject != "":
		return []entry{
			{key: key{bySession, e.Issuer, e.SessionID}, issuedBefore: always},
			{key: key{bySubjectWithoutSession, e.Issuer, e.Subject}, issuedBefore: before},
		}
	case e.SessionID != "":
		return []entry{{key: key{bySession, e.Issuer, e.SessionID}, issuedBefore: always}}
	case e.Subject != "":
		return []entry{{key: key{bySubject, e.Issuer, e.Subject}, issuedBefore: before}}
	default:
		return []entry{{key: key{byClient, e.Issuer, e.ClientID}, issuedBefore: before}}
	}
}

// keysOf returns the keys that a token has.
func keysOf(claims *verifier.Claims) (keys [maxKeys]key, n int) {
	issuer := claims.Issuer()
	add := func(kind kind, value string) {
		if value != "" {
			keys[n] = key{kind, issuer, value}
			n++
		}
	}
	session, subject := claims.SessionID(), claims.Subject()
	add(byToken, claims.ID())
	add(bySession, session)
	add(bySubject, subject)
	if session == "" {
		add(bySubjectWithoutSession, subject)
	}
	add(byClient, claims.ClientID())
	return keys, n
}

const maxKeys = 4 // a token with a session has no key without one
