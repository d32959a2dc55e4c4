package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/introspection"
)

// How long an answer about an opaque token is used here. The default is a minute.
const answersTTL = time.Second

const opaqueToken = "opaque-1"

// An endpoint is a server that knows one opaque token, with a verifier that asks it.
type endpoint struct {
	*server

	verifier *introspection.Verifier
	revoked  atomic.Bool
}

func startEndpoint(m mode, fetchTimeout time.Duration) (*endpoint, error) {
	e := &endpoint{server: startServer(m)}
	e.next = http.HandlerFunc(e.answer)
	var err error
	e.verifier, err = introspection.New(introspection.Config{
		Issuer:       "https://issuer.test",
		Endpoint:     e.socket.URL,
		Client:       introspection.SecretBasic{ClientID: "orders", Secret: "secret"},
		Audiences:    []string{"orders"},
		CacheTTL:     answersTTL,
		FetchTimeout: fetchTimeout,
	})
	if err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

func (e *endpoint) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.FormValue("token") != opaqueToken || e.revoked.Load() {
		fmt.Fprint(w, `{"active":false}`)
		return
	}
	fmt.Fprintf(w, `{"active":true,"sub":"alice","aud":"orders","exp":%d}`, time.Now().Add(time.Hour).Unix())
}

func (e *endpoint) verify(ctx context.Context, token string) error {
	_, err := e.verifier.Verify(ctx, token)
	return err
}

func opaqueColdStart(ctx context.Context) (string, error) {
	e, err := startEndpoint(slow, patience)
	if err != nil {
		return "", err
	}
	defer e.stop()
	if failed := thousandCalls(ctx, e.verify, opaqueToken); failed > 0 {
		return "", fmt.Errorf("%d calls failed", failed)
	}
	return fmt.Sprintf("all served; asked %d time", e.requests.Load()), nil
}

func opaqueGoesDown(ctx context.Context) (string, error) {
	e, err := startEndpoint(healthy, patience)
	if err != nil {
		return "", err
	}
	defer e.stop()
	if err := e.verify(ctx, opaqueToken); err != nil {
		return "", err
	}
	e.set(down)
	served, lasted, err := untilRefused(ctx, e.verify, opaqueToken)
	if !isUnavailable(err) {
		return "", fmt.Errorf("a known token: %w", err)
	}
	if err := e.verify(ctx, "another"); !isUnavailable(err) {
		return "", fmt.Errorf("an unknown token: %w", err)
	}
	return fmt.Sprintf("%d calls served for %s, then Unavailable, as an unknown token is at once",
		served, rounded(lasted)), nil
}

func opaqueHangs(ctx context.Context) (string, error) {
	e, err := startEndpoint(healthy, time.Second/2) // the default is 3 seconds
	if err != nil {
		return "", err
	}
	defer e.stop()
	for err = e.verify(ctx, opaqueToken); isUnavailable(err); err = e.verify(ctx, opaqueToken) {
		time.Sleep(10 * time.Millisecond) // a busy machine may be late
	}
	if err != nil {
		return "", err
	}
	e.set(hung)
	slowest := time.Duration(0)
	served, lasted, err := untilRefused(ctx, func(ctx context.Context, token string) error {
		before := time.Now()
		err := e.verify(ctx, token)
		if err == nil {
			slowest = max(slowest, time.Since(before))
		}
		return err
	}, opaqueToken)
	if !isUnavailable(err) {
		return "", err
	}
	return fmt.Sprintf("%d calls served for %s, the slowest in %s, then Unavailable",
		served, rounded(lasted), slowest.Round(time.Microsecond)), nil
}

func opaqueRevoked(ctx context.Context) (string, error) {
	e, err := startEndpoint(healthy, patience)
	if err != nil {
		return "", err
	}
	defer e.stop()
	if err := e.verify(ctx, opaqueToken); err != nil {
		return "", err
	}
	e.revoked.Store(true)
	_, lasted, err := untilRefused(ctx, e.verify, opaqueToken)
	if verifier.CodeOf(err) != verifier.CodeInvalidToken {
		return "", err
	}
	return fmt.Sprintf("refused after %s", rounded(lasted)), nil
}

func opaqueMadeUp(ctx context.Context) (string, error) {
	e, err := startEndpoint(healthy, patience)
	if err != nil {
		return "", err
	}
	defer e.stop()
	if err := e.verify(ctx, opaqueToken); err != nil {
		return "", err
	}
	before, unavailable := e.requests.Load(), 0
	for n := range 10_000 {
		err := e.verify(ctx, fmt.Sprint("made-up-", n))
		switch {
		case isUnavailable(err):
			unavailable++
		case verifier.CodeOf(err) != verifier.CodeInvalidToken:
			return "", fmt.Errorf("a made-up token: %w", err)
		}
		if err := e.verify(ctx, opaqueToken); err != nil {
			return "", fmt.Errorf("a known token: %w", err)
		}
	}
	return fmt.Sprintf("%d questions for them, %d told to come back; good tokens all served",
		e.requests.Load()-before, unavailable), nil
}
