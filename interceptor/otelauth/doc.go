// Package otelauth reports to OpenTelemetry how calls are decided, and how long an issuer's keys
// will last. It's a module of its own, so only its users compile OpenTelemetry.
//
//	options, err := otelauth.Options(otelauth.Config{Verifier: v})
//	if err != nil {
//		log.Fatal(err)
//	}
//	auth, err := interceptor.New(v, append(options, interceptor.WithPolicy(policy))...)
//
// These are the metrics, with their attributes. With a Prometheus exporter the first is called
// oidcrpc_decisions_total, and the others likewise.
//
//	oidcrpc.decisions            decisions: oidcrpc.rule, oidcrpc.code, oidcrpc.stage, error.type
//	oidcrpc.decision.duration    seconds until a call was decided: oidcrpc.code
//	oidcrpc.streams.open         open streams that end with their token
//	oidcrpc.keys.usable          1 while tokens can be judged, and 0 otherwise: oidcrpc.issuer
//	oidcrpc.keys.age             seconds since a fetch has confirmed the keys: oidcrpc.issuer
//	oidcrpc.keys.remaining       seconds until calls fail, if no fetch succeeds: oidcrpc.issuer
//	oidcrpc.keys.failures        fetches that have failed since the last good one: oidcrpc.issuer
//	oidcrpc.keys.fetches         fetches: oidcrpc.issuer, oidcrpc.outcome (ok or failed)
//	oidcrpc.tokens.verified      tokens whose signature was verified: oidcrpc.issuer
//	oidcrpc.revocations.held     revocations on the list
//	oidcrpc.revocations.dropped  revocations that the full list has not kept
//	oidcrpc.revocations.age      seconds since everything on the bus had been received
//	oidcrpc.revocations.stale    1 while the list may have missed one for too long, and 0 otherwise
//
// Nothing is fetched while no calls come, so in a quiet hour keys are unusable and nothing remains
// of them: the next call fetches them. An alert should ask for failures, too.
//
// No attribute comes from a caller. The rule is the policy's key, and error.type is a code from
// package verifier, or "other". The calls with a token that aren't in oidcrpc.tokens.verified
// were answered from memory.
//
// The span of a call gets the attributes of its decision, with oidcrpc.reason in place of
// error.type, which is the RPC's own there. It's the span in the call's context, so
// put what makes spans in front: otelgrpc's stats handler always is, and otelconnect is if its
// interceptor comes first. A refusal without any span, as in the middleware, gets one of its own.
//
// The files dashboard.json and alerts.yaml are for Grafana and Prometheus.
package otelauth
