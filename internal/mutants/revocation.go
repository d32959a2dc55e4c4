package main

// Revocations: who is on the list, which streams end, and what is kept.
var (
	revoked  = home{"verifier/revocation", []string{"verifier/revocation"}}
	listed   = home{"interceptor", []string{"interceptor"}}
	sessions = home{"verifier", []string{"verifier", "verifier/revocation"}}
)

var revocationRules = []mutant{
	// Who is refused.
	{"the list is not asked", listed, "Authenticator.checkRevoked", always(`a.revocations == nil`)},
	{"a caller may be revoked while Allow runs", listed, "Authenticator.caller",
		become(`return found, claims, a.checkRevoked(claims)`, `return found, claims, nil`)},
	{"a token is revoked by another issuer", revoked, "keysOf", become(`claims.Issuer()`, `"https://other.test/"`)},
	{"a jti revokes nothing", revoked, "held.mayRevoke", never(`h.filter.mayHold(words, byToken, claims.ID())`)},
	{"a subject revokes nothing", revoked, "held.mayRevoke", never(`h.filter.mayHold(words, bySubject, subject)`)},
	{"a sid revokes nothing", revoked, "held.mayRevoke", never(`h.filter.mayHold(words, bySession, session)`)},
	{"a client revokes nothing", revoked, "held.mayRevoke", never(`h.filter.mayHold(words, byClient, claims.ClientID())`)},
	{"a token of the same second is admitted", revoked, "entry.covers", become(`issuedAt.Unix() <= e.issuedBefore`, `issuedAt.Unix() < e.issuedBefore`)},
	{"a token may outlive its revocation", revoked, "List.checkKept",
		never(`expiry.Unix()-issuedAt.Unix() > int64(l.config.Keep/time.Second)`)},
	{"a stale list admits", revoked, "freshness.check", always(`!f.refuse`)},
	{"a list is fresh before it has caught up", revoked, "freshness.isStale", never(`last == nil`)},

	// Streams.
	{"a revoked stream goes on", listed, "Stream.watch", always(`a.revocations == nil`)},
	{"a stream slips past a revocation", revoked, "List.Watch",
		in(`if e := l.held.find(claims, time.Now()); e != nil`, never(`e != nil`))},

	// What is kept.
	{"a full list forgets", revoked, "held.add", never(`h.isFull()`)},
	{"a revocation is forgotten too early", revoked, "List.apply", become(`l.config.Keep + keepLonger`, `l.config.Keep`)},
}

var revocationDetails = []mutant{
	{"a revoked caller is told of the rule first", listed, "Authenticator.caller",
		in(`if err := a.checkRevoked(claims); err != nil`, never(`err != nil`))},
	{"a subject without a session can't be revoked", revoked, "held.mayRevoke", never(`session == ""`)},
	{"a new login is refused", revoked, "entry.covers", become(`issuedAt.Unix() <= e.issuedBefore`, `e.issuedBefore > 0`)},
	{"a token without iat is admitted", revoked, "entry.covers", become(`issuedAt.Unix() <= e.issuedBefore`,
		`!issuedAt.IsZero() && issuedAt.Unix() <= e.issuedBefore`)},
	{"any batch says that nothing is missing", revoked, "List.receive", always(`len(events) == 0`)},
	{"a zero list admits", revoked, "List.checkKept", never(`l.held == nil`)},
	{"a stream without expiry can't be revoked", listed, "Admission.stream",
		become(`!auth.streamExpiry && auth.revocations == nil`, `!auth.streamExpiry`)},
	{"a stream is watched for ever", listed, "Stream.End", skip(`s.unwatch()`)},
	{"an event of the future counts", revoked, "validateReceived", never(`at.After(now.Add(2 * maxAhead))`)},
	{"logins of the future are revoked", revoked, "Event.validate", never(`e.IssuedBefore.After(now.Add(maxAhead))`)},
	{"an event may say more than we know", revoked, "decode", never(`unknown != ""`)},
	{"an event may be of another version", revoked, "decode", never(`version != strconv.Itoa(encodingVersion)`)},
	{"an event may have any length", revoked, "decode", never(`len(data) > maxEventBytes`)},
	{"the bus hears nothing", revoked, "List.publish", always(`l.config.Bus == nil`)},
	{"sid is not read", sessions, "claims.set", become(`c.sessionID, _ = strictjson.Text(value)`, `_, _ = c, value`)},
	{"a text may be huge", revoked, "Event.validate", never(`len(field.value) > field.maxBytes`)},
	{"a text may hold any bytes", revoked, "Event.validate", never(`!utf8.ValidString(field.value)`)},
	{"an event needs no issuer", revoked, "Event.validate", never(`e.Issuer == ""`)},
	{"an event may name nothing", revoked, "Event.validate", never(`named == 1`)},
	{"an event may name everything", revoked, "Event.validate", never(`named == 3 && !isSessionOfSubject`)},
	{"a member may be of any type", revoked, "decode", never(`isMisshapen || at.IsZero() || e.IssuedBefore.IsZero()`)},
	{"an event that's over ends streams", revoked, "List.apply", never(`!now.Before(expires)`)},
	{"a repetition shortens", revoked, "held.add", become(`max(e.expires, added.expires)`, `min(e.expires, added.expires)`)},
	{"a repetition takes back", revoked, "held.add",
		become(`max(e.issuedBefore, added.issuedBefore)`, `min(e.issuedBefore, added.issuedBefore)`)},
	{"nothing is forgotten", revoked, "held.prune", always(`len(h.byExpiry) == 0`)},
	{"everything is forgotten at once", revoked, "held.prune", become(`maxPruned`, `1<<30`)},
	{"a filter hides a key that came twice", revoked, "filter.count",
		become(`word>>s&maxCounter < maxCounter`, `true`)},
	{"a stream that ended is ended again", revoked, "watchers.remove", never(`w.end == nil`)},
	{"a full list ends no streams", revoked, "List.enter",
		become(`ends := l.watchers.take(&revoked)`, `var ends []func(*verifier.AuthError); if isKept { ends = l.watchers.take(&revoked) }`)},
	{"the log has a line for each dropped revocation", revoked, "List.enter", become(`isFull != wasFull`, `isFull`)},
	{"the log has a line for each unreadable event", revoked, "reception.skip", always(`r.logged.IsZero()`)},
	{"the bus is asked without a pause", revoked, "backoff", become(`return wait/2 + rand.N(wait/2)`, `return time.Duration(rand.N(2)) * wait / 1000`)},
	{"an answer about a stranger's token revokes", opaque, "memory.revokedBy", never(`!answer.isInactive`)},
	{"an expired token is revoked", opaque, "memory.revokedBy", never(`!time.Now().Before(a.claims.ValidUntil())`)},
}
