package introspection

import (
	"errors"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jwks"
	"github.com/oidcrpc/oidcrpc/internal/refresh"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// failureTTL is how long a token isn't asked about again if it couldn't be judged.
const failureTTL = time.Second

// unusable says that the authorization server's answer is no answer.
func unusable(err error) error { return &jwks.Failure{Answered: true, Err: err} }

// keysError returns what a caller learns when there is no verdict. Its cause contains no
// AuthError, which wouldn't be about the caller.
func keysError(err error) *verifier.KeysError {
	e := &verifier.KeysError{Code: verifier.CodeIntrospectionFailed, RetryAfter: failureTTL, Err: err}
	if failure, ok := errors.AsType[*jwks.Failure](err); ok {
		e.Err = failure.Err
		if failure.Answered {
			e.Code = verifier.CodeIntrospectionError
		}
	}
	if unavailable, ok := errors.AsType[*refresh.Unavailable](err); ok {
		e.RetryAfter = unavailable.RetryAfter
	}
	switch {
	case errors.Is(err, refresh.ErrBudget):
		e.Err = errors.New("too many unknown tokens; Config.UnknownTokensPerSecond limits them")
	case errors.Is(err, refresh.ErrWaiting):
		e.Err = errors.New("too many calls wait for answers")
	}
	return e
}
