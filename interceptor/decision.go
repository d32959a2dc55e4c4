package interceptor

import (
	"context"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Decision is what was decided about one call, for metrics and audit logs. One
// is reported for every call, and a second one for a stream whose token expires
// while it runs.
type Decision struct {
	Procedure string
	Rule      string           // the key of the policy that decided; "" when none did
	Code      code.Code        // OK, or that of the refusal
	Claims    *verifier.Claims // of an admitted caller; nil for an anonymous one
	Err       error            // why the call was refused; verifier.CodeOf tells more. Not for callers
	Duration  time.Duration    // of the decision; of the stream, when Expired
	Expired   bool
}

func (a *Authenticator) report(ctx context.Context, d Decision) {
	if a.observe != nil {
		a.observe(ctx, d)
	}
}
