package dpop_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
)

// Handlers that are no RPCs check a proof around the token: what's cheap comes first, and the proof
// counts only for a good token.
func ExampleNew() {
	v, err := verifier.New(verifier.Config{
		Issuer:    "https://login.example.com",
		Audiences: []string{"https://api.example.com"},
	})
	if err != nil {
		panic(err)
	}
	checker, err := dpop.New(dpop.Config{Origins: []string{"https://api.example.com"}})
	if err != nil {
		panic(err)
	}
	verify := func(r *http.Request, token string) (*verifier.Claims, error) {
		proof, err := checker.Read(dpop.Request{
			Proofs: r.Header.Values("DPoP"),
			Method: r.Method,
			Path:   r.URL.EscapedPath(),
			Token:  token,
		})
		if err != nil {
			return nil, err
		}
		return v.VerifyBound(r.Context(), token, func(c verifier.Confirmation) error {
			return proof.Check(r.Context(), c.KeyThumbprint)
		})
	}
	r, _ := http.NewRequest(http.MethodGet, "https://api.example.com/orders/1", nil)
	_, err = verify(r, "a.stolen.token")
	fmt.Println(verifier.CodeOf(err))
	// Output: invalid_dpop_proof
}

// With Redis, Add is "SET dpop:<id> 1 NX PXAT <milliseconds>", which answers nil if the key exists.
func ExampleReplays() {
	add := func(_ context.Context, id string, until time.Time) (added bool, err error) {
		command := []any{"SET", "dpop:" + id, 1, "NX", "PXAT", until.UnixMilli()}
		return len(command) == 6, nil // send it
	}
	var replays dpop.Replays = replaysFunc(add)
	added, err := replays.Add(context.Background(), "id", time.Now().Add(time.Minute))
	fmt.Println(added, err)
	// Output: true <nil>
}

type replaysFunc func(ctx context.Context, id string, until time.Time) (bool, error)

func (f replaysFunc) Add(ctx context.Context, id string, until time.Time) (bool, error) {
	return f(ctx, id, until)
}
