package interceptor

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
)

// readProof reads the proof of a credential with the scheme DPoP. Others have none, and a proof
// beside them isn't looked at.
func (a *Authenticator) readProof(ctx context.Context, call Call, found credential) (*dpop.Proof, error) {
	if found.place.Place != dpopPlace {
		return nil, nil //nolint:nilnil // there is none to read
	}
	if call.Request == nil {
		return nil, errNoRequest
	}
	return a.dpop.Read(dpop.Request{
		Proofs: call.Request.Values(ctx, proofKey),
		Method: cmp.Or(call.Method, http.MethodPost),
		Path:   cmp.Or(call.Path, call.Procedure),
		Token:  found.token,
	})
}

// proveKey returns nil if the proof was made with the key that the token is bound to. Ahead of the
// call itself the proof isn't used up.
func proveKey(ctx context.Context, proof *dpop.Proof, thumbprint string, isEarly bool) error {
	switch {
	case thumbprint == "":
		return &verifier.AuthError{
			Code:    verifier.CodeInvalidToken,
			Message: "the token is not bound to a key",
			Err:     errors.New("it came with the scheme DPoP, but its cnf has no jkt: is its token_type Bearer?"),
		}
	case isEarly:
		return proof.CheckKey(thumbprint)
	default:
		return proof.Check(ctx, thumbprint)
	}
}

// dpopOffer returns a challenge with the scheme DPoP, made from one with any other.
func (a *Authenticator) dpopOffer(challenge verifier.Challenge) verifier.Challenge {
	challenge.Scheme = dpopPlace.name
	algorithms := verifier.Param{Name: "algs", Value: strings.Join(a.dpop.Algorithms(), " ")}
	challenge.Params = append(challenge.Params, algorithms)
	return challenge
}
