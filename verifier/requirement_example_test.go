package verifier_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func ExampleRequirement_Check() {
	claims := verifiertest.Claims(map[string]any{"scope": "orders:read", "acr": "pwd"})
	deletion := verifier.Requirement{
		Scopes:    []string{"orders:write"},
		ACRValues: []string{"mfa"},
		MaxAge:    5 * time.Minute,
	}
	err := deletion.Check(claims)
	if refusal, ok := errors.AsType[*verifier.AuthError](err); ok {
		fmt.Println(refusal.StatusCode(), refusal.Code)
		fmt.Println(refusal.Challenge("orders").Value("acr_values"))
	}
	// Output:
	// 401 insufficient_user_authentication
	// mfa
}
