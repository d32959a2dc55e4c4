package main

// The issuer's keys, and when they are fetched.
var (
	engine = home{"internal/refresh", []string{"internal/refresh", "verifier"}}
	sets   = home{"internal/jwks", []string{"internal/jwks", "verifier"}}
)

var keyRules = []mutant{
	// What is believed.
	{"metadata may name another issuer", sets, "parseMetadata", never(`name != issuer`)},
	{"plain http is allowed", sets, "CheckURL", always(`allowHTTP || isLoopback(u.Hostname())`)},
	{"an issuer elsewhere may name a port of this host", sets, "parseMetadata", never(`isPlain`)},
	{"redirects may lead anywhere", sets, "newClient",
		never(`req.URL.Host != from.Host || req.URL.Scheme != from.Scheme`)},
	{"documents may have any size", sets, "client.get", become(`io.LimitReader(res.Body, maxDocumentBytes+1)`, `res.Body`)},
	{"a tenant's issuer may have a private address", sets, "checkAddress", never(`!isPublic(addr.Addr().Unmap())`)},
	{"an empty key set replaces a good one", sets, "ParseSet",
		in(`if err := checkUsable(keys); err != nil`, never(`err != nil`))},
	{"the first of ambiguous keys is taken", sets, "Set.Key", never(`!found.Equal(candidate)`)},

	// When keys are used.
	{"keys are good for ever", engine, "Version.isDead", become(`v.dead.hasCome(now)`, `false`)},
	{"the time to live has no consequence", engine, "Version.isExpired", become(`v.expires.hasCome(now)`, `false`)},
	{"stale keys are used without news of an outage", engine, "Source.isUsable",
		become(`s.outage.isCurrent(v.refreshAt, v.ttl, now)`, `true`)},
	{"stale keys are not used", engine, "Source.isUsable", become(`s.outage.isCurrent(v.refreshAt, v.ttl, now)`, `false`)},
	{"calls wait for a refresh that began ahead", engine, "Source.isUsable",
		never(`s.flight != nil && !v.expires.hasCome(s.flight.asked)`)},
	{"keys don't grow old while the machine is suspended", engine, "HasCome", never(`!now.Round(0).Before(t.Round(0))`)},
	{"keys live on when the clock is set back", engine, "HasCome", never(`!now.Before(t)`)},
	{"max-age lengthens the time to live", sets, "timeToLive",
		become(`min(configured, max(maxAge, minTTL))`, `max(maxAge, minTTL)`)},
	{"a held key is never withdrawn", tokens, "keys.holds", become(`set.Holds(name, key)`, `true`)},
	{"a changed key is the same object", sets, "Set.merge", become(`sameKeys(s.candidates(name), next.candidates(name))`, `true`)},

	// What is fetched.
	{"forged tokens fetch", tokens, "Verifier.worthFetching", become(`v.readClaims(t)`, `v.claims.read(t.payload)`)},
	{"unknown kids fetch without bound", engine, "Budget.Take", never(`b.spent == b.burst`)},
	{"bad signatures fetch without bound", tokens, "keys.lookAgain", become(`k.badSignatures`, `nil`)},
	{"a failed fetch spends the budget", engine, "Source.finish", skip(`f.budget.giveBack()`)},
	{"unknown kids are judged by what is there", tokens, "keys.lookFor",
		become(`v.Value.Has(name) || k.absent.knows(name, v.Asked, issuedAt)`, `true || k.absent.knows(name, v.Asked, issuedAt)`)},
	{"absent kids are remembered for ever", tokens, "absentKeys.knows",
		always(`!refresh.HasCome(asked.Add(unknownKidRefill), now)`)},
	{"every call fetches by itself", engine, "Source.join", in(`case s.flight != nil`, become(`return s.flight, nil`, ``))},
	{"an outage is asked about on every call", engine, "outage.blocks", become(`!o.retryAt.hasCome(now)`, `false`)},
	{"a fetch has no deadline", engine, "Source.run",
		become(`context.WithTimeout(context.Background(), s.timeout)`, `context.WithCancel(context.Background())`)},
	{"a caller's end ends the fetch of others", engine, "Source.wait",
		become(`case <-ctx.Done(): return nil, ctx.Err()`, `case <-ctx.Done(): <-f.done; return nil, ctx.Err()`)},
	{"any number of calls wait", engine, "Source.wait", never(`s.waiting.Add(1) > maxWaiting`)},
	{"a panic in a fetch ends the server", engine, "callWithDeadline", become(`recover()`, `any(nil)`)},
	{"logs quote what the issuer sent", sets, "fetchError.reason", become(`"no valid response"`, `cause.Error()`)},

	// Several issuers.
	{"any issuer's keys will do", tokens, "Multi.Verify",
		become(`m.byIssuer[issuer]`, `m.verifiers[0*len(issuer)], true`)},
	{"made-up issuers are looked up without bound", tokens, "Dynamic.tenant", never(`wait > 0`)},
	{"strangers' keys are fetched without bound", tokens, "Dynamic.lookUp",
		skip(`r.verifier.keys.source.Limit(d.fetches, 0)`)},
	{"strangers evict tenants", tokens, "Dynamic.tenant",
		become(`d.strangers.Add(issuer, t)`, `d.tenants.Add(issuer, t)`)},
	{"a configuration may be of another issuer", tokens, "Dynamic.lookUp", never(`config.Issuer != t.issuer`)},
	{"a forgotten tenant is remembered", tokens, "tenant.current", always(`!t.isGone.Load()`)},
	{"what was forgotten comes back", tokens, "Dynamic.find", never(`t.isGone.Load()`)},
	{"removed tenants live on", tokens, "Dynamic.lookUp",
		become(`return resolution{}, refresh.Life{TTL: unknownTTL, Lazy: true}, nil`, `return resolution{}, life, err`)},
	{"strangers fill the log", tokens, "keys.report", always(`!k.isMuted.Load()`)},
}

var keyDetails = []mutant{
	// What is believed.
	{"URLs may have any length", sets, "CheckURL", never(`len(raw) > maxURLBytes`)},
	{"entity tags follow redirects", sets, "newClient", skip(`req.Header.Del("If-None-Match")`)},
	{"a tag hides a rotation", tokens, "newKeys", become(`reason == refresh.Refresh`, `true`)},
	{"another place's tag is sent", sets, "Issuer.readKeys", always(`previous.url == url`)},
	{"unfit tags are sent back", sets, "entityTag", never(`strings.ContainsFunc(etag, isUnfit)`)},
	{"bad metadata take the keys away", sets, "Issuer.read", in(`case failure != nil`, become(`failure != nil`, `failure != nil || doubt != nil`))},
	{"a place is believed for ever", sets, "Issuer.lastPlace",
		never(`refresh.HasCome(last.named.Add(i.config.TTL+i.config.MaxStale), time.Now())`)},
	{"metadata that hang use up the time for the keys", sets, "Issuer.discoverBeside",
		become(`i.config.Timeout/2-time.Since(start)`, `i.config.Timeout-time.Since(start)`)},
	{"logs quote queries", sets, "printable", become(`"?"`, `"\x00"`)},
	{"logs quote redirects", sets, "fetchError.reason", become(`cause = urlErr.Err`, `return urlErr.Error()`)},
	{"logs quote certificates", sets, "certificateReason",
		become(`return "the certificate is not valid"`, `return err.Error()`)},
	{"a name may have any number of keys", sets, "Set.decode", never(`len(candidates) > maxSharedName`)},
	{"hostile keys are decoded without bound", sets, "checkUsable", never(`tried == maxBrokenKeys`)},
	{"an unchanged key is another object", sets, "Set.merge", skip(`next.decoded.Add(name, keys)`)},
	{"response headers may have any size", sets, "newTransport", skip(`t.MaxResponseHeaderBytes = maxHeaderBytes`)},
	{"a dead connection is used again", sets, "client.get", never(`r.isLast || c.failed.Load()`)},

	// When keys are used and fetched.
	{"keys are refreshed when it is too late", engine, "Version.isFresh", become(`v.refreshAt.hasCome(now)`, `v.expires.hasCome(now)`)},
	{"replicas refresh together", engine, "Life.refreshAfter", become(`rand.Float64()`, `0*rand.Float64()`)},
	{"replicas retry together", engine, "outage.extend", become(`wait/2 + rand.N(wait/2)`, `wait + 0*rand.N(wait/2)`)},
	{"news of an outage doesn't get old", engine, "outage.isCurrent", always(`!o.retryAt.add(ttl).hasCome(now)`)},
	{"old failures are news", engine, "outage.isCurrent", always(`due.hasCome(time.Time(o.retryAt))`)},
	{"a young outage is retried like an old one", engine, "outage.bound", never(`!o.since.add(time.Minute).hasCome(now)`)},
	{"Retry-After is ignored", engine, "outage.extend", become(`asked.RetryAfter()`, `0*asked.RetryAfter()`)},
	{"Retry-After has no bound", engine, "outage.extend", become(`min(asked.RetryAfter(), bound)`, `asked.RetryAfter()`)},
	{"max-age makes us fetch on every call", sets, "timeToLive",
		become(`min(configured, max(maxAge, minTTL))`, `min(configured, maxAge)`)},
	{"a held key doesn't age", tokens, "keys.holds",
		become(`k.current()`, `func() *jwks.Document { if v := k.source.State().Version; v != nil { return v.Value }; return nil }()`)},
	{"a call fetches until keys live long enough", engine, "Source.Find", become(`v.seq > began`, `v.seq > began && false`)},
	{"a deaf transport holds every call up", engine, "callWithDeadline", become(`time.After(patience)`, `time.After(24 * time.Hour)`)},
	{"the hook is told too early", engine, "Source.run",
		become(`event := s.finish(f, next, life, err)`,
			`if s.report != nil { s.report(Event[T]{}) }; event := s.finish(f, next, life, err)`)},
	{"absent kids are not remembered", tokens, "keys.lookFor", skip(`k.absent.remember(name)`)},
	{"kids named long ago are absent", tokens, "absentKeys.knows",
		always(`!refresh.HasCome(named.Add(unknownKidRefill), now)`)},
	{"absent kids are looked for one by one", tokens, "absentKeys.knows", skip(`a.remember(name)`)},
	{"old tokens fetch like new ones", tokens, "absentKeys.knows", never(`isOld`)},

	// Several issuers.
	{"an issuer is configured twice", tokens, "NewMulti", never(`m.byIssuer[config.Issuer] != nil`)},
	{"tenants use up what strangers may", tokens, "Dynamic.admit", skip(`t.source.Unlimit()`)},
	{"unknown issuers are not remembered", tokens, "Dynamic.lookUp", become(`TTL: unknownTTL`, `TTL: 0`)},
	{"unknown issuers are remembered for ever", tokens, "Dynamic.lookUp", become(`TTL: unknownTTL`, `TTL: 24 * 365 * time.Hour`)},
	{"tenants outlive their resolver", tokens, "Dynamic.lookUp",
		become(`MaxStale: tenantMaxStale`, `MaxStale: 24 * 365 * time.Hour`)},
	{"tenants die with their resolver", tokens, "Dynamic.lookUp", become(`MaxStale: tenantMaxStale`, `MaxStale: 0`)},
	{"a look-up has no deadline", tokens, "Dynamic.tenant", become(`Timeout: resolveTimeout`, `Timeout: 1 << 62`)},
	{"a tenant's change is not seen", tokens, "Config.equal", become(`reflect.DeepEqual(c, other)`, `reflect.DeepEqual(c.Issuer, other.Issuer)`)},
	{"issuers may have any length", tokens, "Dynamic.Verify", never(`len(issuer) > maxIssuerBytes`)},
}
