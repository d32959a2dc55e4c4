package main

// The adapters: what reaches a handler, and what reaches the caller.
var (
	grpcs    = home{"grpcauth", []string{"grpcauth", "internal/wire"}}
	connects = home{"connectauth", []string{"connectauth", "internal/wire"}}
)

var adapterRules = []mutant{
	// What reaches the handler.
	{"gRPC handles a refused unary call", grpcs, "UnaryServerInterceptor",
		in(`if refusal != nil`, become(`return nil, refuseUnary(ctx, info, refusal)`, `return handler(ctx, req)`))},
	{"gRPC handles a refused stream", grpcs, "StreamServerInterceptor",
		in(`if refusal != nil`, become(`return refuseStream(ss, refusal)`, `return handler(srv, ss)`))},
	{"gRPC forgets streams", grpcs, "ServerOptions",
		become(`grpc.ChainStreamInterceptor(StreamServerInterceptor(auth))`, `grpc.ChainStreamInterceptor()`)},
	{"the gRPC handler's context outlives the token", grpcs, "serverStream.Context",
		become(`s.stream.Context()`, `s.ServerStream.Context()`)},
	{"gRPC sends messages after the expiry", grpcs, "serverStream.SendMsg",
		in(`if refusal := s.stream.Check(); refusal != nil`, never(`refusal != nil`))},
	{"nothing releases a receive in gRPC", grpcs, "serverStream.RecvMsg", become(`s.stream.Receive(m)`,
		`func() (*interceptor.Refusal, error) { err := s.ServerStream.RecvMsg(m); return s.stream.Check(), err }()`)},
	{"Connect handles a refused unary call", connects, "authInterceptor.WrapUnary",
		in(`if refusal != nil`, become(`return nil, refuseUnary(ctx, req, refusal)`, `return next(ctx, req)`))},
	{"Connect handles a refused stream", connects, "authInterceptor.WrapStreamingHandler",
		in(`if refusal != nil`, become(`return refuseStream(ctx, conn, refusal, false)`, `return next(ctx, conn)`))},
	{"the Connect handler's context outlives the token", connects, "authInterceptor.WrapStreamingHandler",
		become(`stream.Context()`, `ctx`)},
	{"Connect sends messages after the expiry", connects, "handlerConn.Send",
		in(`if refusal := c.stream.Check(); refusal != nil`, never(`refusal != nil`))},
	{"nothing releases a receive in Connect", connects, "handlerConn.Receive", become(`c.stream.Receive(m)`,
		`func() (*interceptor.Refusal, error) { err := c.StreamingHandlerConn.Receive(m); return c.stream.Check(), err }()`)},

	// The middleware.
	{"the middleware serves any path", connects, "Middleware.serve", never(`!interceptor.IsProcedure(r.URL.Path)`)},
	{"the middleware lets every call pass", connects, "Middleware.serve",
		in(`if refusal != nil`, become(`_ = m.errors.Write(w, r, newError(refusal))`, `next.ServeHTTP(w, r)`))},
	{"the middleware's refusal waits for the client", connects, "Middleware.serve", skip(`closeConnection(ctx, w.Header())`)},
	{"the middleware drains what a refused client sends", connects, "Middleware.serve", skip(`r.Body = undrained{r.Body}`)},

	// What reaches the caller.
	{"a late refusal has no challenge in gRPC", grpcs, "UnaryServerInterceptor",
		become(`admission.End(refusalOf(err))`, `admission.End(nil)`)},
	{"a late refusal has no challenge in Connect", connects, "authInterceptor.WrapUnary",
		become(`admission.End(refusalOf(err))`, `admission.End(nil)`)},
	{"a gRPC handler's nil hides the expiry", grpcs, "StreamServerInterceptor",
		in(`if refusal := stream.End(refusalOf(err)); refusal != nil`, become(`refusal != nil`, `refusal != nil && err != nil`))},
	{"a Connect handler's nil hides the expiry", connects, "authInterceptor.WrapStreamingHandler",
		in(`if refusal := stream.End(refusalOf(err)); refusal != nil`, become(`refusal != nil`, `refusal != nil && err != nil`))},
	{"gRPC sends the challenge in a trailer that net/http drops", grpcs, "refuseUnary", never(`isServedByNetHTTP(ctx)`)},
	{"gRPC sends no challenge", grpcs, "challengeOf", always(`refusal.Challenge == ""`)},
	{"Connect sends the challenge in a trailer that net/http drops", connects, "refuseStream",
		never(`conn.Peer().Protocol == connect.ProtocolGRPC`)},
}

var adapterDetails = []mutant{
	{"a client judges its own calls", connects, "authInterceptor.WrapUnary", never(`req.Spec().IsClient`)},
	{"the middleware hides the resource metadata", connects, "Middleware.serve", never(`r.URL.Path == m.metadataPath`)},
	{"a stream's refusal waits for the client", connects, "refuseStream",
		skip(`closeConnection(ctx, conn.ResponseHeader())`)},
	{"a unary call's refusal waits for the client", connects, "refuseUnary",
		skip(`closeConnection(ctx, info.ResponseHeader())`)},
	{"a refusal ends an HTTP/2 connection", connects, "contextOf", never(`r.ProtoMajor != 1`)},
	{"a stream's late refusal has no challenge in gRPC", grpcs, "StreamServerInterceptor",
		become(`stream.End(refusalOf(err))`, `stream.End(nil)`)},
	{"a stream's late refusal has no challenge in Connect", connects, "authInterceptor.WrapStreamingHandler",
		become(`stream.End(refusalOf(err))`, `stream.End(nil)`)},
	{"gRPC sends a stream's challenge in a trailer that net/http drops", grpcs, "refuseStream",
		never(`isServedByNetHTTP(ss.Context())`)},
	{"another context's challenge is a trailer that net/http drops", connects, "refuseUnary",
		never(`req.Peer().Protocol == connect.ProtocolGRPC`)},
	{"another context's challenge is lost", connects, "refuseUnary", skip(`setChallenge(err.Meta(), refusal)`)},
	{"the challenge comes too late for the header", connects, "handlerConn.Send", skip(`c.sent.Store(true)`)},
	{"a header without a message is not sent", connects, "handlerConn.Send", become(`c.sent.Store(true)`, `c.sent.Store(m != nil)`)},
	{"a stream's challenge is sent twice", connects, "refuseStream",
		become(`setChallenge(conn.ResponseHeader(), refusal)`,
			`setChallenge(conn.ResponseHeader(), refusal); setChallenge(err.Meta(), refusal)`)},
	{"a unary call's challenge is sent twice", connects, "refuseUnary",
		become(`setChallenge(info.ResponseHeader(), refusal)`,
			`setChallenge(info.ResponseHeader(), refusal); setChallenge(err.Meta(), refusal)`)},
	{"an inner call's challenge is the outer gRPC call's", grpcs, "refuseUnary", never(`stream.Method() != info.FullMethod`)},
	{"an inner call's challenge is the outer Connect call's", connects, "refuseUnary",
		never(`info.Spec().Procedure != req.Spec().Procedure`)},
	{"any error from a gRPC handler is a refusal", grpcs, "UnaryServerInterceptor", become(`refusalOf(err)`,
		`func() *interceptor.Refusal { if err == nil { return nil }; return interceptor.NewRefusal(admission.Context(), err) }()`)},
	{"the challenge costs the Trailers-Only response", grpcs, "refuseUnary", always(`isServedByNetHTTP(ctx)`)},
	{"gRPC sends no details", grpcs, "newStatus", become(`Details: refusal.Details`, `Details: nil`)},
	{"Connect sends no details", connects, "newErrorOf", skip(`err.AddDetail(encoded)`)},
}
