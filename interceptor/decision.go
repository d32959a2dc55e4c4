package interceptor

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Decision is what was decided about one call, for metrics and audit logs. One
// is reported for every call, and another one for a stream whose token expires while
// it runs, and for a call that its own handler refuses.
type Decision struct {
	Procedure string           // as the caller names it: when Err is set there may be no such procedure
	Rule      string           // the key of the policy that decided; "" when none did
	Code      code.Code        // OK, or that of the refusal
	Claims    *verifier.Claims // of a caller who was admitted, at least at first; nil for an anonymous one
	Err       error            // why the call was refused; verifier.CodeOf tells more. Not for callers
	Duration  time.Duration    // of the decision; of the call, when Expired or Late
	Expired   bool             // the token expired while the stream was open
	Late      bool             // the handler refused the call: see [Refuse]
}
