package interceptor

import (
	"context"
	"errors"
	"fmt"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
)

// judge has the verifier of a credential's place judge it. A bound token is refused by every
// verifier but one whose place takes proofs.
func (a *Authenticator) judge(ctx context.Context, call Call, found credential) (*verifier.Claims, error) {
	if found.place.bound == nil {
		return found.place.verifier.Verify(ctx, found.token)
	}
	return found.place.bound.VerifyBound(ctx, found.token, func(c verifier.Confirmation) error {
		return a.prove(ctx, call, found.proof, c)
	})
}

// prove returns nil if the call proves everything its token is bound to. For a bearer token that's
// nothing. The proof is nil unless the token came with the scheme DPoP. It comes last, since it's
// used up.
func (a *Authenticator) prove(ctx context.Context, call Call, proof *dpop.Proof, c verifier.Confirmation) error {
	switch {
	case c.KeyThumbprint != "" && a.dpop == nil:
		return unsupported("it's bound to a key (cnf has jkt): WithDPoP accepts it with its proof")
	case c.KeyThumbprint != "" && proof == nil: // RFC 9449, section 7.2
		return unproven(errors.New("it's bound to a key (cnf has jkt), but came with the scheme Bearer"))
	case c.CertificateThumbprint != "" && a.mutualTLS == nil:
		return unsupported("it's bound to a certificate (cnf has x5t#S256): " +
			"WithMutualTLS accepts it over a connection with that certificate")
	}
	if c.CertificateThumbprint != "" {
		if err := a.mutualTLS.prove(ctx, call.Peer, call.Request, c.CertificateThumbprint); err != nil {
			return unproven(fmt.Errorf("it's bound to a certificate: %w", err))
		}
	}
	if proof != nil {
		return proveKey(ctx, proof, c.KeyThumbprint, call.isEarly)
	}
	return nil
}

// judgeAgain has an open stream's credential judged again. What it's bound to was proven at the
// stream's start, and must be the same.
func (c credential) judgeAgain(ctx context.Context, proven verifier.Confirmation) error {
	if c.place.bound == nil {
		_, err := c.place.verifier.Verify(ctx, c.token)
		return err
	}
	_, err := c.place.bound.VerifyBound(ctx, c.token, func(now verifier.Confirmation) error {
		if now != proven {
			return unproven(errors.New("it's bound to something else than at the stream's start"))
		}
		return nil
	})
	return err
}

// unsupported refuses a token that is bound in a way for which an option is missing.
func unsupported(cause string) error {
	return &verifier.AuthError{
		Code:    verifier.CodeInvalidToken,
		Message: "the token is bound to a proof that is not supported",
		Err:     errors.New(cause),
	}
}

// unproven refuses a bound token (RFC 8705, section 3; RFC 9449, section 7.2).
func unproven(cause error) error {
	return &verifier.AuthError{
		Code:    verifier.CodeInvalidToken,
		Message: "the call does not prove what the token is bound to",
		Err:     cause,
	}
}
