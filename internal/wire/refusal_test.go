package wire_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

func TestEveryPathReportsEveryOutcomeAlike(t *testing.T) {
	auth, tokens := newAuth(t)
	outcomes := outcomes(t, tokens)
	for _, path := range paths() {
		t.Run(path.name, func(t *testing.T) {
			if path.middleware && !path.http1 {
				t.Parallel() // it waits for clients that hold their stream open
			}
			server := path.launch(t, auth)
			client := path.dial(t, server)
			for _, kind := range path.kinds {
				for _, want := range outcomes {
					t.Run(string(kind)+"/"+want.name, func(t *testing.T) {
						checkOutcome(t, path, server, client, kind, want)
					})
				}
			}
		})
	}
}

func checkOutcome(t *testing.T, path path, server *server, client client, kind kind, want outcome) {
	t.Helper()
	refused := want.code != codes.OK
	before := server.service.ran.Load()
	a := perform(t, client, call{
		kind:          kind,
		authorization: want.authorization,
		script:        answers,
		hold:          refused && !path.waitsForRequest(),
	})
	path.check(t, a, kind, want, atStart)
	if ran := server.service.ran.Load() - before; ran != int64(count(!refused)) {
		t.Errorf("%d handlers ran, want %d", ran, count(!refused))
	}
	server.checkQuiet(t)
}

// Without a scheme in authorization there is nothing to offer.
func TestEveryPathRefusesWithoutAChallenge(t *testing.T) {
	auth, err := interceptor.New(newJudge(t), interceptor.WithPlace(interceptor.Metadata("x-goog-iap-jwt-assertion")))
	if err != nil {
		t.Fatal(err)
	}
	want := noCredentials("no challenge", bearer("token"))
	want.challenge = ""
	for _, path := range paths() {
		t.Run(path.name, func(t *testing.T) {
			if path.middleware && !path.http1 {
				t.Parallel() // it waits for clients that hold their stream open
			}
			server := path.launch(t, auth)
			client := path.dial(t, server)
			for _, kind := range path.kinds {
				t.Run(string(kind), func(t *testing.T) {
					checkOutcome(t, path, server, client, kind, want)
				})
			}
		})
	}
}
