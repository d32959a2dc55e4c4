package feed

import (
	"context"
	"testing"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/revocation"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// Whatever a transmitter signs, it ends only tokens from the issuer it may speak for, and none
// that were issued after the event.
func FuzzSignals(f *testing.F) {
	const prefix = `{"iss":"https://issuer.test","aud":"https://api.test","jti":"a","iat":1700000000,`
	for _, rest := range []string{
		`"sub_id":{"format":"iss_sub","iss":"https://issuer.test","sub":"alice"},"events":{"` + SessionRevoked + `":{}}}`,
		`"sub_id":{"format":"jwt_id","iss":"https://issuer.test","jti":"t"},"events":{"` + CredentialChange +
			`":{"event_timestamp":1690000000.5,"change_type":"update"}}}`,
		`"sub_id":{"format":"complex","user":{"format":"email","email":"a@b.c"},"session":{"format":"opaque","id":"s"}},` +
			`"events":{"` + SessionRevoked + `":{"event_timestamp":1e300}}}`,
		`"sub_id":{"format":"aliases","identifiers":[{"format":"opaque","id":"s"}]},"events":{"` + TokenClaimsChange + `":{}}}`,
		`"sub_id":{"format":"opaque","id":"s"},"events":{"` + Verification + `":{"state":"x"}}}`,
		`"sub_id":{"format":"opaque","id":"s"},"events":{"` + StreamUpdated + `":{"status":"paused"}}}`,
		`"events":{"` + SessionRevoked + `":{"subject":{"format":"iss_sub","iss":"https://issuer.test","sub":"\ud83d\ude00"}}}}`,
	} {
		f.Add(prefix + rest)
	}
	issuer := verifiertest.NewIssuer()
	config := issuer.Config()
	config.JWKS, config.HTTPClient, config.Types = issuer.JWKS(), nil, []string{signalType}
	v, err := verifier.NewEventVerifier(config)
	if err != nil {
		f.Fatal(err)
	}
	s := &stream{Signals: Signals{TokenIssuer: issuer.URL()}, resolver: resolver{
		issuer.URL(), func(_ context.Context, id Identifier) (Subject, error) {
			if id.Value == "" {
				f.Error("Map was asked about nothing")
			}
			return Subject{Subject: id.Value, SessionID: id.Member}, nil
		},
	}}
	f.Fuzz(func(t *testing.T, payload string) {
		token := issuer.Token(nil, verifiertest.WithHeader("typ", signalType), verifiertest.WithRawPayload(payload))
		event, err := v.VerifyEvent(t.Context(), token)
		if err != nil {
			return
		}
		m, err := s.read(t.Context(), event)
		if err != nil {
			if refusalOf(err) == nil || len(m.revoke) > 0 {
				t.Fatalf("%v is no refusal, or ends %v", err, m.revoke)
			}
			return
		}
		list, err := revocation.New(revocation.Config{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range m.revoke {
			if e.Issuer != issuer.URL() || e.IssuedBefore.IsZero() && !event.IssuedAt().IsZero() {
				t.Errorf("%+v is of another issuer, or of now", e)
			}
			if e.IssuedBefore.After(event.IssuedAt()) {
				t.Errorf("%+v ends what came after the event of %v", e, event.IssuedAt())
			}
			if e.IssuedBefore.Before(time.Now()) && !e.IssuedBefore.IsZero() {
				if err := list.Revoke(t.Context(), e); err != nil {
					t.Errorf("the list can't keep it: %v", err)
				}
			}
		}
	})
}
