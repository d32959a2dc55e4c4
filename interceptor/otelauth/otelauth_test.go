package otelauth_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/otelauth"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A telemetry is an Authenticator with everything that it reports.
type telemetry struct {
	auth   *interceptor.Authenticator
	issuer *verifiertest.Issuer
	reader *metric.ManualReader
	spans  *tracetest.SpanRecorder
	tracer *sdktrace.TracerProvider
}

func newTelemetry(t *testing.T, policy interceptor.Policy) *telemetry {
	t.Helper()
	tel := &telemetry{
		issuer: verifiertest.NewIssuer(), reader: metric.NewManualReader(), spans: tracetest.NewSpanRecorder(),
	}
	tel.tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(tel.spans))
	v, err := verifier.New(tel.issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	options, err := otelauth.Options(otelauth.Config{
		Verifier: v, MeterProvider: metric.NewMeterProvider(metric.WithReader(tel.reader)), TracerProvider: tel.tracer,
	})
	if err != nil {
		t.Fatal(err)
	}
	if tel.auth, err = interceptor.New(v, append(options, interceptor.WithPolicy(policy))...); err != nil {
		t.Fatal(err)
	}
	return tel
}

func (tel *telemetry) call(ctx context.Context, procedure, token string) {
	tel.auth.Authenticate(ctx, interceptor.Call{Procedure: procedure, Authorization: []string{"Bearer " + token}})
}

// metrics returns a line for each data point, sorted. A histogram shows its count.
func (tel *telemetry) metrics(t *testing.T) []string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := tel.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	var lines []string
	add := func(name string, set attribute.Set, value any) {
		lines = append(lines, fmt.Sprintf("%s{%s} %v", name, set.Encoded(attribute.DefaultEncoder()), value))
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				add(m.Name, p.Attributes, p.Value)
			}
		case metricdata.Gauge[int64]:
			for _, p := range data.DataPoints {
				add(m.Name, p.Attributes, p.Value)
			}
		case metricdata.Gauge[float64]:
			for _, p := range data.DataPoints {
				add(m.Name, p.Attributes, p.Value)
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				add(m.Name, p.Attributes, p.Count)
			}
		default:
			t.Fatalf("%s has data of type %T", m.Name, data)
		}
	}
	slices.Sort(lines)
	return lines
}

func TestDecisionsAreCountedByRuleAndReason(t *testing.T) {
	tel := newTelemetry(t, interceptor.Policy{
		"/a.S/*": {}, "/a.S/Write": {Require: verifier.Requirement{Scopes: []string{"w"}}},
		"/a.S/Odd": {Allow: func(context.Context, *verifier.Claims) error {
			return &verifier.AuthError{Code: "odd", Message: "odd"}
		}},
	})
	good := tel.issuer.Token(nil)
	for range 3 {
		tel.call(t.Context(), "/a.S/Read", good)
	}
	tel.call(t.Context(), "/a.S/Write", good)
	tel.call(t.Context(), "/a.S/Odd", good)
	tel.call(t.Context(), "/a.S/Read", "forged")
	lines := tel.metrics(t)
	for _, want := range []string{
		"oidcrpc.decisions{oidcrpc.code=ok,oidcrpc.rule=/a.S/*,oidcrpc.stage=start} 3",
		"oidcrpc.decisions{error.type=insufficient_scope,oidcrpc.code=permission_denied,oidcrpc.rule=/a.S/Write,oidcrpc.stage=start} 1",
		"oidcrpc.decisions{error.type=other,oidcrpc.code=unauthenticated,oidcrpc.rule=/a.S/Odd,oidcrpc.stage=start} 1",
		"oidcrpc.decisions{error.type=malformed_token,oidcrpc.code=unauthenticated,oidcrpc.rule=/a.S/*,oidcrpc.stage=start} 1",
		"oidcrpc.decision.duration{oidcrpc.code=ok} 3",
		"oidcrpc.keys.usable{oidcrpc.issuer=" + tel.issuer.URL() + "} 1",
		"oidcrpc.keys.failures{oidcrpc.issuer=" + tel.issuer.URL() + "} 0",
		"oidcrpc.keys.fetches{oidcrpc.issuer=" + tel.issuer.URL() + ",oidcrpc.outcome=ok} 1",
		"oidcrpc.keys.fetches{oidcrpc.issuer=" + tel.issuer.URL() + ",oidcrpc.outcome=failed} 0",
		"oidcrpc.tokens.verified{oidcrpc.issuer=" + tel.issuer.URL() + "} 1",
		"oidcrpc.streams.open{} 0",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no metric says %s, but\n%s", want, strings.Join(lines, "\n"))
		}
	}
	for _, name := range []string{"oidcrpc.keys.age", "oidcrpc.keys.remaining"} {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, name+"{") }) {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestKeysRemainUntilMaxStale(t *testing.T) {
	tel := newTelemetry(t, nil)
	tel.call(t.Context(), "/a.S/M", tel.issuer.Token(nil))
	for _, line := range tel.metrics(t) {
		var seconds float64
		if n, _ := fmt.Sscanf(line, "oidcrpc.keys.remaining{oidcrpc.issuer="+tel.issuer.URL()+"} %f", &seconds); n == 1 {
			if limit := (65 * time.Minute).Seconds(); seconds > limit || seconds < limit-600 {
				t.Errorf("%v seconds remain, want 65 minutes", seconds)
			}
			return
		}
	}
	t.Error("oidcrpc.keys.remaining is missing")
}

func TestOpenStreamsAreCounted(t *testing.T) {
	tel := newTelemetry(t, nil)
	stream, refusal := tel.auth.AuthenticateStream(t.Context(), interceptor.Call{
		Procedure: "/a.S/M", Authorization: []string{"Bearer " + tel.issuer.Token(nil)},
	}, nil)
	if refusal != nil {
		t.Fatal(refusal)
	}
	if lines := tel.metrics(t); !slices.Contains(lines, "oidcrpc.streams.open{} 1") {
		t.Errorf("the open stream isn't counted:\n%s", strings.Join(lines, "\n"))
	}
	stream.End(nil)
	if lines := tel.metrics(t); !slices.Contains(lines, "oidcrpc.streams.open{} 0") {
		t.Errorf("the ended stream still counts:\n%s", strings.Join(lines, "\n"))
	}
}

func TestRevocationsAreCounted(t *testing.T) {
	list, err := revocation.New(revocation.Config{MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	reader := metric.NewManualReader()
	if _, err := otelauth.Options(otelauth.Config{
		Revocations: list, MeterProvider: metric.NewMeterProvider(metric.WithReader(reader)),
	}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 { // of which one is kept
		_ = list.Revoke(t.Context(), revocation.Event{Issuer: "https://issuer.example", TokenID: fmt.Sprint(i)})
	}
	lines := (&telemetry{reader: reader}).metrics(t)
	for _, want := range []string{
		"oidcrpc.revocations.held{} 1", "oidcrpc.revocations.dropped{} 2", "oidcrpc.revocations.stale{} 0",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no metric says %s, but\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

func TestAuthenticatorsWithTheSameOptionsAddUp(t *testing.T) {
	issuer, reader := verifiertest.NewIssuer(), metric.NewManualReader()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	options, err := otelauth.Options(otelauth.Config{
		Verifier: v, MeterProvider: metric.NewMeterProvider(metric.WithReader(reader)),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		auth, err := interceptor.New(v, options...)
		if err != nil {
			t.Fatal(err)
		}
		stream, refusal := auth.AuthenticateStream(t.Context(), interceptor.Call{
			Procedure: "/a.S/M", Authorization: []string{"Bearer " + issuer.Token(nil)},
		}, nil)
		if refusal != nil {
			t.Fatal(refusal)
		}
		defer stream.End(nil)
	}
	tel := &telemetry{reader: reader}
	lines := tel.metrics(t)
	for _, want := range []string{
		"oidcrpc.streams.open{} 2",
		"oidcrpc.decisions{oidcrpc.code=ok,oidcrpc.rule=,oidcrpc.stage=start} 2",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line says %q:\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

func TestNoLabelComesFromTheCaller(t *testing.T) {
	tel := newTelemetry(t, interceptor.Policy{"/*": {}})
	before := len(tel.metrics(t))
	for i := range 50 {
		tel.call(t.Context(), fmt.Sprintf("/made.Up%d/Call", i), fmt.Sprintf("made-up-%d", i))
	}
	lines := tel.metrics(t)
	if strings.Contains(strings.ToLower(strings.Join(lines, "\n")), "made") {
		t.Errorf("a label holds what the caller sent:\n%s", strings.Join(lines, "\n"))
	}
	if len(lines) > before+3 {
		t.Errorf("50 callers made %d time series", len(lines)-before)
	}
}

func TestSpanOfTheCallGetsTheDecision(t *testing.T) {
	tel := newTelemetry(t, nil)
	ctx, span := tel.tracer.Tracer("test").Start(t.Context(), "call")
	tel.call(ctx, "/a.S/M", "forged")
	span.End()
	spans := tel.spans.Ended()
	if len(spans) != 1 {
		t.Fatalf("%d spans, want the call's own", len(spans))
	}
	if !slices.Contains(spans[0].Attributes(), attribute.String("oidcrpc.reason", "malformed_token")) {
		t.Errorf("attributes = %v", spans[0].Attributes())
	}
}

func TestRefusalWithoutASpanGetsOne(t *testing.T) {
	tel := newTelemetry(t, nil)
	tel.call(t.Context(), "/a.S/M", tel.issuer.Token(nil))
	if spans := tel.spans.Ended(); len(spans) != 0 {
		t.Errorf("an admitted call made %d spans", len(spans))
	}
	tel.call(t.Context(), "/a.S/M", "forged")
	spans := tel.spans.Ended()
	if len(spans) != 1 || !slices.Contains(spans[0].Attributes(), attribute.String("oidcrpc.reason", "malformed_token")) {
		t.Errorf("spans = %v, want one with the reason", spans)
	}
}

func TestOutageIsNotTheTokensFault(t *testing.T) {
	tel := newTelemetry(t, nil)
	tel.issuer.Fail(errors.New("the issuer is down"))
	tel.call(t.Context(), "/a.S/M", tel.issuer.Token(nil))
	want := "oidcrpc.decisions{error.type=jwks_fetch_failed,oidcrpc.code=unavailable,oidcrpc.rule=,oidcrpc.stage=start} 1"
	if lines := tel.metrics(t); !slices.Contains(lines, want) {
		t.Errorf("no metric says %s, but\n%s", want, strings.Join(lines, "\n"))
	}
}
