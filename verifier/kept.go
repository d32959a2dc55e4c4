package verifier

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"strings"
	"sync/atomic"
)

// keep returns the same claims in less memory. The token is a copy that will be remembered. The
// payload is in it, and is decoded again if [Claims.Decode] asks for it.
func (c *claims) keep(token string, shared *profiles) *Claims {
	var kept struct { // a single allocation
		Claims
		claims
	}
	kept.claims = *c
	kept.Claims.data, kept.self = &kept.claims, &kept.Claims
	kept.copyTexts()
	kept.profile = shared.find(c.profile)
	_, rest, _ := strings.Cut(token, ".")
	payload, _, ok := strings.Cut(rest, ".")
	if kept.isEncoded = ok && len(token)-len(payload) <= maxBeside; kept.isEncoded {
		kept.payload = payload
	} else {
		kept.payload = strings.Clone(c.payload)
	}
	return &kept.Claims
}

// maxBeside limits what claims keep alive of a token beside its payload, since a user may hold them
// for longer than the token is remembered.
const maxBeside = 1024

// copyTexts copies what few tokens share. An ID is often the session's, or a part of the subject.
func (c *claims) copyTexts() {
	isSession := c.sessionID == c.id
	if before, isPart := strings.CutSuffix(c.subject, c.id); isPart {
		c.subject = strings.Clone(c.subject)
		c.id = c.subject[len(before):]
	} else {
		c.subject, c.id = strings.Clone(c.subject), strings.Clone(c.id)
	}
	if isSession {
		c.sessionID = c.id
	} else {
		c.sessionID = strings.Clone(c.sessionID)
	}
	if *c.parties == noParties {
		c.parties = &noParties
		return
	}
	c.parties = &parties{strings.Clone(c.act), Confirmation{
		KeyThumbprint:         strings.Clone(c.confirmation.KeyThumbprint),
		CertificateThumbprint: strings.Clone(c.confirmation.CertificateThumbprint),
	}}
}

// profiles are the latest of some size. Tokens of one client share theirs, if they grant the same.
type profiles [32]atomic.Pointer[profile]

var profileSeed = maphash.MakeSeed()

const maxSharedBytes = 1024 // in a profile

// find returns a profile that equals p, and holds nothing else.
func (s *profiles) find(p *profile) *profile {
	if p.bytes() > maxSharedBytes {
		return p.clone()
	}
	slot := &s[p.hash()%uint64(len(s))]
	if known := slot.Load(); known != nil && known.equals(p) {
		return known
	}
	made := p.clone()
	slot.Store(made)
	return made
}

func (p *profile) hash() uint64 {
	sum := maphash.String(profileSeed, p.clientID)
	for _, list := range [][]string{p.scopes, p.permissions} {
		for _, text := range list {
			sum = bits.RotateLeft64(sum, 1) ^ maphash.String(profileSeed, text)
		}
	}
	return sum
}

func (p *profile) equals(other *profile) bool {
	equal := func(a, b []string) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }
	return p.issuer == other.issuer && p.acr == other.acr &&
		p.clientID == other.clientID && p.authorizedParty == other.authorizedParty &&
		equal(p.audience, other.audience) && equal(p.scopes, other.scopes) && equal(p.permissions, other.permissions) &&
		p.hasScopes == other.hasScopes && p.hasPermissions == other.hasPermissions && p.hasSCP == other.hasSCP
}

// clone copies the lists, and all texts into one.
func (p *profile) clone() *profile {
	c := *p
	c.audience, c.scopes, c.permissions = slices.Clone(p.audience), slices.Clone(p.scopes), slices.Clone(p.permissions)
	var all strings.Builder
	texts := c.texts()
	size := 0
	for _, text := range texts {
		size += len(*text)
	}
	all.Grow(size)
	for _, text := range texts {
		all.WriteString(*text)
	}
	rest := all.String()
	for _, text := range texts {
		*text, rest = rest[:len(*text)], rest[len(*text):]
	}
	return &c
}

func (p *profile) texts() []*string {
	all := make([]*string, 0, 32)
	all = append(all, &p.issuer, &p.acr, &p.clientID, &p.authorizedParty)
	for _, list := range [][]string{p.audience, p.scopes, p.permissions} {
		for i := range list {
			all = append(all, &list[i])
		}
	}
	return all
}

// bytes estimates the memory that a clone takes.
func (p *profile) bytes() (n int) {
	const each, word = 192, 16
	n = each + len(p.issuer) + len(p.acr) + len(p.clientID) + len(p.authorizedParty)
	for _, list := range [][]string{p.audience, p.scopes, p.permissions} {
		for _, text := range list {
			n += word + len(text)
		}
	}
	return n
}

const claimsOverhead = 512 // for a remembered token, besides its texts and profile

// bytes estimates the memory that claims take with their remembered token, including what can't be
// used because allocations have certain sizes. A profile counts in full, since the tokens that share
// it may be forgotten.
func (c *claims) bytes(token string) int {
	n := len(token) + len(c.subject) + len(c.id) + len(c.sessionID) + len(c.act) + c.profile.bytes()
	if !c.isEncoded {
		n += len(c.payload)
	}
	return n + n/8 + claimsOverhead
}
