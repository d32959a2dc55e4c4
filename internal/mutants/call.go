package main

// callMutants are about the procedure, the credential and the rule: what package
// interceptor decides for every adapter.
var callMutants = []mutant{
	// The procedure and its rule.
	{"a wildcard is a procedure", "interceptor/procedure.go",
		` && !strings.HasSuffix(s, "/*")`, ``, calls},
	{"a procedure may hold any character", "interceptor/procedure.go",
		`(c|0x20 < 'a' || c|0x20 > 'z')`, `c == 0`, calls},
	{"parts of a name may be empty", "interceptor/procedure.go",
		`if c == '.' && begins {`, `if c == '.' && false {`, calls},
	{"a procedure need not begin with a slash", "interceptor/procedure.go",
		`if !strings.HasPrefix(procedure, "/") {`, `if procedure == "" {`, calls},
	{"the widest rule wins", "interceptor/policy.go",
		`if rule := p.services[service]; rule != nil {`, `if rule := p.services[service]; rule != nil && p.others == nil {`, calls},
	{"a public procedure may ask for grants", "interceptor/policy.go",
		`r.Access == Public && asks`, `false && asks`, calls},
	{"an unknown access is required", "interceptor/policy.go",
		`r.Access < Required || `, ``, calls},
	{"a policy key may have any form", "interceptor/policy.go",
		`!ok && key != "/*"`, `!ok && key == ""`, calls},
	{"a policy may be given twice", "interceptor/option.go",
		`return errors.New("interceptor: WithPolicy was given twice")`, `_ = errors.New("")`, calls},
	{"a policy can be changed afterwards", "interceptor/policy.go",
		`rule.Require = rule.Require.Clone()`, ``, calls},
	{"a nil verifier is a verifier", "interceptor/authenticator.go",
		`return value.IsNil()`, `return false`, calls},
	{"a nil option is an option", "interceptor/authenticator.go",
		`if option == nil {`, `if false {`, calls},
	{"a nil refusal is one", "interceptor/refusal.go",
		`ok && authErr != nil {`, `ok {`, calls},
	{"a nil outage is one", "interceptor/refusal.go",
		`ok && keysErr != nil {`, `ok {`, calls},
	{"a nil refusal of Allow is one", "interceptor/judge.go",
		`ok && authErr != nil {`, `ok && (authErr != nil || ok) {`, calls},
	{"a zero Authenticator is one", "interceptor/judge.go",
		`if a.verifier == nil {`, `if false {`, calls},

	// The credential.
	{"the first of two credentials in one value is another scheme", "interceptor/bearer.go",
		`if err != nil || len(credentials) > 1 {`, `if err != nil {`, calls},
	{"credentials of other schemes are read whatever they cost", "interceptor/bearer.go",
		` || strings.Count(value, ",") > maxListCommas`, ``, calls},
	{"a token may be empty", "interceptor/bearer.go",
		`return token != ""`, `return true`, calls},
	{"an empty credential is none", "interceptor/judge.go",
		`len(call.Authorization) == 0`, `(len(call.Authorization) == 0 || call.Authorization[0] == "")`, calls},
	{"a public procedure has a caller", "interceptor/judge.go",
		`rule.Access == Public ||`, `rule.Access == Public && len(call.Authorization) == 0 ||`, calls},
	{"claims with an error are believed", "interceptor/authenticator.go",
		`decision.Claims, decision.Code = nil, refusal.Code`, `decision.Code = refusal.Code`, calls},

	// The rule.
	{"what middleware has verified needs no grants", "interceptor/judge.go",
		`if err := rule.Require.Check(claims); err != nil {`,
		`if err := rule.Require.Check(claims); err != nil && a.verified(ctx, token) == nil {`, []string{"./interceptor", "./connectauth"}},
	{"the challenge leaves the baseline out", "verifier/requirement.go",
		`return refusal.With(baseline).With(r)`, `return refusal.With(r)`, calls},
	{"an error of Allow is nobody's fault", "interceptor/judge.go",
		`ok && authErr != nil {
		return err`, `ok && authErr != nil || true {
		return err`, calls},
	{"the reason of Allow is lost", "interceptor/judge.go",
		`		Err:     err,
`, ``, calls},
	{"Allow sees the claims of an outer call", "interceptor/judge.go",
		`rule.Allow(ContextWithClaims(ctx, claims), claims)`, `rule.Allow(ctx, claims)`, calls},
	{"the observer sees the claims of an outer call", "interceptor/decision.go",
		`a.observe(ContextWithClaims(ctx, d.Claims), d)`, `a.observe(ctx, d)`, calls},
	{"a call that ends while Allow runs is not allowed", "interceptor/judge.go",
		`if err == nil || ctx.Err() != nil {`, `if err == nil {`, calls},
	{"an error of Allow is told to the caller", "interceptor/judge.go",
		`Message: "the call is not allowed"`, `Message: err.Error()`, calls},

	// The answer.
	{"a refusal of the issuer's is the caller's", "verifier/error.go",
		`errors.AsType[*AuthError](e.Err); ok {`, `errors.AsType[*AuthError](e.Err); ok && false {`, calls},
	{"a message may hold any bytes", "interceptor/refusal.go",
		`strings.ToValidUTF8(err.Message, "?")`, `err.Message`, calls},
	{"a delay may be negative", "interceptor/refusal.go",
		`max(0, keysErr.RetryAfter)`, `keysErr.RetryAfter`, calls},
	{"somebody else's end is the call's own", "interceptor/refusal.go",
		`switch ctx.Err() {`, `switch err {`, calls},
	{"what is not enough is not a token", "interceptor/refusal.go",
		`if err.StatusCode() == http.StatusForbidden {`, `if err.StatusCode() == http.StatusOK {`, calls},
	{"a realm may hold any character", "interceptor/option.go",
		`if r < 0x20 || r > 0x7E {`, `if r < 0 {`, calls},
	{"nobody hears of a call", "interceptor/authenticator.go",
		`	a.report(ctx, decision)
	if refusal != nil {`, `	if refusal != nil {`, calls},
	{"nobody hears of a refusal by middleware", "interceptor/authenticator.go",
		`		a.report(ctx, decision)
`, ``, calls},
	{"nobody hears of an expiry", "interceptor/stream.go",
		`s.call.end(s.ctx, decision)`, `_ = decision`, calls},

	// Streams.
	{"the context does not say why it ended", "interceptor/stream.go",
		`s.cancel(expired())`, `s.cancel(nil)`, calls},
	{"what embeds a message is one", "interceptor/message.go",
		`; isSameType(fresh, m) {`, `; fresh != nil {`, calls},
	{"codecs find nothing in a message", "interceptor/message.go",
		`	fresh.Elem().Set(value.Elem())
`, ``, calls},
	{"an ended stream still has its timer", "interceptor/stream.go",
		`	s.timer.Stop()
`, ``, calls},
	{"an ended stream still has its pump", "interceptor/stream.go",
		`		s.cancel(nil)
		close(s.done)`, `		s.cancel(nil)`, calls},
	{"a message that comes too late is received", "interceptor/stream.go",
		`if refusal := s.Expired(); refusal != nil {
			return refusal, nil`, `if refusal := s.Expired(); refusal != nil && r.err != nil {
			return refusal, nil`, calls},
	{"a panic of the transport ends the server", "interceptor/stream.go",
		`defer func() { r.panicked = recover() }()`, ``, calls},
}
