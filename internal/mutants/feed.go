package main

// Revocation feeds: which events count, whom they may speak about, and what they cost.
var (
	events = home{"verifier", []string{"verifier"}}
	feeds  = home{"verifier/revocation/feed", []string{"verifier/revocation/feed"}}
)

var feedRules = []mutant{
	// Every event.
	{"an event may be of any type", events, "Verifier.checkEventType",
		never(`!slices.ContainsFunc(v.config.Types, t.hasType)`)},
	{"an access token may lack exp, as events may", events, "Verifier.readClaims",
		become(`v.forEvents && !claims.data.hasExpiry`, `!claims.data.hasExpiry`)},
	{"an event may come from the future", feeds, "intake.check", never(`issued.After(now.Add(in.leeway))`)},
	{"an event may be of any age", feeds, "intake.check", never(`issued.Before(now.Add(-in.maxAge - in.leeway))`)},

	// Logout tokens.
	{"a logout token needs no logout event", feeds, "readLogout", never(`claims.Events[logoutEvent].Kind() != '{'`)},
	{"a logout token may have a nonce", feeds, "readLogout", never(`claims.Nonce != nil`)},

	// Security events.
	{"a feed speaks about other issuers' users", feeds, "resolver.resolveOne",
		in(`case "iss_sub"`, never(`id.issuer != r.tokenIssuer`))},
	{"a feed speaks about other issuers' tokens", feeds, "resolver.resolveOne",
		in(`case "jwt_id"`, never(`id.issuer != r.tokenIssuer`))},
	{"any transmitter may push", feeds, "Push.isAuthorized", become(`matches == 1`, `matches <= 1`)},
	{"what isn't kept is acknowledged", feeds, "answers.add", in(`case Failed`, become(`r.Err`, `error(nil)`))},

	// What it costs.
	{"a body may have any size", feeds, "door.enter", become(`http.MaxBytesReader(w, r.Body, d.maxBody)`, `r.Body`)},
	{"any number of events is taken at a time", feeds, "newDoor",
		become(`make(chan struct{}, maxConcurrent)`, `make(chan struct{}, 1<<10+0*maxConcurrent)`)},
	{"a forged event takes a place", feeds, "intake.decide", become(`in.verifier.VerifyEvent(ctx, token)`,
		`func() (*verifier.EventClaims, error) {
			if !in.enter() {
				return nil, errBusy
			}
			defer in.leave()
			return in.verifier.VerifyEvent(ctx, token)
		}()`)},
}

var feedDetails = []mutant{
	{"an event may have no type", events, "Verifier.checkEventType",
		become(`slices.ContainsFunc(v.config.Types, isPlain)`, `isPlain("jwt")`)},
	{"an event's exp is ignored", events, "Verifier.readClaims",
		become(`v.forEvents && !claims.data.hasExpiry`, `v.forEvents`)},
	{"an event needs no jti", feeds, "intake.check", never(`event.ID() == ""`)},
	{"an event that wasn't kept counts as seen", feeds, "intake.decide",
		in(`if err := in.list.Revoke(ctx, e); err != nil`, become(`err != nil`, `err != nil && in.seen.Add(fingerprint, struct{}{})`))},
	{"a jti alone makes a repetition", feeds, "intake.decide",
		become(`token[:strings.LastIndexByte(token, '.')]`, `strings.Clone(event.ID())`)},
	{"a logout ends what comes later", feeds, "readLogout", become(`event.IssuedAt()`, `time.Now()`)},
	{"plain JWTs are logout tokens", feeds, "newLogout", always(`config.AllowPlainType`)},
	{"another issuer's user may have a session of ours", feeds, "resolver.resolve",
		become(`user.isForeign || session.isForeign`, `user.isForeign && session.isForeign`)},
	{"an address is translated without its tenant", feeds, "resolver.translate", become(`id.tenant`, `""`)},
	{"an event's own time is ignored", feeds, "readSignal", become(`earlier(s.at, value)`, `s.at`)},
	{"an event may end what comes after it", feeds, "earlier", never(`seconds >= float64(issued.Unix())`)},
	{"any verification will do", feeds, "streamStatus.verify",
		never(`state != "" && isExpected != nil && !isExpected(state)`)},
	{"a second Authorization is read over", feeds, "Push.isAuthorized", become(`len(values) != 1`, `len(values) == 0`)},
	{"an answer to a poll may have any size", feeds, "pollClient.send",
		become(`io.LimitReader(res.Body, limit+1)`, `io.LimitReader(res.Body, 1<<24)`)},
	{"polls don't back off", feeds, "backoff", become(`failures-1`, `failures*0`)},
	{"a poll's token follows a redirect", feeds, "alone", become(`http.ErrUseLastResponse`, `error(nil)`)},
	{"a logout token may lack sub and sid", feeds, "readLogout", never(`claims.SessionID == nil && claims.Subject == nil`)},
	{"a request may have two logout tokens", feeds, "logoutToken", become(`len(form["logout_token"]) != 1`, `len(form["logout_token"]) == 0`)},
	{"a handler takes any method", feeds, "door.enter", never(`r.Method != http.MethodPost`)},
	{"a handler takes any content type", feeds, "door.enter", never(`err != nil || sent != mediaType`)},
	{"a content type may have any length", feeds, "door.enter", never(`len(contentType) > maxTypeBytes`)},
	{"a slow body is waited for", feeds, "door.enter", skip(`_ = control.SetReadDeadline(time.Now().Add(d.timeout))`)},
	{"a subject may lack what its format requires", feeds, "readIdentifier", never(`!isValid || !id.isComplete()`)},
	{"aliases may be nested", feeds, "resolver.resolveAlias", never(`err == nil && (id.format == "aliases" || id.format == "complex")`)},
	{"complex subjects may be nested", feeds, "resolver.resolveMember", never(`err == nil && id.format == "complex"`)},
	{"an unknown session ends nothing of its user", feeds, "stream.revocation", become(`t.Subject.Subject`, `""`)},
	{"a token may have events of several types", feeds, "readSignal", never(`len(known) > 1`)},
	{"a new credential ends sessions", feeds, "stream.ends", become(`textIn(signal.details, "change_type") != "create"`, `true`)},
	{"a changed credential ends only a session", feeds, "stream.revocation", never(`signal.kind != SessionRevoked && e.Subject != ""`)},
	{"a transmitter's wish to wait is ignored", feeds, "backoff", never(`ok`)},
	{"a transmitter may have us wait for a day", feeds, "pollClient.send", become(`min(after, maxRetryAfter)`, `after`)},
	{"an event ends with its sender's patience", feeds, "intake.take", become(`context.WithoutCancel(ctx)`, `ctx`)},
}
