package main

// Plain HTTP handlers, and what the gateway tells their callers.
var https = home{"interceptor/httpauth", []string{"interceptor/httpauth"}}

var httpRules = []mutant{
	{"HTTP handles a refused request", https, "middleware.serve",
		in(`if refusal != nil`, become(`write(w, r, refusal)`, `next.ServeHTTP(w, r)`))},
	{"any request passes as a preflight", https, "isPreflight", become(`r.Method == http.MethodOptions`, `true`)},
	{"preflights pass unasked", https, "middleware.wrap", become(`m.preflights && isPreflight(r)`, `isPreflight(r)`)},
	{"a misspelt rule admits every token", https, "Middleware", never(`err != nil`)},
	{"the HTTP handler's context outlives the token", https, "response.becomeStream",
		skip(`context.AfterFunc(stream.Context(), func() { w.cancel(context.Cause(stream.Context())) })`)},
	{"HTTP sends more after the token's end", https, "response.Write", in(`if err := w.ended(); err != nil`,
		become(`return 0, err`, `_ = err`))},
	{"a stream that was cut off looks complete", https, "response.finish",
		never(`!w.told && !strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream")`)},
	{"a refusal after the token's end is a success", https, "response.finish", never(`!w.begun`)},
	{"an upgraded connection outlives its token", https, "closeAfter",
		skip(`time.AfterFunc(closeGrace, func() { _ = conn.Close() })`)},
	{"an upgraded connection outlives its context", https, "closeAfter", become(`stream.Ended()`, `stream.Context().Done()`)},
	{"an upgraded connection outlives its handler", https, "response.release", never(`w.conn != nil`)},
	{"caches share what an HTTP caller got", https, "response.begin", skip(`setPrivate(w.Header())`)},
	{"caches don't look at an HTTP caller's token", https, "response.begin", skip(`w.Header().Add("Vary", key)`)},
}

var httpDetails = []mutant{
	{"a preflight needs no origin", https, "isPreflight", always(`r.Header.Get("Origin") != ""`)},
	{"a preflight asks for no method", https, "isPreflight", always(`r.Header.Get("Access-Control-Request-Method") != ""`)},
	{"an upgrade is possible after the token's end", https, "response.Hijack", in(`if err := w.becomeStream(); err != nil`,
		never(`err != nil`))},
	{"a status is sent after the token's end", https, "response.WriteHeader", never(`w.ended() != nil`)},
	{"a handler's refusal is not reported", https, "response.end", become(`w.admission.End(w.refusal)`, `w.admission.End(nil)`)},
	{"a refusal is written into a response", https, "Refuse", never(`guarded.begun`)},
	{"a second refusal is written", https, "Refuse", never(`guarded.refusal != nil`)},
	{"a hint is the response", https, "response.WriteHeader", always(`status >= http.StatusOK || status == http.StatusSwitchingProtocols`)},
	{"HTTP has no challenge", https, "write", skip(`header.Set("WWW-Authenticate", refusal.Challenge)`)},
	{"HTTP clients aren't told when to come back", https, "write", never(`after > 0`)},
	{"a refusal has the handler's length", https, "write", skip(`header.Del(key)`)},
	{"a refusal over HTTP waits for its client", https, "write",
		become(`earlyhttp.Refuse(w, r, func() { w.WriteHeader(statusOf(refusal.Code)); _, _ = w.Write(body) })`,
			`w.WriteHeader(statusOf(refusal.Code)); _, _ = w.Write(body); _ = earlyhttp.Refuse`)},
	{"JSON goes to those who take none", https, "acceptsJSON", become(`len(accept) == 0`, `true`)},
	{"any number of media types is read", https, "acceptsJSON", never(`left < 0`)},
	{"a weight of zero is as good as any", https, "acceptsJSON", never(`isNumber == nil && weight == 0`)},
	{"a handler sees a rewritten URL", https, "sentURL", never(`err == nil`)},
	{"a URL without a path is its rule's", https, "middleware.serve",
		become(`cmp.Or(sentURL(r).EscapedPath(), "/")`, `cmp.Or(sentURL(r).EscapedPath(), m.rule)`)},
	{"a panic leaves the stream open", https, "middleware.serve", become(`defer guarded.release()`, `_ = guarded.release`)},
}
