package wire_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier"
)

const (
	refuses                = "refuses"
	refusesForAScope       = "refuses for a scope"
	refusesForTheUser      = "refuses for how the user authenticated"
	receivesThenRefuses    = "receives, then refuses"
	sendsThenRefuses       = "sends, then refuses"
	sendsHeaderThenRefuses = "sends the header, then refuses"
	returnsAnAuthError     = "returns an AuthError"
)

func refuse(ctx context.Context, s stream) error {
	return s.refuse(ctx, errors.New("the greeting is another customer's"))
}

// refuseForAScope returns the refusal within another error, as middleware might.
func refuseForAScope(ctx context.Context, s stream) error {
	claims, _ := interceptor.ClaimsFromContext(ctx)
	err := verifier.Requirement{Scopes: []string{"greet:admin"}}.Check(claims)
	return fmt.Errorf("in the database: %w", s.refuse(ctx, err))
}

func refuseForTheUser(ctx context.Context, s stream) error {
	claims, _ := interceptor.ClaimsFromContext(ctx)
	return s.refuse(ctx, verifier.Requirement{ACRValues: []string{"mfa"}, MaxAge: time.Hour}.Check(claims))
}

// returnAnAuthError returns what a handler may have from its own calls.
func returnAnAuthError(context.Context, stream) error {
	return &verifier.AuthError{Code: verifier.CodeInsufficientScope, Message: "m", Scopes: []string{"downstream"}}
}

// A lateRefusal is one way for a handler to refuse a caller who was admitted.
type lateRefusal struct {
	handler string // its script
	kinds   []kind
	moment  moment
	want    outcome
}

var lateRefusals = []lateRefusal{
	{handler: refuses, kinds: allKinds, moment: unsent, want: notAllowed()},
	{handler: refusesForAScope, kinds: allKinds, moment: unsent, want: missingScope("greet:read greet:admin")},
	{
		handler: refusesForTheUser, kinds: allKinds, moment: unsent,
		want: insufficientUser("the user must authenticate in another way",
			`acr_values="mfa", max_age="3600"`, "greet:read"),
	},
	{handler: receivesThenRefuses, kinds: []kind{clientStream, bidiStream}, moment: unsent, want: notAllowed()},
	{handler: sendsThenRefuses, kinds: []kind{serverStream, bidiStream}, moment: sent, want: notAllowed()},
	{handler: sendsHeaderThenRefuses, kinds: []kind{serverStream, bidiStream}, moment: sent, want: notAllowed()},
}

func TestEveryPathReportsALateRefusalAlike(t *testing.T) {
	auth, tokens := newAuth(t)
	authorization := bearer(tokens.issuer.Token(rights(nil)))
	for _, path := range paths() {
		server := path.launch(t, auth)
		client := path.dial(t, server)
		for _, late := range lateRefusals {
			for _, kind := range late.kinds {
				if !slices.Contains(path.kinds, kind) {
					continue
				}
				t.Run(path.name+"/"+string(kind)+"/the handler "+late.handler, func(t *testing.T) {
					if path.middleware && !path.http1 {
						t.Parallel() // it waits for clients that hold their stream open
					}
					a := perform(t, client, call{
						kind:          kind,
						authorization: authorization,
						script:        late.handler,
						hold:          !path.waitsForRequest(),
					})
					path.check(t, a, kind, late.want, late.moment)
					server.checkQuiet(t)
				})
			}
		}
	}
}

// The framework treats such an error like any other.
func TestNoPathTreatsAReturnedAuthErrorAsARefusal(t *testing.T) {
	auth, tokens := newAuth(t)
	for _, path := range paths() {
		want := outcome{code: codes.Unknown, message: "insufficient_scope: m"}
		if path.silent {
			want.message = ""
		}
		server := path.launch(t, auth)
		client := path.dial(t, server)
		for _, kind := range path.kinds {
			t.Run(path.name+"/"+string(kind), func(t *testing.T) {
				a := perform(t, client, call{
					kind:          kind,
					authorization: bearer(tokens.issuer.Token(rights(nil))),
					script:        returnsAnAuthError,
				})
				a.check(t, want, nowhere)
				server.checkQuiet(t)
			})
		}
	}
}
