package main

// The clients: which token a call brings, and when it's made again.
var (
	clients     = home{"interceptor/client", []string{"interceptor/client"}}
	grpcClients = home{"grpcauth", []string{"grpcauth"}}
	v1Clients   = home{"connectauth", []string{"connectauth"}}
	v2Clients   = home{"connectauth/v2", []string{"connectauth/v2"}}
)

var clientRules = []mutant{
	// The token.
	{"a client's secret follows a redirect", clients, "newHTTPClient", become(`http.ErrUseLastResponse`, `nil`)},
	{"gRPC sends tokens in plaintext", grpcClients, "ClientOptions", become(`true`, `false`)},
	{"documents are read in plaintext", home{"internal/jwks", []string{"interceptor/client"}}, "Reader.Read",
		in(`if err := CheckURL(url, false); err != nil`, never(`err != nil`))},
	{"any challenge shows that the server refused", clients, "ReadRefusal",
		become(`slices.ContainsFunc(direct, refusal.isSaidBy)`, `len(direct) > 0`)},
	{"a handler's upstream has a call made again", clients, "Source.Retry", become(`!r.isFirstHand && !r.isIdempotent`, `false`)},
}

var clientDetails = []mutant{
	{"a token breaks its header", clients, "newCredential", never(`c <= ' ' || c > '~'`)},
	{"a token of any type is a bearer's", clients, "newCredential", never(`kind != "Bearer"`)},
	{"a refused client is an outage", clients, "TokenError.Temporary", become(`status < 400 || status >= 500`, `true`)},
	{"the token endpoint's words are told to callers", clients, "TokenError.Message",
		become(`"no access token is available at the moment"`, `e.Err.Error()`)},
	{"a token is relayed to any audience", clients, "relayed", never(`!slices.Contains(claims.Audience(), audience)`)},
	{"every handler sees its caller's token", home{"interceptor", []string{"interceptor"}}, "Authenticator.Authenticate",
		become(`a.keepTokens`, `true`)},
	{"another resource's metadata are used", clients, "Discovery.Resource", become(`name != resource`, `false`)},
	{"a server has private addresses read", clients, "Discovery.reader", become(`!d.AllowPrivateAddresses`, `false`)},
	{"another issuer's endpoint is used", home{"internal/jwks", []string{"interceptor/client"}}, "Reader.ReadMetadata",
		never(`!ok || name != issuer`)},
	{"a relayed call is made again", clients, "Source.Retry", become(`s.audience != ""`, `false`)},
	{"a call is made again whatever its refusal", clients, "Refusal.isCurable", become(`return false`, `return true`)},
	{"a call is made again against the server's will", clients, "Source.Retry", become(`r.isFinal`, `false`)},
	{"a call is made again with the refused token", clients, "Source.Retry", never(`!next.isOther(refused)`)},
	{"refusals cost any number of tokens", clients, "Source.renew", become(`Budget: s.renewals`, `Budget: nil`)},
	{"calls are made again any number of times", clients, "retryBudget.take", always(`b.tenths.Add(-costOfRetry) >= 0`)},
	{"the user is asked again at once", clients, "flow.isRecent", become(`f.ended.Add(authorizePause)`, `f.ended`)},
	{"a server asks the user any number of times", clients, "grants.join", never(`g.budget.Take(now) > 0`)},
	{"the user is asked for what no user can grant", clients, "Refusal.isGrantable", become(`return false`, `return true`)},
	{"a granted token outlives its expiry", clients, "grant.isAlive", become(`!refresh.HasCome(g.until, now)`, `true`)},
	{"a part of a stream is sent again", clients, "Stream.beginAgain", never(`s.sent > 1`)},
	{"a stream begins again and again", clients, "Stream.replace", skip(`s.isSettled.Store(true)`)},
	{"a stream begins again after its first response", clients, "Stream.Receive",
		become(`refusal == nil || s.isSettled.Load() || !s.beginAgain(ctx, refusal)`, `refusal == nil || !s.beginAgain(ctx, refusal)`)},
	{"a caller's cancel ends the user's authorization", clients, "grants.join", become(`context.WithoutCancel(ctx)`, `ctx`)},
	{"two needs take their tokens from each other", clients, "grants.join",
		become(`f.grant.isAlive(now) && f.grant.credential != refused`, `false`)},
	{"calls with the same need don't share a run", clients, "needOf", become(`sorted(r.Scopes)`, `r.Scopes`)},
	{"a revoked grant is kept", clients, "grants.drop", skip(`delete(g.flows, need)`)},
	{"gRPC sends another call's token again", grpcClients, "perRPCCredentials.GetRequestMetadata",
		in(`if credential, ok := ctx.Value(credentialKey{}).(*client.Credential); ok`, never(`ok`))},
	{"only so many calls wait for a token", clients, "NewSource", become(`math.MaxInt64`, `math.MaxInt64 >> 53`)},
	{"calls fail after an outage", clients, "Source.find", never(`wait > 0`)},
	{"a call waits past its deadline", clients, "backoff",
		in(`if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= unavailable.RetryAfter`, never(`ok && time.Until(deadline) <= unavailable.RetryAfter`))},
	{"a token of no seconds lives for ever", clients, "expiryOf", become(`float64`, `float32`)},
	{"a JWT's expiry is not read", clients, "expiryOf", become(`return expiryOfJWT(token.AccessToken)`, `return time.Time{}, false`)},
	{"a token is sent until it expires", clients, "lifeOf", become(`min(left/10, maxMargin)`, `0 * left`)},
	{"a token is asked for in vain", clients, "Stream.canBeginAgain", become(`s.sent <= 1`, `true`)},
	{"a closed stream begins again", clients, "Stream.replace", never(`s.isOver`)},
	{"the endpoint's Retry-After is ignored", clients, "withRetryAfter", never(`after > 0`)},
	{"another domain's detail counts", clients, "Refusal.readDetails", become(`info.GetDomain() != interceptor.ErrorDomain`, `false`)},
	{"one malformed challenge costs all", clients, "parseChallenges", become(`verifier.ParseChallenges([]string{value})`, `verifier.ParseChallenges(values)`)},
	{"challenges of any length are read", clients, "parseChallenges", never(`left < 0`)},
	{"calls that succeed don't pay for retries", clients, "retryBudget.refill", skip(`b.tenths.Add(tenths)`)},
	{"a stream pays for a retry that succeeds", home{"interceptor/client", []string{"connectauth/v2"}}, "Stream.Receive", skip(`s.tokens.retries.refill(costOfRetry)`)},
	{"a call pays for a retry that succeeds", clients, "Source.Call", skip(`s.retries.refill(costOfRetry)`)},
	{"gRPC doesn't count its attempts", grpcClients, "secondAttempt", skip(`md.Set(name, strconv.Itoa(earlier+1))`)},
	{"Connect's stream begins again without its headers", v1Clients, "clientInterceptor.WrapStreamingClient",
		skip(`again.RequestHeader()[name] = values`)},
	{"Connect v2 shows the challenge of an accepted call", v2Clients, "NewClientInterceptor", skip(`forget(info.ResponseHeader())`)},
}
