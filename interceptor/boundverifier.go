package interceptor

import (
	"context"
	"fmt"
	"reflect"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// A boundVerifier is a TokenVerifier that also accepts bound tokens, with their proof.
type boundVerifier interface {
	VerifyBound(
		ctx context.Context, token string, prove func(verifier.Confirmation) error,
	) (*verifier.Claims, error)
}

// boundVerifierOf returns New's verifier as one that accepts bound tokens. A struct that embeds one
// has its VerifyBound by accident, which would bypass what the struct's own Verify checks.
func boundVerifierOf(v any) (boundVerifier, error) {
	bound, ok := v.(boundVerifier)
	if !ok {
		return nil, fmt.Errorf("a %T has no method VerifyBound, which bound tokens need", v)
	}
	shape := reflect.TypeOf(v)
	if shape.Kind() == reflect.Pointer {
		shape = shape.Elem()
	}
	if shape.Kind() != reflect.Struct {
		return bound, nil
	}
	for _, f := range reflect.VisibleFields(shape) {
		isBound := f.Type.Implements(boundVerifierType) || reflect.PointerTo(f.Type).Implements(boundVerifierType)
		if f.Anonymous && isBound {
			return nil, fmt.Errorf("a %T embeds a %v, whose VerifyBound would bypass its Verify: "+
				"keep it in a named field, and write both methods", v, f.Type)
		}
	}
	return bound, nil
}

var boundVerifierType = reflect.TypeFor[boundVerifier]()
