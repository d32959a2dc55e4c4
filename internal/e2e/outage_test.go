package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestCallsAreUnavailableWhileTheProviderIsDownAndRecoverWithIt(t *testing.T) {
	for name, test := range map[string]struct {
		outage http.HandlerFunc // nil: the port is closed
		reason string
	}{
		"the port is closed": {nil, "JWKS_FETCH_FAILED"},
		"status 503": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}, "JWKS_FETCH_FAILED"},
		"no answer": {func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}, "JWKS_FETCH_FAILED"},
		"a page in place of the metadata": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<title>We'll be back soon</title>"))
		}, "JWKS_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			p := startProvider(t, "", jose.RS256)
			config := p.config()
			config.FetchTimeout = 300 * time.Millisecond
			token := p.token(t, robot)
			p.stop(t)
			if test.outage != nil {
				p.start(t, test.outage)
			}

			callers := startServers(t, config) // which needs no provider
			var retryAfter time.Duration
			t.Run("down", func(t *testing.T) {
				forEachProcedure(t, callers, token, unavailable(test.reason, &retryAfter))
			})

			p.stop(t)
			p.start(t, p.handler)
			time.Sleep(retryAfter)
			t.Run("back", func(t *testing.T) {
				forEachProcedure(t, callers, token, admitted(identityOf(p, robot)))
			})
		})
	}
}

func TestOutageAfterARotationRefusesNoToken(t *testing.T) {
	p := startProvider(t, "", jose.RS256)
	callers := startServers(t, p.config())
	known := p.token(t, robot)
	want := admitted(identityOf(p, robot))
	forEachProcedure(t, callers, known, want)
	p.rotate(t, jose.RS256)
	unknown := p.token(t, robot)
	p.stop(t)

	var retryAfter time.Duration
	t.Run("down/a token of an unknown key is not judged", func(t *testing.T) {
		forEachProcedure(t, callers, unknown, unavailable("JWKS_FETCH_FAILED", &retryAfter))
	})
	t.Run("down/a token of a known key is still good", func(t *testing.T) {
		forEachProcedure(t, callers, known, want)
	})

	p.start(t, p.handler)
	time.Sleep(retryAfter)
	t.Run("back/the unknown key is found", func(t *testing.T) {
		forEachProcedure(t, callers, unknown, want)
	})
	t.Run("back/the known key is still good", func(t *testing.T) {
		forEachProcedure(t, callers, known, want)
	})
}
