package issuers_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/oidcrpc/oidcrpc/grpcauth"
	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/client"
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/dpop"
)

func TestOIDCProviderBindsTokensToAClientsKey(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := json.Marshal(jose.JSONWebKey{Key: key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CLIENT_KEY", string(public))
	for nonce, requests := range map[string]int32{"": 1, "required": 2} {
		t.Run("nonce "+nonce, func(t *testing.T) {
			t.Setenv("DPOP_NONCE", nonce)
			_, issuer := signingOIDCProvider(t)
			v := newVerifier(t, verifier.Config{Issuer: issuer, Audiences: []string{audience}, FAPI2: true})
			auth, err := interceptor.New(v, interceptor.WithDPoP(dpop.Config{Origins: []string{externalOrigin}}))
			if err != nil {
				t.Fatal(err)
			}
			for name, fetch := range map[string]client.Fetch{
				"with a secret":     robot(issuer+"/token", "resource").Token,
				"with an assertion": asserting(key, issuer),
			} {
				t.Run(name, func(t *testing.T) {
					d, err := client.NewDPoP(client.DPoPConfig{Origin: externalOrigin})
					if err != nil {
						t.Fatal(err)
					}
					first := new(countingTransport)
					wantBoundToken(t, auth, d, client.NewSource(fetch, client.WithDPoP(d),
						client.WithHTTPClient(&http.Client{Transport: first})))
					if got := first.requests.Load(); got != requests {
						t.Errorf("%d requests, want %d", got, requests)
					}
					second := new(countingTransport)
					wantBoundToken(t, auth, d, client.NewSource(fetch, client.WithDPoP(d),
						client.WithHTTPClient(&http.Client{Transport: second})))
					if got := second.requests.Load(); got != 1 {
						t.Errorf("%d requests with a known nonce, want one", got)
					}
				})
			}
		})
	}
}

func wantBoundToken(t *testing.T, auth *interceptor.Authenticator, d *client.DPoP, tokens *client.Source) {
	t.Helper()
	token := tokenOf(t, tokens)
	parsed, err := jwt.ParseSigned(token.AccessToken, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Confirmation struct {
			Thumbprint string `json:"jkt"`
		} `json:"cnf"`
	}
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		t.Fatal(err)
	}
	if got := claims.Confirmation.Thumbprint; token.Type() != "DPoP" || got != d.Thumbprint() {
		t.Errorf("the token of type %q has the key %q, want %q", token.Type(), got, d.Thumbprint())
	}
	greeter := greetClient(t, auth, grpcauth.PlaintextClientOptions(tokens)...)
	for range 2 {
		wantOwnGreeting(t, greeter)
	}
}

// asserting returns a Fetch for a client with a key (RFC 7523, section 2.2). Each assertion is good
// for one request, as FAPI 2.0 wants it.
func asserting(key *ecdsa.PrivateKey, issuer string) client.Fetch {
	return func(ctx context.Context) (*oauth2.Token, error) {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		assertion, err := jwt.Signed(signer).Claims(jwt.Claims{
			Issuer: "machine", Subject: "machine", Audience: jwt.Audience{issuer}, ID: strconv.FormatInt(now.UnixNano(), 36),
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute)),
		}).Serialize()
		if err != nil {
			return nil, err
		}
		config := clientcredentials.Config{
			TokenURL: issuer + "/token", AuthStyle: oauth2.AuthStyleInParams, Scopes: []string{"orders:read"},
			EndpointParams: url.Values{
				"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
				"client_assertion":      {assertion}, "resource": {audience}, "client_id": {"machine"},
			},
		}
		return config.Token(ctx)
	}
}
