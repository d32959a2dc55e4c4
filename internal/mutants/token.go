package main

// The token: its form, header, signature and claims, and what it must grant.
var (
	tokens = home{"verifier", []string{"verifier"}}
	caches = home{"internal/tokencache", []string{"internal/tokencache"}}
	jsons  = home{"internal/strictjson", []string{"internal/strictjson", "verifier"}}
	keyed  = home{"internal/jws", []string{"internal/jws", "verifier"}}
)

var tokenRules = []mutant{
	// The form.
	{"a token may have any length", tokens, "checkLength", never(`len(raw) > maxBytes`)},
	{"line breaks are skipped", keyed, "Split", never(`strings.ContainsRune(raw, '\n')`)},
	{"base64 is decoded leniently", keyed, "Encoding", become(`base64.RawURLEncoding.Strict()`, `base64.RawURLEncoding`)},
	{"nesting is not bounded", jsons, "scanner.opens", always(`s.depth >= 0`)},
	{"names may be repeated", jsons, "scanner.object", never(`!seen.add(name)`)},
	{"invalid UTF-8 is repaired", jsons, "Members", always(`utf8.ValidString(text)`)},
	{"data may follow the object", jsons, "Members", always(`s.end()`)},
	{"numbers may have any magnitude", jsons, "Number",
		become(`strings.TrimPrefix(value, "-") == strconv.FormatInt(maxExactInteger, 10)`, `err == nil`)},

	// The header.
	{"crit is understood", home{"internal/jws", []string{"verifier"}}, "ChangesReading", become(`"crit"`, `"-crit"`)},
	{"a forbidden parameter is ignored", tokens, "token.parseHeader", never(`t.forbidden != ""`)},
	{"every algorithm is allowed", tokens, "Verifier.checkHeader", never(`!v.allows(t)`)},
	{"the kid may be empty", tokens, "Verifier.checkHeader", never(`t.hasKid && t.kid == ""`)},
	{"tokens with other types are accepted", tokens, "Verifier.checkHeader", never(`!t.isAccessToken()`)},

	// The key.
	{"a key's own algorithm is ignored", keyed, "Key.Fits", always(`k.alg == "" || k.alg == Canonical(alg)`)},
	{"a key's use is ignored", keyed, "ReadJWK", never(`use != "sig"`)},
	{"published private keys are used", keyed, "ReadJWK", never(`k.isPrivate`)},
	{"the public twin of a published private key is used", keyed, "MarkPublished", never(`published[keys[i].canonical()]`)},
	{"small RSA keys are used", keyed, "checkStrength", never(`bits < minRSABits`)},

	// The signature.
	{"no signature is checked", tokens, "Verifier.findKey",
		in(`if key.Verify(t.alg, t.signed, t.signature)`, always(`key.Verify(t.alg, t.signed, t.signature)`))},
	{"PSS salts may have any length", keyed, "algorithm.verify",
		become(`rsa.PSSSaltLengthEqualsHash`, `rsa.PSSSaltLengthAuto`)},
	{"ECDSA signatures may have any length", keyed, "algorithm.verify",
		become(`len(signature) != 2*size`, `len(signature) < 2*size`)},
	{"curves are not bound to their algorithm", keyed, "algorithm.fits", always(`a.curve == key.Curve`)},

	// The claims.
	{"any issuer will do", tokens, "Verifier.checkClaims", never(`c.issuer != v.config.Issuer`)},
	{"any audience will do", tokens, "Verifier.checkClaims", never(`!v.isAudience(claims)`)},
	{"exp may be missing", tokens, "Verifier.checkPresent", never(`c.expiry.IsZero()`)},
	{"a token lives through its last second", tokens, "checkTimes",
		become(`!now.Before(claims.ValidUntil())`, `now.After(claims.ValidUntil())`)},
	{"nbf is ignored", tokens, "checkTimes", never(`now.Before(claims.validFrom())`)},
	{"bound tokens are bearer tokens", tokens, "bearerOnly", never(`!c.IsZero()`)},
	{"a binding needs no proof", tokens, "admit", in(`if err := prove(claims.Confirmation()); err != nil`, never(`err != nil`))},
	{"a token may be bound to what nothing proves", tokens, "Verifier.checkClaims", never(`c.isBound && c.confirmation.IsZero()`)},
	{"a thumbprint may be any text", tokens, "readConfirmation", never(`!wellFormed`)},
	{"a token may live for ever", tokens, "Verifier.checkClaims", never(`v.config.MaxLifetime > 0`)},
	{"ID tokens are access tokens", tokens, "Verifier.checkClaims", never(`c.isIDToken && !v.config.AcceptIDTokens`)},
	{"claims may have any type", tokens, "claimRules.read", never(`misshapen != ""`)},

	// What it must grant.
	{"the baseline is not asked for", tokens, "admit",
		in(`if err := (Requirement{}).Check(claims); err != nil`, never(`err != nil`))},
	{"a rule for bound tokens takes bearer tokens", tokens, "Requirement.check", never(`r.Bound && !c.isBound`)},
	{"FAPI 2.0 takes bearer tokens", tokens, "Config.withDefaults",
		become(`c.Require.Bound || c.FAPI2`, `c.Require.Bound`)},
	{"a rule's check leaves the baseline out", tokens, "Requirement.Check", become(`baseline.check(claims)`, `(*AuthError)(nil)`)},
	{"any issuer satisfies a rule", tokens, "Requirement.check", never(`!slices.Contains(r.Issuers, c.issuer)`)},
	{"any subject satisfies a rule", tokens, "Requirement.check", never(`len(r.Subjects) > 0`)},
	{"one scope of several is enough", tokens, "Requirement.check",
		become(`!claims.HasScope(scope)`, `!claims.HasScope(scope) && scope == r.Scopes[0]`)},
	{"no alternative of several scopes is needed", tokens, "Requirement.check",
		never(`!slices.ContainsFunc(r.AnyScopes, claims.HasScope)`)},
	{"the user may authenticate in any way", tokens, "Requirement.check", never(`len(r.ACRValues) > 0`)},
	{"the user may have authenticated at any time", tokens, "Requirement.check", never(`!c.authenticatedWithin(r.MaxAge)`)},
	{"claims can be replaced in place", tokens, "Claims.get", never(`c.data.self != c`)},

	// Tokens that were verified before.
	{"remembered tokens outlive their exp", tokens, "period.includes", always(`at < p.until`)},
	{"remembered tokens outlive their key", tokens, "memory.reuse", never(`!r.signer.isListed(now)`)},
	{"a remembered token is not compared", caches, "table.find", always(`e.Token == token`)},
	{"remembered tokens are not bounded in bytes", caches, "ring.isFull", never(`r.bytes > r.maxBytes-bytes`)},
	{"a verifier takes the tokens of another", caches, "Cache.Get", always(`e.owner == &c.ring`)},
	{"remembered tokens are not asked for the baseline", tokens, "Verifier.VerifyBound",
		become(`return admit(claims, prove)`, `if ok { return claims, nil }; return admit(claims, prove)`)},
	{"vouched claims may be bound", tokens, "NewClaims", become(`bearerOnly`, `func(Confirmation) error { return nil }`)},

	// The answer.
}

var tokenDetails = []mutant{
	{"a hint is ignored unasked", tokens, "Verifier.checkHeader", never(`!slices.Contains(v.config.IgnoreHeaders, name)`)},
	{"RFC 9068 does not ask for its type", tokens, "Verifier.checkHeader", never(`v.config.RFC9068 && !t.hasType("at+jwt")`)},
	{"a thumbprint is decoded leniently", tokens, "readThumbprint", never(`len(thumbprint) != jws.Encoding.EncodedLen(sha256.Size)`)},
	{"any type will do beside Config.Types", tokens, "Verifier.checkHeader", never(`v.config.Types != nil`)},
	{"an entry stands for a part of a segment", tokens, "matches", become(`strings.HasSuffix(entry, "/*")`, `strings.HasSuffix(entry, "*")`)},
	{"a subject may lead up again", tokens, "matches", become(`ok && isPath(below)`, `ok && below != ""`)},
	{"remembered tokens are valid before their nbf", tokens, "period.includes", always(`p.from <= at`)},
	{"a key is looked for in one key set", tokens, "signer.isListed",
		become(`version.Number() == s.heldIn.Load()`, `s.heldIn.Load() != 0`)},
	{"overwritten claims are remembered", tokens, "memory.reuse", never(`r.claims.IsZero()`)},
	{"tokens with one end take any time", caches, "table.add", become(`maxAlike`, `10*maxAlike`)},
	{"a closed memory takes tokens", caches, "Index.clearSome", skip(`r.maxBytes = -1`)},
	{"a token that has gone is found", caches, "Index.drop", skip(`x.table.remove(hash, e)`)},
	{"tokens in use are forgotten first", caches, "Index.Get", skip(`e.use()`)},
	{"a tenant's remembered tokens need no proof", tokens, "Dynamic.VerifyBound",
		become(`admit(claims, prove)`, `claims, nil`)},
	{"an issuer's remembered tokens need no proof", tokens, "Multi.VerifyBound",
		become(`admit(claims, prove)`, `claims, nil`)},
	{"vouched claims need no proof", tokens, "NewBoundClaims",
		in(`if err := prove(claims.Confirmation()); err != nil`, never(`err != nil`))},
	{"control characters reach the challenge", tokens, "Challenge.String", never(`r < 0x20 || r > 0x7E`)},
	{"a caller without a token is told an error", tokens, "AuthError.Challenge", become(`CodeMissingToken`, `Code("")`)},
	{"a lifetime counts from an iat in the future", tokens, "Verifier.isShortLived",
		always(`claims.Expiry().Add(-v.claims.leeway).Sub(now) <= v.config.MaxLifetime`)},
	{"a lifetime needs no iat", tokens, "Verifier.checkPresent", in(`if v.config.MaxLifetime > 0 && c.issuedAt.IsZero()`, never(`c.issuedAt.IsZero()`))},
	{"a token without sub has an empty one", tokens, "matches", become(`value != ""`, `true`)},
	{"any actor satisfies a rule", tokens, "Requirement.check", never(`len(r.Actors) > 0`)},
	{"an actor of another issuer counts", tokens, "hasActor", always(`actor.Issuer == ""`)},
	{"an object may lack exp", tokens, "claimRules.vouch", never(`!c.hasExpiry && !config.AllowNoExpiry`)},
	{"an object may lack iss", tokens, "claimRules.vouch", never(`c.issuer == "" && config.Issuer == ""`)},
	{"an object need not be strict JSON", tokens, "claimRules.vouch", never(`!ok`)},
	{"an object's members may have any type", tokens, "claimRules.vouch", never(`misshapen != ""`)},
	{"an object may name another issuer", tokens, "checkVouched", never(`c.issuer != config.Issuer`)},
	{"vouched claims outlive their exp", tokens, "checkVouched", become(`checkTimes(claims, time.Now())`, `nil`)},
	// The configuration.
	{"there need be no audience", tokens, "Config.validateAudiences", never(`len(c.Audiences) == 0 && len(c.ClientIDs) == 0`)},
	{"an empty audience is one", tokens, "Config.validateAudiences", never(`slices.Contains(c.Audiences, "")`)},
	{"no algorithm means every one", tokens, "Config.validate", never(`len(c.Algorithms) == 0`)},
	{"any name is an algorithm", tokens, "Config.validate", in(`if !jws.IsAlgorithm(alg)`, never(`!jws.IsAlgorithm(alg)`))},
	{"leeway is not bounded", tokens, "Config.validateNumbers", never(`c.Leeway > maxLeeway`)},
	{"keys may live for any time", tokens, "Config.validateNumbers", never(`c.KeysTTL > maxKeysTTL`)},
	{"keys may live for an instant", tokens, "Config.validateNumbers", never(`c.KeysTTL < minKeysTTL`)},
	{"any number of tokens may be remembered", tokens, "Config.validateNumbers", never(`c.TokenCacheSize > maxTokenCacheSize`)},
	{"any header may be ignored", tokens, "Config.validate", never(`!slices.Contains(hintHeaders, name)`)},

	// The form and the header.
	{"names are compared with their escapes", jsons, "scanner.name", become(`unquote(s.text[start:s.at])`, `s.text[start+1 : s.at-1]`)},
	{"a name among many may be repeated", jsons, "names.addToMany", always(`len(s.many) > before`)},
	{"half of a surrogate pair is text", jsons, "escapeSize", never(`utf16.DecodeRune(first, second) == utf8.RuneError`)},
	{"an array's strings are read despite what else is in it", jsons, "Texts", never(`!isTexts`)},
	{"control characters stand in strings", jsons, "isPlain", become(`c >= ' '`, `true`)},
	{"a signature may be empty", tokens, "parseToken", never(`len(c.Signature) == 0`)},
	{"a place in the token is ignored", tokens, "token.parseHeader", become(`"jku"`, `"-jku"`)},
	{"a nested token is looked into", tokens, "token.parseHeader", become(`"cty"`, `"-cty"`)},
	{"alg may have any type", tokens, "token.parseHeader", never(`t.alg == "" || badAlg`)},
	{"typ may have any type", tokens, "token.parseHeader", never(`badTyp`)},
	{"the kid may have any length", tokens, "Verifier.checkHeader", never(`len(t.kid) > maxKeyNameBytes`)},
	{"what is kept may hold the whole document", keyed, "ReadJWK", become(`strings.Clone(*to)`, `strings.TrimSpace(*to)`)},

	// The key.
	{"large RSA keys are used", keyed, "checkStrength", never(`bits > maxRSABits`)},
	{"a key's algorithm may have any type", keyed, "ReadJWK", never(`*to == ""`)},
	{"a key need not be strict JSON", keyed, "ReadJWK", never(`!wellFormed`)},
	{"a shared secret is a key", keyed, "ReadJWK", skip(`k.problem = symmetric`)},

	// The claims.
	{"iss may be missing", tokens, "Verifier.checkPresent", never(`c.issuer == ""`)},
	{"aud may be missing", tokens, "Verifier.checkPresent", never(`c.audience == nil && len(v.config.ClientIDs) == 0`)},
	{"any client will do", tokens, "Verifier.isAudience", become(`slices.Contains(v.config.ClientIDs, claims.ClientID())`, `true`)},
	{"fractions in exp count", tokens, "claims.set", skip(`c.expiry = c.expiry.Truncate(time.Second)`)},
	{"leeway does not count for exp", tokens, "Claims.ValidUntil", become(`c.get().expiry.Add(c.get().rules.leeway)`, `c.get().expiry`)},
	{"leeway counts twice for exp", tokens, "Claims.ValidUntil", become(`c.get().rules.leeway`, `2*c.get().rules.leeway`)},
	{"leeway does not count for nbf", tokens, "checkTimes",
		become(`claims.validFrom()`, `claims.NotBefore()`)},
	{"an absent acr is the empty one", tokens, "Requirement.check", never(`c.acr == ""`)},
	{"a user who never authenticated did so in time", tokens, "claims.authenticatedWithin",
		become(`!c.authTime.IsZero() &&
			!time.Now().After(c.authTime.Add(maxAge).Add(c.rules.leeway))`,
			`c.authTime.IsZero() || !time.Now().After(c.authTime.Add(maxAge).Add(c.rules.leeway))`)},
	{"a scope grants what it begins", tokens, "Claims.HasScope", become(`slices.Contains(c.get().scopes, scope)`,
		`slices.ContainsFunc(c.get().scopes, func(s string) bool { return len(s) <= len(scope) && s == scope[:len(s)] })`)},
	{"a permission is not asked for", tokens, "Requirement.check", never(`!claims.HasPermission(permission)`)},
	{"scopes can be changed", tokens, "Claims.Scopes", become(`slices.Clone(c.get().scopes)`, `c.get().scopes`)},
	{"permissions can be changed", tokens, "Claims.Permissions", become(`slices.Clone(c.get().permissions)`, `c.get().permissions`)},
	{"audiences can be changed", tokens, "Claims.Audience", become(`slices.Clone(c.get().audience)`, `c.get().audience`)},
	{"the challenge leaves the baseline out", tokens, "Requirement.Check",
		become(`refusal.With(baseline).With(r)`, `refusal.With(r)`)},

	// The call and its answer.
	{"a call that has ended is judged", tokens, "Verifier.VerifyBound",
		in(`if err := ctx.Err(); err != nil`, never(`err != nil`))},
	{"remembered tokens come before the context", tokens, "Verifier.VerifyBound",
		in(`if err := ctx.Err(); err != nil`, become(`err != nil`, `err != nil && v.cache.Get(token) == nil`))},
	{"there are always keys", tokens, "Verifier.Ready", become(`v.keys.ready(ctx)`, `nil`)},
	{"a challenge may have no parameter", tokens, "AuthError.Challenge", become(`cmp.Or(realm, defaultRealm)`, `cmp.Or(realm)`)},
	{"an issuer's refusal is the caller's", tokens, "KeysError.Unwrap", never(`ok`)},
	{"a nil error has a code", tokens, "CodeOf", always(`authErr != nil`)},

	{"FAPI 2.0 takes any algorithm", tokens, "Config.validateFAPI2", never(`slices.ContainsFunc(c.Algorithms, isOther)`)},
	{"a caller of a bearer token learns no scope", tokens, "AuthError.With", become(`CodeUnboundToken`, `"x"`)},

	// What a user vouches for.
	{"vouched claims may be bound to what nothing proves", tokens, "checkVouched", never(`c.isBound && c.confirmation.IsZero()`)},
	{"an object may have any length", tokens, "claimRules.vouch", never(`len(object) > maxObjectBytes`)},
	{"an early exp is none", tokens, "claimRules.vouch",
		become(`c.neverExpires = !c.hasExpiry`, `c.neverExpires = c.expiry.IsZero()`)},
	{"claims without exp have expired", tokens, "Claims.ValidUntil", never(`c.get().neverExpires`)},
	{"an object's leeway is not bounded", tokens, "ClaimsConfig.claimRules", never(`c.Leeway > maxLeeway`)},
	{"an object's leeway may be negative", tokens, "ClaimsConfig.claimRules", never(`c.Leeway < 0`)},
	{"a credential may be asked for without pause", tokens, "ClaimsConfig.claimRules",
		never(`0 < c.Recheck && c.Recheck < minRecheck`)},
	{"a credential is asked for once", tokens, "ClaimsConfig.claimRules",
		become(`cmp.Or(c.Recheck, defaultRecheck)`, `c.Recheck`)},
	{"a field's claim is guessed", tokens, "Claims.Decode", never(`field != ""`)},
	{"a log line holds what claims say", tokens, "Claims.String",
		become(`field.Printable(c.get().issuer)`, `c.get().issuer`)},

	// Tokens that were verified before.
	{"remembered tokens are not bounded in number", caches, "ring.isFull", never(`len(r.entries) >= r.size`)},
	{"the bytes of a forgotten token count", caches, "ring.remove", skip(`r.bytes -= e.bytes`)},
	{"the lists in remembered tokens are not counted", tokens, "remembered.size", become(`words*wordBytes`, `0*words*wordBytes`)},
	{"remembered tokens are not copied", caches, "Cache.Add", become(`strings.Clone(token)`, `strings.TrimSpace(token)`)},
	{"a buffer keeps what it held", keyed, "Buffer.Release", skip(`clear((*b)[:cap(*b)])`)},
	{"a key in the token is ignored", tokens, "token.parseHeader", become(`"jwk"`, `"-jwk"`)},
	{"RFC 9068 does not ask for its claims", tokens, "Verifier.checkPresent", become(`v.config.RFC9068`, `false`)},
	{"any object's names are granted", tokens, "roles", always(`organizations > 0`)},
	{"a client admits a token with an audience", tokens, "Verifier.isAudience",
		become(`claims.get().audience == nil`, `(claims.get().audience == nil || len(v.config.ClientIDs) > 0)`)},
	{"zero claims grant what nothing asks for", tokens, "Requirement.Check",
		in(`if claims.IsZero()`, become(`return refuse(CodeMissingToken, "the call carries no access token")`, `return nil`))},
	{"quotes reach a description", tokens, "unquoted", never(`r == '"'`)},
	{"realms are not escaped", tokens, "Challenge.String", never(`r == '"' || r == '\\'`)},
	{"one permission of several is enough", tokens, "Requirement.check",
		become(`!claims.HasPermission(permission)`, `!claims.HasPermission(permission) && permission == r.Permissions[0]`)},
	{"RSA keys with a bad exponent are used", keyed, "checkStrength", never(`key.E < 3`)},
	{"a key's operations are ignored", keyed, "ReadJWK",
		never(`!ok || len(operations) > 0 && !slices.Contains(operations, "verify")`)},
	{"a token is remembered before its claims are checked", tokens, "Verifier.verify",
		become(`claims, refusal := v.readClaims(&t)`, `claims, refusal := v.claims.read(t.payload)
			if claims != nil { v.remember(token, claims, t.keyName(), key) }
			if refusal == nil { refusal = v.checkClaims(claims, time.Now()) }`)},
}
