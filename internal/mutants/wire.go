package main

// wireMutants are about the adapters: what reaches a handler, and what reaches the
// caller.
var wireMutants = []mutant{
	// What reaches the handler.
	{"a refused unary call is handled", "grpcauth/interceptor.go",
		`admitted, refusal := auth.Authenticate(ctx, call(ctx, info.FullMethod))`,
		`admitted, refusal := ctx, (*interceptor.Refusal)(nil)`, grpcs},
	{"a refused stream is handled", "grpcauth/interceptor.go",
		`			return refuse(ctx, refusal)
		}
		defer`, `			return handler(srv, ss)
		}
		defer`, grpcs},
	{"streams are forgotten", "grpcauth/interceptor.go",
		`		grpc.ChainStreamInterceptor(StreamServerInterceptor(auth)),
`, ``, grpcs},
	{"the handler's context outlives the token", "grpcauth/stream.go",
		`return s.stream.Context()`, `return s.ServerStream.Context()`, grpcs},
	{"messages are sent after the expiry", "grpcauth/stream.go",
		`if refusal := s.stream.Expired(); refusal != nil {`, `if refusal := s.stream.Expired(); false {`, grpcs},
	{"nothing releases a receive", "grpcauth/stream.go",
		`refusal, err := s.stream.Receive(m)
	if refusal != nil {`, `err := s.ServerStream.RecvMsg(m)
	if refusal := s.stream.Expired(); refusal != nil {`, grpcs},
	{"Connect handles a refused unary call", "connectauth/interceptor.go",
		`admitted, refusal := i.auth.Authenticate(ctx, call(req.Spec().Procedure, req.Header()))`,
		`admitted, refusal := ctx, (*interceptor.Refusal)(nil)`, connects},
	{"Connect handles a refused stream", "connectauth/interceptor.go",
		`			return refuseStream(ctx, conn, refusal, false)
`, `			return next(ctx, conn)
`, connects},
	{"Connect's handler has a context that outlives the token", "connectauth/interceptor.go",
		`return next(stream.Context(), guarded)`, `return next(ctx, guarded)`, connects},
	{"Connect sends messages after the expiry", "connectauth/stream.go",
		`if refusal := c.stream.Expired(); refusal != nil {`, `if refusal := c.stream.Expired(); false {`, connects},
	{"nothing releases a receive of Connect", "connectauth/stream.go",
		`refusal, err := c.stream.Receive(m)
	if refusal != nil {`, `err := c.StreamingHandlerConn.Receive(m)
	if refusal := c.stream.Expired(); refusal != nil {`, connects},
	{"a client judges its own calls", "connectauth/interceptor.go",
		`if req.Spec().IsClient {`, `if false {`, connects},

	// The middleware.
	{"the middleware serves any path", "connectauth/middleware.go",
		`if !interceptor.IsProcedure(r.URL.Path) {`, `if false {`, connects},
	{"the middleware hides the resource metadata", "connectauth/middleware.go",
		`if r.URL.Path == m.metadataPath {`, `if false {`, connects},
	{"the middleware lets everybody pass", "connectauth/middleware.go",
		`		_ = m.errors.Write(w, r, newError(refusal))
		return
`, `		next.ServeHTTP(w, r)
		return
`, connects},
	{"the middleware's refusal waits for the client", "connectauth/middleware.go",
		`		closeConnection(ctx, w.Header())
`, ``, connects},
	{"the middleware drains what a refused client sends", "connectauth/middleware.go",
		`r.Body = undrained{r.Body}`, `_ = undrained{r.Body}`, connects},
	{"the interceptor's refusal waits for the client", "connectauth/refusal.go",
		`		closeConnection(ctx, conn.ResponseHeader())
`, ``, connects},

	{"a unary refusal of the interceptor waits for the client", "connectauth/refusal.go",
		`		closeConnection(ctx, info.ResponseHeader())
`, ``, connects},
	{"a refusal ends the connection of HTTP/2", "connectauth/middleware.go",
		`	if r.ProtoMajor == 1 {
		ctx =`, `	if true {
		ctx =`, connects},

	// What reaches the caller.
	{"the challenge is a trailer on net/http", "grpcauth/refusal.go",
		`if isServedByNetHTTP(ctx) {`, `if false {`, grpcs},
	{"the challenge costs the Trailers-Only response", "grpcauth/refusal.go",
		`if isServedByNetHTTP(ctx) {`, `if true {`, grpcs},
	{"no challenge is sent", "grpcauth/refusal.go",
		`if refusal.Challenge != "" {`, `if false {`, grpcs},
	{"no details are sent", "grpcauth/refusal.go",
		`		Details: refusal.Details,
`, ``, grpcs},
	{"the challenge is a trailer that net/http drops", "connectauth/refusal.go",
		`case conn.Peer().Protocol == connect.ProtocolGRPC:`, `case false:`, connects},
	{"the challenge of another context is a trailer that net/http drops", "connectauth/refusal.go",
		`case req.Peer().Protocol == connect.ProtocolGRPC:`, `case false:`, connects},
	{"the challenge of another context is lost", "connectauth/refusal.go",
		`	default:
		setChallenge(err.Meta(), refusal)
	}
	return err
}

// refuseStream`, `	}
	return err
}

// refuseStream`, connects},
	{"the challenge comes too late for the header", "connectauth/stream.go",
		`	c.sent.Store(true)`, `	c.sent.Store(false)`, connects},
	{"a header without a message is not sent", "connectauth/stream.go",
		`	c.sent.Store(true)`, `	c.sent.Store(m != nil)`, connects},
	{"the challenge of a stream is sent twice", "connectauth/refusal.go",
		`		setChallenge(conn.ResponseHeader(), refusal)
`, `		setChallenge(conn.ResponseHeader(), refusal)
		setChallenge(err.Meta(), refusal)
`, connects},
	{"the challenge of a unary call is sent twice", "connectauth/refusal.go",
		`	setChallenge(info.ResponseHeader(), refusal)
`, `	setChallenge(info.ResponseHeader(), refusal)
	setChallenge(err.Meta(), refusal)
`, connects},
	{"Connect sends no details", "connectauth/refusal.go",
		`err.AddDetail(encoded)`, `_ = encoded`, connects},
}
