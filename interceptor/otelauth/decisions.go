package otelauth

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

const (
	ruleKey  = attribute.Key("oidcrpc.rule")
	codeKey  = attribute.Key("oidcrpc.code")
	stageKey = attribute.Key("oidcrpc.stage")
	errorKey = attribute.Key("error.type")

	// A call's span has an error.type already, which is the RPC's code.
	reasonKey = attribute.Key("oidcrpc.reason")
)

// decisions report to OpenTelemetry what an Authenticator decides.
type decisions struct {
	tracer   trace.Tracer
	count    metric.Int64Counter
	duration metric.Float64Histogram
	known    sync.Map // of labels: a *measurement
}

// seconds are the histogram's bounds: a remembered token takes microseconds, and a call that waits
// for keys takes seconds.
var seconds = []float64{
	1e-6, 2.5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 1e-3, 1e-2, 0.1, 0.5, 1, 2.5, 5, 10,
}

func newDecisions(meter metric.Meter, tracer trace.Tracer) (*decisions, error) {
	count, err := meter.Int64Counter("oidcrpc.decisions", metric.WithUnit("{decision}"),
		metric.WithDescription("How calls were decided."))
	duration, err2 := meter.Float64Histogram("oidcrpc.decision.duration", metric.WithUnit("s"),
		metric.WithDescription("How long it took to decide a call, before its handler."),
		metric.WithExplicitBucketBoundaries(seconds...))
	return &decisions{tracer: tracer, count: count, duration: duration}, errors.Join(err, err2)
}

// labels are the attributes of a decision. All of them come from closed sets.
type labels struct {
	rule   string
	code   interceptor.Code
	stage  interceptor.Stage
	reason string
}

// A measurement is what is recorded for all decisions with the same labels.
type measurement struct {
	span            []attribute.KeyValue
	count, duration metric.MeasurementOption
}

func (d *decisions) observe(ctx context.Context, decision interceptor.Decision) {
	m := d.measurement(labels{decision.Rule, decision.Code, decision.Stage, reasonOf(decision.Err)})
	d.count.Add(ctx, 1, m.count)
	if decision.Stage == interceptor.StageStart || decision.Stage == interceptor.StageEarly {
		d.duration.Record(ctx, decision.Duration.Seconds(), m.duration)
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(m.span...)
	} else if decision.Err != nil {
		now := time.Now()
		_, span := d.tracer.Start(ctx, "oidcrpc refusal", trace.WithSpanKind(trace.SpanKindServer),
			trace.WithTimestamp(now.Add(-decision.Duration)), trace.WithAttributes(m.span...))
		span.End(trace.WithTimestamp(now))
	}
}

func (d *decisions) measurement(l labels) *measurement {
	if known, ok := d.known.Load(l); ok {
		return known.(*measurement) //nolint:errcheck,forcetypeassert // nothing else is in it
	}
	attributes := []attribute.KeyValue{
		ruleKey.String(l.rule), codeKey.String(l.code.String()), stageKey.String(l.stage.String()),
	}
	counted, spanned := attributes, attributes
	if l.reason != "" {
		counted = append(slices.Clip(attributes), errorKey.String(l.reason))
		spanned = append(slices.Clip(attributes), reasonKey.String(l.reason))
	}
	known, _ := d.known.LoadOrStore(l, &measurement{
		span:     spanned,
		count:    metric.WithAttributeSet(attribute.NewSet(counted...)),
		duration: metric.WithAttributeSet(attribute.NewSet(codeKey.String(l.code.String()))),
	})
	return known.(*measurement) //nolint:errcheck,forcetypeassert // as above
}

// reasonOf returns the code of a refusal. An Allow can make codes of its own, so any other is
// "other".
func reasonOf(err error) string {
	switch code := verifier.CodeOf(err); {
	case err == nil:
		return ""
	case slices.Contains(codes, code):
		return string(code)
	default:
		return "other"
	}
}

var codes = []verifier.Code{
	verifier.CodeMissingToken, verifier.CodeInvalidRequest, verifier.CodeMalformedToken, verifier.CodeForbiddenHeader,
	verifier.CodeDisallowedAlg, verifier.CodeMissingKid, verifier.CodeKeyNotFound, verifier.CodeInvalidToken,
	verifier.CodeMissingClaim, verifier.CodeInvalidIssuer, verifier.CodeInvalidAudience, verifier.CodeTokenExpired,
	verifier.CodeTokenNotYetValid, verifier.CodeTokenRevoked, verifier.CodeInsufficientUserAuthentication,
	verifier.CodeUnboundToken, verifier.CodeInvalidDPoPProof, verifier.CodeUseDPoPNonce,
	verifier.CodeInsufficientScope, verifier.CodeInsufficientPermissions, verifier.CodeJWKSFetchFailed,
	verifier.CodeJWKSError, verifier.CodeIntrospectionFailed, verifier.CodeIntrospectionError,
	verifier.CodeRevocationsStale, verifier.CodeReplaysFull, verifier.CodeReplaysFailed,
}
