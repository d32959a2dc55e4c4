package main

// rememberedMutants are about tokens that were verified before.
var rememberedMutants = []mutant{
	{"tokens are remembered before their claims are checked", "verifier/verifier.go",
		`r := &remembered{token: token, kid: t.kid, key: key}`,
		`r := &remembered{token: token, kid: t.kid, key: key}; v.tokens.add(r); _ = v.parseClaims(&r.claims, t.payload)`, tokens},
	{"remembered tokens outlive their exp", "verifier/remembered.go",
		`v.checkTimes(&r.claims, time.Now())`, `v.checkTimes(&r.claims, time.Unix(0, 0))`, tokens},
	{"remembered tokens outlive their key", "verifier/remembered.go",
		`!v.keys.holds(r.kid, r.key) || `, ``, tokens},
	{"remembered tokens may be of another key of the same ID", "verifier/keyset.go",
		`return slices.Contains(keys, key)`, `return len(keys) > 0 || slices.Contains(keys, key)`, tokens},
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
}
