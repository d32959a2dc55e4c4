package main

var (
	tokens   = []string{"./verifier"}
	calls    = []string{"./interceptor"}
	grpcs    = []string{"./grpcauth", "./internal/wire"}
	connects = []string{"./connectauth", "./internal/wire"}
)

// mutants are the defences that are listed in SECURITY.md, in that order.
var mutants = []mutant{
	// The procedure and the credential.
	{"any string is a procedure", "interceptor/procedure.go",
		`return ok && !strings.HasSuffix(s, "/*")`, `return true || ok`, calls},
	{"a procedure without a rule is public", "interceptor/policy.go",
		`return Rule{}, "", true`, `return Rule{Access: Public}, "", true`, calls},
	{"the first of several credentials is taken", "interceptor/bearer.go",
		`if len(authorization) > 1 {`, `if false {`, calls},
	{"any scheme will do", "interceptor/bearer.go",
		`if !strings.EqualFold(scheme, "Bearer") {`, `if scheme == "" {`, calls},
	{"a credential may be of any length", "interceptor/bearer.go",
		`len(token) > verifier.MaxTokenBytes || `, ``, calls},
	{"a credential may hold any character", "interceptor/bearer.go",
		` || !isB64Token(token)`, ``, calls},
	{"what was sent to an optional procedure is ignored", "interceptor/judge.go",
		`rule.Access == Optional && len(call.Authorization) == 0`, `rule.Access == Optional`, calls},
	{"no claims and no error mean yes", "interceptor/judge.go",
		`if err == nil && claims == nil {`, `if false {`, calls},

	// The form.
	{"a token may be of any length", "verifier/token.go",
		`if len(raw) > MaxTokenBytes {`, `if false {`, tokens},
	{"line breaks are skipped", "verifier/token.go",
		`if strings.ContainsRune(raw, '\r') || strings.ContainsRune(raw, '\n') {`, `if false {`, tokens},
	{"base64 is decoded leniently", "verifier/token.go",
		`base64.RawURLEncoding.Strict()`, `base64.RawURLEncoding`, tokens},
	{"nesting is not bounded", "internal/strictjson/strictjson.go",
		`if isDeeper(text, maxDepth) {`, `if false {`, tokens},
	{"names may be repeated", "internal/strictjson/decoder.go",
		`dec.Reset(&dec.buffer)`, `dec.Reset(&dec.buffer, jsontext.AllowDuplicateNames(true))`, tokens},
	{"invalid UTF-8 is repaired", "internal/strictjson/decoder.go",
		`dec.Reset(&dec.buffer)`, `dec.Reset(&dec.buffer, jsontext.AllowInvalidUTF8(true))`, tokens},
	{"data may follow the object", "internal/strictjson/strictjson.go",
		`return errors.Is(err, io.EOF)`, `return err == nil || errors.Is(err, io.EOF)`, tokens},
	{"numbers may be of any magnitude", "internal/strictjson/strictjson.go",
		`return f, strings.TrimPrefix(value, "-") == strconv.Itoa(maxExactInteger)`,
		`return f, err == nil || strings.TrimPrefix(value, "-") == ""`, tokens},

	// The header.
	{"forbidden parameters are ignored", "verifier/token.go",
		`forbidden = true`, `forbidden = false`, tokens},
	{"every algorithm is allowed", "verifier/check.go",
		`case !slices.Contains(v.algorithms, t.alg):`, `case false:`, tokens},
	{"the kid may be missing", "verifier/check.go",
		`case t.kid == "":`, `case false:`, tokens},
	{"the kid may be of any length", "verifier/check.go",
		`case len(t.kid) > maxKidBytes:`, `case false:`, tokens},
	{"tokens of other types are accepted", "verifier/check.go",
		`, !t.isAccessToken():`, `:`, tokens},
	{"RFC 9068 does not ask for its type", "verifier/check.go",
		`case v.rfc9068 && !t.hasType("at+jwt"), !t`, `case !t`, tokens},

	// The key.
	{"a key's own algorithm is ignored", "internal/jws/key.go",
		`(k.alg == "" || k.alg == alg) && `, ``, tokens},
	{"a key's use is ignored", "internal/jws/key.go",
		`fit = fit && ok && use == "sig"`, `_, _ = use, ok`, tokens},
	{"a key's operations are ignored", "internal/jws/key.go",
		`fit = fit && ok && slices.Contains(operations, "verify")`, `_ = slices.Contains(operations, "verify") && ok`, tokens},
	{"published private keys are used", "internal/jws/key.go",
		`			fit = false`, `			fit = fit && true`, tokens},
	{"small RSA keys are used", "internal/jws/key.go",
		`bits < minRSABits || `, ``, tokens},
	{"RSA keys of a bad exponent are used", "internal/jws/key.go",
		`rsaKey.E < 3 || rsaKey.E > math.MaxInt32 || rsaKey.E%2 == 0`, `rsaKey.E > math.MaxInt32`, tokens},
	{"the first of ambiguous keys is taken", "verifier/keyset.go",
		`case !found.Equal(candidate):`, `case false:`, tokens},

	// The signature.
	{"no signature is checked", "verifier/verifier.go",
		`if !key.Verify(t.alg, t.signed, t.signature) {`, `if key == nil {`, tokens},
	{"PSS salts may be of any length", "internal/jws/algorithm.go",
		`rsa.PSSSaltLengthEqualsHash`, `rsa.PSSSaltLengthAuto`, tokens},
	{"ECDSA signatures may be of any length", "internal/jws/algorithm.go",
		`if len(signature) != 2*size {`, `if len(signature) < 2*size {`, tokens},
	{"curves are not bound to their algorithm", "internal/jws/algorithm.go",
		`a.scheme == ecdsaRaw && a.curve == key.Curve`, `a.scheme == ecdsaRaw && key.Curve != nil`, tokens},

	// The claims.
	{"any issuer will do", "verifier/check.go",
		`case c.issuer != v.issuer:`, `case false:`, tokens},
	{"any audience will do", "verifier/check.go",
		`case !v.isAudience(c):`, `case false:`, tokens},
	{"a client admits a token with an audience", "verifier/check.go",
		`	if c.audience == nil {`, `	if c.audience == nil || len(v.clientIDs) > 0 {`, tokens},
	{"exp may be missing", "verifier/check.go",
		`case c.expiry.IsZero():`, `case false:`, tokens},
	{"a token lives through the second of its exp", "verifier/check.go",
		`case !now.Before(c.ValidUntil()):`, `case now.After(c.ValidUntil()):`, tokens},
	{"nbf is ignored", "verifier/check.go",
		`case now.Before(c.notBefore.Add(-v.leeway)):`, `case false:`, tokens},
	{"bound tokens are bearer tokens", "verifier/check.go",
		`case c.senderConstrained:`, `case false:`, tokens},
	{"claims may have any type", "verifier/claims.go",
		`if !shaped {`, `if false {`, tokens},
	{"RFC 9068 does not ask for its claims", "verifier/check.go",
		`if v.rfc9068 && (c.audience`, `if false && (c.audience`, tokens},

	// Remembered tokens.
	{"tokens are remembered before their claims are checked", "verifier/verifier.go",
		`r := &remembered{token: token, kid: t.kid, key: key}`,
		`r := &remembered{token: token, kid: t.kid, key: key}; v.tokens.add(r); _ = v.parseClaims(&r.claims, t.payload)`, tokens},
	{"remembered tokens outlive their exp", "verifier/remembered.go",
		`v.checkTimes(&r.claims, time.Now())`, `v.checkTimes(&r.claims, time.Unix(0, 0))`, tokens},
	{"remembered tokens outlive their key", "verifier/remembered.go",
		`!v.keys.holds(r.kid, r.key) || `, ``, tokens},
	{"remembered tokens may be of another key of the same ID", "verifier/keysource.go",
		`return slices.Contains(keys, key)`, `return len(keys) > 0 || slices.Contains(keys, key)`, tokens},
	{"remembered tokens outlive the set of their key", "verifier/keysource.go",
		`if !set.isFresh(time.Now()) {`, `if set == nil {`, tokens},
	{"a remembered token is not compared", "verifier/remembered.go",
		`r != nil && r.token == token`, `r != nil`, tokens},
	{"remembered tokens are not bounded in number", "verifier/remembered.go",
		`simplelru.NewLRU(size, `, `simplelru.NewLRU(size+100, `, tokens},
	{"remembered tokens are not bounded in bytes", "verifier/remembered.go",
		`for s.bytes > s.maxBytes {`, `for false {`, tokens},
	{"the lists of remembered tokens are not counted", "verifier/remembered.go",
		`words*wordBytes`, `0*words*wordBytes`, tokens},
	{"remembered tokens are not copied", "verifier/remembered.go",
		`strings.Clone(r.token)`, `strings.TrimSpace(r.token)`, tokens},
	{"remembered tokens come before the context", "verifier/verifier.go",
		`	if err := ctx.Err(); err != nil {
		return nil, err
	}
	claims := v.recall(token)`, `	claims := v.recall(token)
	if err := ctx.Err(); err != nil && claims == nil {
		return nil, err
	}`, tokens},
	{"remembered tokens are not asked for the baseline", "verifier/verifier.go",
		`	claims := v.recall(token)
	if claims == nil {`, `	claims := v.recall(token)
	if claims != nil {
		return claims, nil
	} else {`, tokens},

	// The rule.
	{"the baseline is not asked for", "verifier/verifier.go",
		`if err := v.require.Check(claims); err != nil {`, `if err := v.require.Check(claims); err != nil && false {`, tokens},
	{"one scope of several is enough", "verifier/requirement.go",
		`if !claims.HasScope(scope) {`, `if !claims.HasScope(scope) && scope == r.Scopes[0] {`, tokens},
	{"the rule's grants are not asked for", "interceptor/judge.go",
		`err = rule.Require.Check(claims)`, `_ = rule.Require.Check(claims)`, calls},
	{"Allow is not asked", "interceptor/judge.go",
		`if rule.Allow == nil {`, `if true {`, calls},
	{"claims of an outer call are left in the context", "interceptor/context.go",
		`claims == nil && !ok {`, `claims == nil && (ok || !ok) {`, calls},
	{"the middleware's claims are another authenticator's", "interceptor/context.go",
		`v.by != a || `, ``, calls},
	{"the middleware's claims are another token's", "interceptor/context.go",
		`v.token != token || `, ``, calls},
	{"the middleware's claims outlive the token", "interceptor/context.go",
		`!time.Now().Before(v.claims.ValidUntil())`, `!time.Unix(0, 0).Before(v.claims.ValidUntil())`, calls},

	// Streams.
	{"streams outlive their token", "interceptor/stream.go",
		`time.AfterFunc(time.Until(s.until), s.expire)`, `time.AfterFunc(1<<62, s.expire)`, calls},
	{"the clock is not asked before a send", "interceptor/stream.go",
		`if !time.Now().Before(s.until) {`, `if false {`, calls},
	{"a handler's nil hides the expiry", "grpcauth/interceptor.go",
		`if refusal := stream.End(); refusal != nil {`, `if refusal := stream.End(); refusal != nil && err != nil {`, grpcs},
	{"a handler's nil hides the expiry from Connect", "connectauth/interceptor.go",
		`if refusal := stream.End(); refusal != nil {`, `if refusal := stream.End(); refusal != nil && err != nil {`, connects},
	{"the handler's own message is received into", "interceptor/stream.go",
		`fresh := newMessage(m)`, `fresh := m`, calls},

	// Keys and their issuer.
	{"metadata may name another issuer", "verifier/metadata.go",
		`case name != issuer:`, `case name == "":`, tokens},
	{"plain http is allowed", "verifier/metadata.go",
		`(allowHTTP || isLoopback(u.Hostname()))`, `true`, tokens},
	{"redirects may lead anywhere", "verifier/issuer.go",
		`if req.URL.Host != from.Host || req.URL.Scheme != from.Scheme {`, `if from == nil {`, tokens},
	{"documents may be of any size", "verifier/issuer.go",
		`io.LimitReader(res.Body, maxDocumentBytes+1)`, `io.LimitReader(res.Body, 1<<30)`, tokens},
	{"an empty key set replaces a good one", "verifier/keyset.go",
		`if !slices.ContainsFunc(document.Keys, isUsable) {`, `if slices.Contains([]bool{isUsable(nil)}, true) {`, tokens},
	{"keys are good for ever", "verifier/keyset.go",
		`(s.expires.IsZero() || now.Before(s.expires))`, `true`, tokens},
	{"unknown kids fetch without bound", "verifier/bucket.go",
		`if b.spent == unknownKidBurst {`, `if false {`, tokens},
	{"an outage is asked about on every call", "verifier/outage.go",
		`return now.Before(o.retryAt)`, `return false`, tokens},
	{"a fetch has no deadline", "verifier/keysource.go",
		`context.WithTimeout(context.Background(), s.timeout)`, `context.WithCancel(context.Background())`, tokens},
	{"a panic in a fetch ends the server", "verifier/keysource.go",
		`if p := recover(); p != nil {`, `if p := any(nil); p != nil {`, tokens},

	// The answer.
	{"realms are not escaped", "verifier/challenge.go",
		`if r == '"' || r == '\\' {`, `if false {`, tokens},
	{"control characters reach the challenge", "verifier/challenge.go",
		`if r < 0x20 || r > 0x7E {`, `if false {`, tokens},
	{"an outage is the token's fault", "interceptor/refusal.go",
		`Code:    code.Code_UNAVAILABLE,`, `Code:    code.Code_UNAUTHENTICATED,`, calls},
	{"an unknown error admits nobody but says why", "interceptor/refusal.go",
		`Message: "the call could not be authenticated"`, `Message: err.Error()`, calls},
}
