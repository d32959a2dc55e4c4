package main

// tokenMutants are about the token: what package verifier asks of it beyond what the
// first list takes away.
var tokenMutants = []mutant{
	// The configuration.
	{"there need be no audience", "verifier/validate.go",
		`case len(c.Audiences) == 0 && len(c.ClientIDs) == 0:`, `case false:`, tokens},
	{"an empty audience is one", "verifier/validate.go",
		`case slices.Contains(c.Audiences, ""):`, `case false:`, tokens},
	{"no algorithm means every one", "verifier/validate.go",
		`case len(c.Algorithms) == 0:`, `case false:`, tokens},
	{"any name is an algorithm", "verifier/validate.go",
		`if !jws.IsAlgorithm(alg) {`, `if !jws.IsAlgorithm(alg) && alg == "" {`, tokens},
	{"leeway is not bounded", "verifier/validate.go",
		`c.Leeway < 0 || c.Leeway > maxLeeway`, `c.Leeway < 0`, tokens},
	{"keys may live for any time", "verifier/validate.go",
		`c.KeysTTL < 0 || c.KeysTTL > maxKeysTTL`, `c.KeysTTL < 0`, tokens},

	// The header.
	{"crit is understood", "verifier/token.go",
		`case "crit", "b64"`, `case "b64"`, tokens},
	{"a key of the token's own is ignored", "verifier/token.go",
		`"jwk", "x5c"`, `"x5c"`, tokens},
	{"a place of the token's own is ignored", "verifier/token.go",
		`"jku", "x5u"`, `"x5u"`, tokens},
	{"a nested token is looked into", "verifier/token.go",
		`"epk", "cty"`, `"epk"`, tokens},
	{"alg may have any type", "verifier/token.go",
		`case t.alg == "" || badAlg:`, `case t.alg == "\x00" || badAlg && false:`, tokens},
	{"typ may have any type", "verifier/token.go",
		`badTyp = !ok || t.typ == ""`, `badTyp = !ok && false`, tokens},

	// The key.
	{"large RSA keys are used", "internal/jws/key.go",
		`bits > maxRSABits || `, ``, []string{"./internal/jws"}},
	{"a key's algorithm may have any type", "internal/jws/key.go",
		`fit = fit && ok && alg != ""`, `_ = ok`, tokens},
	{"a key need not be strict JSON", "internal/jws/key.go",
		`return alg, wellFormed && fit`, `return alg, fit || wellFormed && fit`, []string{"./internal/jws"}},
	{"an ID may be shared by any number of keys", "verifier/keyset.go",
		`len(jwks) == 0 || len(jwks) > maxSharedKid`, `len(jwks) == 0`, tokens},

	// The claims.
	{"iss may be missing", "verifier/check.go",
		`case c.issuer == "":`, `case false:`, tokens},
	{"aud may be missing", "verifier/check.go",
		`case c.audience == nil && len(v.clientIDs) == 0:`, `case false:`, tokens},
	{"any client will do", "verifier/check.go",
		`return slices.Contains(v.clientIDs, c.ClientID())`, `return true`, tokens},
	{"the fraction of exp counts", "verifier/claims.go",
		`c.expiry = c.expiry.Truncate(time.Second)`, ``, tokens},
	{"leeway does not count for exp", "verifier/claims.go",
		`c.expiry.Add(c.leeway)`, `c.expiry`, tokens},
	{"leeway counts twice for exp", "verifier/claims.go",
		`c.expiry.Add(c.leeway)`, `c.expiry.Add(2 * c.leeway)`, tokens},
	{"leeway does not count for nbf", "verifier/check.go",
		`c.notBefore.Add(-v.leeway)`, `c.notBefore`, tokens},
	{"a scope grants what it begins", "verifier/claims.go",
		`return slices.Contains(c.scopes, scope)`,
		`return slices.ContainsFunc(c.scopes, func(s string) bool { return strings.HasPrefix(s, scope) })`, tokens},
	{"a permission is not asked for", "verifier/requirement.go",
		`if !claims.HasPermission(permission) {`, `if !claims.HasPermission(permission) && permission == "" {`, tokens},
	{"no claims grant everything", "verifier/requirement.go",
		`if claims == nil {`, `if claims == nil && len(r.Scopes) == 0 { return nil }; if claims == nil {`,
		[]string{"./verifier", "./interceptor"}},
	{"scopes can be changed", "verifier/claims.go",
		`return slices.Clone(c.scopes)`, `return c.scopes`, tokens},
	{"permissions can be changed", "verifier/claims.go",
		`return slices.Clone(c.permissions)`, `return c.permissions`, tokens},
	{"audiences can be changed", "verifier/claims.go",
		`return slices.Clone(c.audience)`, `return c.audience`, tokens},

	// The call and its end.
	{"a call that has ended is judged", "verifier/verifier.go",
		`	if err := ctx.Err(); err != nil {
		return nil, err
	}
	claims := v.recall(token)`, `	claims := v.recall(token)`, tokens},
	{"there are always keys", "verifier/verifier.go",
		`return v.keys.ready(ctx)`, `return nil`, tokens},

	// The answer.
	{"a challenge may have no parameter", "verifier/error.go",
		`if realm == "" {`, `if false {`, tokens},
	{"a caller without a token is told an error", "verifier/error.go",
		`	case CodeMissingToken:
`, ``, tokens},
	{"quotes reach a description", "verifier/error.go",
		`r > 0x7E || r == '"' || r == '\\'`, `r > 0x7E`, tokens},
	{"an error tells its cause", "verifier/error.go",
		`return string(e.Code) + ": " + e.Message`, `if e.Err != nil { return e.Err.Error() }; return string(e.Code) + ": " + e.Message`,
		[]string{"./verifier", "./interceptor"}},
}
