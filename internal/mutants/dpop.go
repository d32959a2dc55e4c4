package main

// DPoP proofs: RFC 9449, and what a service remembers about them.
var dpopProofs = home{"verifier/dpop", []string{"verifier/dpop"}}

var proofRules = []mutant{
	// RFC 9449, section 4.3, in its order.
	{"two proofs are one", dpopProofs, "parse", never(`len(proofs) > 1`)},
	{"a proof may have any type", dpopProofs, "Checker.checkContent", never(`p.typ != proofType`)},
	{"a proof may use any algorithm", dpopProofs, "Checker.checkContent", never(`!c.allows(p.alg)`)},
	{"a proof's signature is not checked", dpopProofs, "Proof.CheckKey",
		never(`!k.key.Verify(p.content.alg, p.content.signed, p.content.signature)`)},
	{"a proof may be for another method", dpopProofs, "Checker.checkContent", never(`p.htm != r.Method`)},
	{"a proof may be for another URI", dpopProofs, "Checker.checkContent", never(`!c.origins.match(p.htu, r.Path)`)},
	{"a proof may be for another token", dpopProofs, "Checker.checkContent", never(`p.ath != hashOf(r.Token)`)},
	{"a proof may be old", dpopProofs, "Proof.checkTime", never(`!now.Before(p.until)`)},
	{"a proof may be by another key", dpopProofs, "Proof.CheckKey",
		never(`subtle.ConstantTimeCompare([]byte(k.thumbprint), []byte(thumbprint)) != 1`)},

	// The URI.
	{"an encoded slash is a slash", dpopProofs, "unescape", always(`isUnreserved(c)`)},

	// Nonces.
	{"anything is a nonce", dpopProofs, "nonceKeys.read", always(`hmac.Equal(nonceCode(key, content), code)`)},

	// Replays.
	{"a proof may be used again", dpopProofs, "memory.add", in(`if s != nil`, never(`ok`))},
	{"a full memory remembers more", dpopProofs, "memory.add", never(`m.held >= m.maxProofs`)},
	{"a proof from before the start is taken for new", dpopProofs, "Proof.checkTime", never(`!made.After(e.doubtUntil)`)},
}

// What a call's scheme says about its proof.
var proven = home{"interceptor", []string{"interceptor"}}

var provenRules = []mutant{
	{"a token bound to a key is a bearer token", proven, "Authenticator.prove",
		never(`c.KeyThumbprint != "" && proof == nil`)},
	{"the scheme DPoP takes any token", proven, "Authenticator.prove",
		become(`proof != nil`, `proof != nil && c.KeyThumbprint != ""`)},
	{"middleware uses proofs up", proven, "proveKey", become(`proof.CheckKey(thumbprint)`, `proof.Check(ctx, thumbprint)`)},
	{"a proof's check replaces the certificate's", proven, "Authenticator.prove",
		in(`if c.CertificateThumbprint != ""`, become(`a.mutualTLS.prove(ctx, call.Peer, call.Request, c.CertificateThumbprint)`,
			`func() error { if proof != nil { return nil }; return a.mutualTLS.prove(ctx, call.Peer, call.Request, c.CertificateThumbprint) }()`))},
	{"caches don't see proofs", proven, "New", skip(`a.places.keys = append(a.places.keys, proofKey)`)},
}

var proofDetails = []mutant{
	{"a proof may have any length", dpopProofs, "parse", never(`len(proofs[0]) > maxProofBytes`)},
	{"crit is understood in proofs", dpopProofs, "content.readHeader", never(`jws.ChangesReading(name)`)},
	{"a proof may be from the future", dpopProofs, "Proof.setTime",
		in(`if ahead := p.content.issuedAt.Sub(now); ahead > config.Leeway`, never(`ahead > config.Leeway`))},
	{"a URI's port doesn't matter", dpopProofs, "normalizeAuthority", never(`port != ""`)},
	{"a URI may have a user", dpopProofs, "isHostChar", become(`"!$&'()*+,;="`, `"!$&'()*+,;=@"`)},
	{"a required nonce may be absent", dpopProofs, "Proof.setTime", never(`config.RequireNonce`)},
	{"a nonce's time is not covered", dpopProofs, "nonceCode", become(`mac.Write(content)`, `mac.Write(content[nonceTimeBytes:])`)},
	{"a nonce may be from the future", dpopProofs, "Proof.setTime",
		in(`if ahead := p.nonce.madeAt.Sub(now); ahead > config.Leeway`, never(`ahead > config.Leeway`))},
	{"a proof may be used again elsewhere", dpopProofs, "Proof.addShared", never(`!added`)},
	{"a store's failure is no matter", dpopProofs, "Proof.addShared",
		become(`p.checker.config.Replays.Add(ctx, jws.Encoding.EncodeToString(id[:]), until)`,
			`true, func(time.Time) error { return nil }(until)`)},
	{"a replica whose clock is behind takes a used proof", dpopProofs, "Proof.addShared",
		become(`setBack + p.checker.config.Leeway`, `setBack`)},
	{"one key may fill the memory", dpopProofs, "memory.add", never(`m.shares[share] >= m.maxShare`)},
	{"a clock that is set back begins no era", dpopProofs, "clock.now", never(`c.latest.Sub(now) > setBack`)},
	{"a jti is anyone's", dpopProofs, "newProofID", become(`thumbprint + "." + jti`, `jti`)},
	{"slices are forgotten too soon", dpopProofs, "memory.forget", become(`now.Add(-setBack)`, `now.Add(2 * m.slice)`)},
	{"a proof's signature may be empty", dpopProofs, "parse", never(`len(compact.Signature) == 0`)},
	{"a proof may say where its key is", dpopProofs, "content.readHeader", never(`forbidden != ""`)},
	{"a proof's header may be lax", dpopProofs, "content.readHeader", never(`!wellFormed`)},
	{"a proof's payload may be lax", dpopProofs, "content.readPayload", never(`!wellFormed`)},
	{"a jti may have any length", dpopProofs, "Checker.checkContent", never(`len(p.jti) > maxJTIBytes`)},
	{"a jti may be absent", dpopProofs, "Checker.checkContent", never(`p.jti == ""`)},
	{"an iat may be absent", dpopProofs, "Checker.checkContent", never(`p.issuedAt.IsZero()`)},
	{"a proof's time is checked once", dpopProofs, "Proof.Check",
		in(`if refusal := p.checkTime(now, era); refusal != nil`, skip(`return refusal`))},
	{"a nonce of an earlier era is trusted", dpopProofs, "Proof.checkTime", always(`p.nonce.era == e.id`)},
	{"only the first nonce key counts", dpopProofs, "nonceKeys.read", become(`for _, key := range k { if hmac.Equal(nonceCode(key, content), code) { ok = true } }`,
		`for _, key := range k[:1] { if hmac.Equal(nonceCode(key, content), code) { ok = true } }`)},
	{"the last nonce key makes nonces", dpopProofs, "nonceKeys.write", become(`k[0]`, `k[len(k)-1]`)},
	{"a nonce isn't replaced", dpopProofs, "Proof.NextNonce", always(`!p.wantsNext`)},
	{"non-ASCII letters fold", dpopProofs, "normalize", in(`switch`, become(`isASCIIFold(scheme, "https")`, `strings.EqualFold(scheme, "https")`))},
	{"dot segments stay", dpopProofs, "removeDotSegments", always(`!strings.Contains(path, "/.")`)},
	{"a host's case matters", dpopProofs, "unescape", never(`lower && 'A' <= c && c <= 'Z'`)},
	{"the call's own end is an outage", dpopProofs, "Proof.addShared", never(`ctx.Err() != nil`)},
	{"a new era remembers the last one's proofs", dpopProofs, "memory.enter",
		become(`m.era, m.held, m.forgotten = e.n, 0, 0`, `m.era, m.forgotten = e.n, 0`)},
}
