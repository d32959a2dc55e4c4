package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// A procedure is what this adapter secures: an HTTP handler that can fail.
type procedure func(w http.ResponseWriter, r *http.Request) error

// secure is the adapter. The path names the procedure.
func secure(auth *interceptor.Authenticator, handle procedure) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		admission, refusal := auth.Authenticate(r.Context(), interceptor.Call{
			Procedure:     r.URL.Path,
			Authorization: r.Header.Values("Authorization"),
			Peer:          r.RemoteAddr,
			Request:       request(r.Header),
		})
		if refusal != nil {
			writeRefusal(w, refusal)
			return
		}
		err := handle(w, r.WithContext(admission.Context()))
		if refusal := admission.End(refusalOf(err)); refusal != nil {
			writeRefusal(w, refusal)
		} else if err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
		}
	})
}

// request lets credentials be found in other fields than authorization.
type request http.Header

func (r request) Values(_ context.Context, key string) []string { return http.Header(r).Values(key) }

// refuse returns the error for a handler to return when it refuses its caller.
func refuse(ctx context.Context, err error) error {
	return &refusedError{interceptor.NewRefusal(ctx, err)}
}

type refusedError struct{ refusal *interceptor.Refusal }

func (e *refusedError) Error() string { return e.refusal.Message }

// refusalOf returns the refusal in a handler's error, or nil.
func refusalOf(err error) *interceptor.Refusal {
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return refused.refusal
	}
	return nil
}

func writeRefusal(w http.ResponseWriter, refusal *interceptor.Refusal) {
	if refusal.Challenge != "" {
		w.Header().Set("WWW-Authenticate", refusal.Challenge)
	}
	http.Error(w, refusal.Message, statusOf(refusal.Code))
}

func statusOf(code interceptor.Code) int {
	switch code {
	case interceptor.CodeUnauthenticated:
		return http.StatusUnauthorized
	case interceptor.CodePermissionDenied:
		return http.StatusForbidden
	case interceptor.CodeUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// An adapter for plain HTTP handlers, with a handler that refuses all but one caller.
func Example_adapter() {
	issuer := verifiertest.NewIssuer()
	v, err := verifier.New(issuer.Config())
	if err != nil {
		log.Fatal(err)
	}
	auth, err := interceptor.New(v)
	if err != nil {
		log.Fatal(err)
	}
	handler := secure(auth, func(w http.ResponseWriter, r *http.Request) error {
		claims, ok := interceptor.ClaimsFromContext(r.Context())
		if !ok || claims.Subject() != "alice" {
			return refuse(r.Context(), errors.New("the order is another customer's"))
		}
		fmt.Fprintln(w, "two cups of tea")
		return nil
	})

	call := func(authorization string) {
		r := httptest.NewRequest(http.MethodPost, "/orders.v1.OrderService/Show", nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	call("")
	call("Bearer " + issuer.Token(map[string]any{"sub": "bob"}))
	call("Bearer " + issuer.Token(map[string]any{"sub": "alice"}))
	// Output:
	// 401 the call carries no access token
	// 403 the call is not allowed
	// 200 two cups of tea
}
