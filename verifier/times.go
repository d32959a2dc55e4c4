package verifier

import "time"

// checkTimes makes the only checks whose result can change for claims that were once valid.
func checkTimes(claims *Claims, now time.Time) *AuthError {
	leeway := claims.get().rules.leeway
	switch {
	case !now.Before(claims.ValidUntil()):
		return refuse(CodeTokenExpired, "the token has expired").because(
			"exp was %v ago, and Config.Leeway is %v", now.Sub(claims.Expiry()).Round(time.Second), leeway)
	case now.Before(claims.get().notBefore.Add(-leeway)):
		return refuse(CodeTokenNotYetValid, "the token is not valid yet").because(
			"nbf is %v from now, and Config.Leeway is %v: do the clocks differ?",
			claims.get().notBefore.Sub(now).Round(time.Second), leeway)
	}
	return nil
}
