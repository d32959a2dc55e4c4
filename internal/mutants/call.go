package main

// What package interceptor decides for every adapter.
var calls = home{"interceptor", []string{"interceptor"}}

var callRules = []mutant{
	// The procedure.
	{"any string is a procedure", calls, "IsProcedure", always(`ok && !strings.HasSuffix(s, "/*")`)},
	{"any string falls under a rule", calls, "policy.rule", never(`!ok || strings.HasSuffix(procedure, "/*")`)},
	{"a procedure without a rule is public", calls, "policy.rule",
		become(`return noRule, true`, `return &keyedRule{Rule: Rule{Access: AccessPublic}}, true`)},

	// The credential.
	{"the first of several credentials is taken", calls, "bearerToken", never(`len(authorization) > 1`)},
	{"any scheme will do", calls, "bearerToken", never(`!strings.EqualFold(scheme, "Bearer")`)},
	{"two credentials in one value are another scheme's", calls, "isOtherScheme", never(`len(credentials) > 1`)},
	{"a credential may have any length", calls, "bearerToken", never(`len(value) > len("Bearer ")+maxTokenBytes`)},
	{"a credential may hold any character", calls, "bearerToken", never(`!isB64Token(token)`)},
	{"an optional procedure ignores what was sent", calls, "Authenticator.caller", always(`len(call.Authorization) == 0`)},
	{"no claims and no error mean yes", calls, "Authenticator.verify", never(`claims.IsZero()`)},
	{"a zero Authenticator admits", calls, "Authenticator.caller", never(`a.verifier == nil`)},

	// The rule.
	{"the rule's grants are not asked for", calls, "Authenticator.caller",
		in(`if err := rule.Require.Check(claims); err != nil`, never(`err != nil`))},
	{"Allow is not asked", calls, "Authenticator.caller", never(`rule.Allow != nil`)},
	{"a denied procedure is admitted", calls, "Authenticator.caller", never(`rule.Access == AccessDenied`)},
	{"an error from Allow is told to the caller", calls, "denial", become(`"the call is not allowed"`, `err.Error()`)},

	// The context, and what the observer sees.
	{"an outer call's claims are left in the context", calls, "callContext.Value",
		become(`return c.decision.Claims`, `if c.decision.Claims == nil { return c.Context.Value(key) }; return c.decision.Claims`)},
	{"the observer misses a call", calls, "Authenticator.Authenticate", skip(`a.report(ctx, decision)`)},
	{"the observer misses a late refusal", calls, "Admission.End", skip(`a.report(StageHandler, refusal)`)},
	{"another call's refusal counts", calls, "Admission.End", never(`refusal.call != &a.ctx`)},

	// Streams.
	{"a token may expire while Allow runs", calls, "askAllow", never(`err == nil && !time.Now().Before(claims.ValidUntil())`)},
	{"a stream outlives its key", calls, "Stream.look", never(`s.recheck > 0`)},
	{"an outage ends a stream", calls, "Stream.verifyAgain",
		become(`errors.AsType[*verifier.AuthError](err)`, `new(verifier.AuthError), !errors.Is(err, nil)`)},
	{"a challenge may have any length", calls, "shorten", always(`len(text) <= maxChallengeBytes`)},
	{"a realm may have any length", calls, "WithRealm", never(`len(realm) > maxRealmBytes`)},
	{"a second observer replaces the first", calls, "WithObserver", never(`a.observe != nil`)},
	{"streams outlive their token", calls, "Stream.nextLook", become(`min(wait, time.Until(s.expiry))`, `wait`)},
	{"the clock is not asked before a send", calls, "Stream.Check", never(`!time.Now().Before(s.expiry)`)},
	{"the handler's own message is received into", calls, "Stream.Receive", become(`newMessage(m)`, `m`)},

	// The answer.
	{"an outage is the token's fault", calls, "Authenticator.newRefusal", become(`CodeUnavailable`, `CodeUnauthenticated`)},
	{"an unknown error is told to the caller", calls, "Authenticator.newRefusal",
		become(`"the call could not be authenticated"`, `err.Error()`)},
	{"what is not enough is not a token", calls, "Authenticator.newChallenge", never(`err.StatusCode() == http.StatusForbidden`)},
}

var callDetails = []mutant{
	{"a procedure may hold any character", calls, "isName", become(`(c|0x20 < 'a' || c|0x20 > 'z')`, `c == 0`)},
	{"parts of a name may be empty", calls, "isName", never(`c == '.' && begins`)},
	{"a procedure need not begin with a slash", calls, "serviceOf",
		become(`!strings.HasPrefix(procedure, "/")`, `procedure == ""`)},
	{"a policy may be given twice", calls, "WithPolicy", never(`a.policy.procedures != nil`)},
	{"a policy can be changed afterwards", calls, "Policy.compile", become(`rule.Require.Clone()`, `rule.Require`)},
	{"a wildcard counts as an explicit rule", calls, "policy.check",
		become(`p.procedures[procedure] == nil`, `func() bool { rule, _ := p.rule(procedure); return rule == noRule }()`)},
	{"misspelt procedures are not found", calls, "policy.check", never(`!known[key]`)},
	{"misspelt services are not found", calls, "policy.check", never(`!services[service]`)},
	{"a nil verifier is a verifier", calls, "isNil", become(`value.IsNil()`, `false`)},
	{"a nil option is an option", calls, "New", never(`option == nil`)},
	{"a realm may hold any character", calls, "WithRealm", never(`r < 0x20 || r > 0x7E`)},
	{"a nil AuthError refuses", calls, "Authenticator.newRefusal", always(`authErr != nil`)},
	{"a nil KeysError is an outage", calls, "Authenticator.newRefusal", always(`keysErr != nil`)},
	{"a nil AuthError from Allow refuses", calls, "denial", always(`authErr != nil`)},
	{"other credentials are read whatever they cost", calls, "isOtherScheme", never(`strings.Count(value, ",") > maxListCommas`)},
	{"an empty credential is none", calls, "Authenticator.caller",
		become(`len(call.Authorization) == 0`, `(len(call.Authorization) == 0 || call.Authorization[0] == "")`)},
	{"a public procedure has a caller", calls, "Authenticator.caller",
		become(`rule.Access == AccessPublic`, `rule.Access == AccessPublic && len(call.Authorization) == 0`)},
	{"the challenge leaves the rule's needs out", calls, "Authenticator.caller", become(`withNeedsOf(rule, err)`, `err`)},
	{"Allow's reason is lost", calls, "denial", become(`Err: err`, `Err: nil`)},
	{"Allow sees an outer call's claims", calls, "askAllow", become(`ContextWithClaims(ctx, claims)`, `ctx`)},
	{"the observer sees an outer call's claims", calls, "Authenticator.report",
		become(`ContextWithClaims(ctx, d.Claims)`, `ctx`)},
	{"a message may hold any bytes", calls, "Authenticator.newChallenge",
		become(`strings.ToValidUTF8(message, "?")`, `message`)},
	{"a delay may be negative", calls, "Authenticator.newRefusal",
		become(`durationpb.New(max(0, keysErr.RetryAfter))`, `durationpb.New(keysErr.RetryAfter)`)},
	{"what embeds a message is one", calls, "newMessage",
		in(`if fresh := message.ProtoReflect().New().Interface(); isSameType(fresh, m)`, always(`isSameType(fresh, m)`))},
	{"codecs find nothing in a message", calls, "newMessage", skip(`fresh.Elem().Set(value.Elem())`)},
	{"an ended stream still has its timer", calls, "Stream.End", skip(`s.timer.Stop()`)},
	{"an ended stream still has its pump", calls, "Stream.End", skip(`close(s.ended)`)},
	{"a panic in the transport ends the server", calls, "Stream.receiveOne", skip(`defer func() { r.panicked = recover() }()`)},
	{"a wildcard is a procedure", calls, "IsProcedure", always(`!strings.HasSuffix(s, "/*")`)},
	{"a policy key may have any form", calls, "Rule.validate", never(`!ok && key != "/*"`)},
	{"an unknown access is one", calls, "Rule.validate", never(`r.Access < AccessRequired || r.Access > AccessDenied`)},
	{"a public procedure may ask for grants", calls, "Rule.validate", never(`r.Access == AccessPublic && asks`)},
	{"a call that ends while Allow runs is not allowed", calls, "askAllow", never(`ctx.Err() != nil`)},
	{"the observer misses a refusal by the middleware", calls, "Authenticator.Preauthenticate", skip(`a.report(ctx, decision)`)},
	{"the observer misses an expiry", calls, "Stream.End", skip(`s.admission.report(StageStream, s.refusal)`)},
	{"the context does not say why it ended", calls, "Stream.endEarly", become(`s.cancel(&cause)`, `s.cancel(func() error { _ = cause; return nil }())`)},
	{"a message that comes too late is received", calls, "Stream.Receive",
		in(`if refusal := s.Check(); refusal != nil`, never(`refusal != nil`))},
	{"another end is the call's own", calls, "Authenticator.newRefusal", become(`ctx.Err()`, `err`)},
	{"a token may be empty", calls, "isB64Token", always(`token != ""`)},
	{"the widest rule wins", calls, "policy.rule",
		in(`if rule := p.services[service]; rule != nil`, become(`rule != nil`, `rule != nil && p.others == nil`))},
}
