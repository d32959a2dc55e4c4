package httpauth

import (
	"net/http"

	"github.com/oidcrpc/oidcrpc/interceptor"
)

// Refuse answers a request whose handler finds out that its caller may not have what was
// asked for. The handler should return then:
//
//	claims, ok := interceptor.ClaimsFromContext(r.Context())
//	if !ok || order.Customer != (user{claims.Issuer(), claims.Subject()}) {
//		httpauth.Refuse(w, r, errors.New("the order is another customer's"))
//		return
//	}
//
// The caller gets the same answer as if a policy had refused the request. Code, challenge
// and details come from err as they do for [interceptor.Rule].Allow. An *AuthError is used
// as is: to ask the caller for something specific, pass the error of a Requirement's Check.
// Any other error, even a nil one, becomes 403.
//
// Pass the handler's own r, or one with a context derived from its own. If the response has
// begun, its caller can't be told, and it ends as if its token had: see the package's
// documentation.
func Refuse(w http.ResponseWriter, r *http.Request, err error) {
	refusal := interceptor.NewRefusal(r.Context(), err)
	guarded, ok := r.Context().Value(responseKey{}).(*response)
	switch {
	case !ok:
		write(w, r, refusal)
	case guarded.refusal != nil:
	case guarded.begun:
		guarded.refusal = refusal
	default:
		guarded.refusal = refusal
		write(w, r, refusal)
		guarded.told = true
	}
}
