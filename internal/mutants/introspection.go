package main

// Opaque tokens: what the authorization server's answer must say, and what asking may cost.
var (
	opaque = home{"verifier/introspection", []string{"verifier/introspection"}}
	groups = home{"internal/refresh", []string{"internal/refresh"}}
	posts  = home{"internal/jwks", []string{"verifier/introspection"}}
	chosen = home{"verifier", []string{"verifier/introspection"}}
)

var opaqueRules = []mutant{
	// The answer.
	{"an inactive token is accepted", opaque, "rules.judge", never(`!a.active`)},
	{"an answer may be another issuer's", opaque, "newRules", become(`c.Issuer`, `""`)},
	{"an answer may be for another service", opaque, "rules.check",
		never(`!slices.ContainsFunc(audience, func(name string) bool { return slices.Contains(r.config.Audiences, name) })`)},
	{"refresh tokens are accepted", opaque, "answer.checkKind", never(`!k.isAccessToken()`)},
	{"a baseline doesn't count for opaque tokens", opaque, "newRules", become(`c.Require`, `verifier.Requirement{}`)},
	{"the client isn't authenticated", opaque, "server.ask", become(`s.authenticate(ctx, &post)`, `error(nil)`)},
	{"bound opaque tokens are bearer tokens", opaque, "bearerOnly", always(`c.IsZero()`)},
	{"a bound opaque token needs no proof", opaque, "admit",
		in(`if err := prove(claims.Confirmation()); err != nil`, never(`err != nil`))},
	{"a signed answer may have any algorithm", opaque, "seal.open", never(`!s.allows(r.alg)`)},
	{"a signed answer needs no signature", opaque, "seal.open", never(`!key.Verify(r.alg, r.signed, r.signature)`)},

	// What is remembered.
	{"answers are used for ever", opaque, "acceptance.isOver", never(`refresh.HasCome(a.until, now)`)},
	{"answers are used past exp", opaque, "memory.accept", never(`!expiry.IsZero()`)},
	{"a revoked token stays remembered", opaque, "memory.refuse", never(`e != nil`)},

	// What is asked.
	{"strangers' tokens are asked about without bound", opaque, "New",
		become(`refresh.NewBudget(max(minUnknownBurst, perSecond), time.Second/time.Duration(perSecond))`,
			`refresh.NewBudget(1<<30+0*perSecond, time.Second)`)},
	{"a stranger's token makes the server look down", groups, "Result.IsOutage",
		become(`r.Err != nil && r.Key == ""`, `r.Err != nil && (r.Key == "" || !r.IsKnown)`)},
	{"an accepted token makes the server look down", groups, "Result.IsOutage",
		become(`r.Err != nil && r.Key == ""`, `r.Err != nil && (r.Key == "" || r.IsKnown)`)},

	// Two kinds.
	{"a JWT falls through to introspection", opaque, "Either.VerifyBound", never(`e.jwts.Judges(token)`)},
}

var opaqueDetails = []mutant{
	{"active may be anything", opaque, "readAnswer", never(`active != "true" && active != "false"`)},
	{"an answer may hold a name twice", opaque, "readAnswer", never(`!wellFormed`)},
	{"an answer may be of any media type", opaque, "server.ask", never(`answer.Type != s.mediaType()`)},
	{"a DPoP token needs no key", opaque, "answer.checkBinding", never(`c.KeyThumbprint == ""`)},
	{"a signed answer may be another issuer's", opaque, "seal.read", never(`issuer != s.issuer`)},
	{"a signed answer may hold a name twice", opaque, "seal.read", never(`!wellFormed`)},
	{"streams outlive a revocation", opaque, "streamLook", become(`ttl/10`, `ttl`)},
	{"refused tokens push accepted ones out", opaque, "newMemory",
		become(`tokencache.New[refusal](maxRefusals, c.MaxTokenBytes)`, `tokencache.New[refusal](0, c.MaxTokenBytes)`)},
	{"known tokens spend the strangers' budget", groups, "Group.budget", become(`g.config.Known`, `g.config.Strange`)},
	{"a malformed JWT falls through to introspection", chosen, "names", become(`alphabets.Replace(segment)`, `segment`)},
	{"an answer may be for no service", opaque, "rules.checkNoAudience", become(`r.config.AllowNoAudience`, `true`)},
	{"an answer needs no exp", opaque, "rules.check", never(`claims.Expiry().IsZero() && !r.config.AllowNoExpiry`)},
	{"ID tokens are introspected", opaque, "answer.checkKind", never(`a.isID`)},
	{"an answer to a redirected question counts", posts, "newClient", never(`via[0].Method != http.MethodGet`)},
	{"an answer may have any size", posts, "Endpoint.post",
		become(`io.LimitReader(res.Body, maxAnswerBytes+1)`, `res.Body`)},
	{"an assertion's salt is as long as its key allows", opaque, "shortSalt.Sign",
		become(`rsa.PSSSaltLengthEqualsHash`, `rsa.PSSSaltLengthAuto`)},
	{"an assertion is good for every issuer", opaque, "PrivateKeyJWT.prepare",
		become(`assert(signer, c.ClientID, issuer)`, `assert(signer, c.ClientID, "")`)},
	{"a client's ID and secret aren't encoded", opaque, "SecretBasic.prepare",
		become(`url.QueryEscape(c.Secret)`, `c.Secret`)},
	{"a plain answer counts as signed", opaque, "server.mediaType", never(`s.seal != nil`)},
	{"a signed answer may be any kind of JWT", opaque, "seal.open",
		never(`strings.TrimPrefix(strings.ToLower(r.typ), "application/") != jwtType`)},
	{"a signed answer may be for another client", opaque, "seal.read", never(`!slices.Contains(audience, s.clientID)`)},
	{"a signed answer may be an old one", opaque, "seal.read", never(`age > s.leeway+time.Second`)},
	{"a signed answer may come from the future", opaque, "seal.read", never(`age < -s.leeway-time.Since(asked)`)},
	{"a signed answer may have crit", opaque, "parseResponse", never(`jws.ChangesReading(name)`)},
	{"unlisted keys of signed answers are looked for each time", opaque, "newSeal",
		become(`refresh.NewBudget(keysBurst, keysRefill)`, `refresh.NewBudget(1<<20, keysRefill)`)},
	{"a made-up token gives its question back", opaque, "memory.keep",
		in(`case r.Value.claims == nil`, become(`r.IsKnown`, `true`))},
	{"every call asks by itself", groups, "Group.join", in(`if f := g.flights[key]; f != nil`, never(`f != nil`))},
	{"a server that is down is asked on every call", groups, "Group.join", never(`g.probe == nil && g.outage.blocks(now)`)},
	{"what isn't a token is asked about", opaque, "Verifier.checkForm", never(`!field.IsToken68(token)`)},
}
