package verifier_test

import (
	"errors"
	"fmt"
	"log"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidcrpc/oidcrpc/verifier"
)

func ExampleNewClaims() {
	session := fmt.Appendf(nil, `{"sub":"alice","roles":["admin"],"exp":%d}`, time.Now().Add(time.Hour).Unix())
	claims, err := verifier.NewClaims(session, verifier.ClaimsConfig{
		Issuer:           "sessions",
		PermissionsClaim: "roles",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Issuer(), claims.Subject(), claims.Permissions())
	// Output: sessions alice [admin]
}

// forever accepts objects that neither expire nor name their issuer.
var forever = verifier.ClaimsConfig{Issuer: "table", AllowNoExpiry: true}

func vouched(t *testing.T, object string, config verifier.ClaimsConfig) *verifier.Claims {
	t.Helper()
	claims, err := verifier.NewClaims([]byte(object), config)
	if err != nil {
		t.Fatalf("NewClaims: %v", err)
	}
	return claims
}

func TestVouchedClaimsAreReadLikeATokens(t *testing.T) {
	t.Parallel()
	object := []byte(`{"iss":"table","sub":42,"aud":"a","client_id":"c","jti":"j","acr":"mfa","exp":4102444800.9,
		"nbf":1.5,"iat":2,"auth_time":3,"scope":"read write","permissions":["drop"],"Sub":"evil","tenant":"acme"}`)
	claims := vouched(t, string(object), verifier.ClaimsConfig{})
	for _, field := range []struct {
		name      string
		got, want any
	}{
		{"Issuer", claims.Issuer(), "table"},
		{"Subject", claims.Subject(), "42"},
		{"ClientID", claims.ClientID(), "c"},
		{"ID", claims.ID(), "j"},
		{"ACR", claims.ACR(), "mfa"},
		{"Expiry", claims.Expiry().Unix(), int64(4102444800)},
		{"ValidUntil", claims.ValidUntil(), claims.Expiry()},
		{"NotBefore", claims.NotBefore().UnixMilli(), int64(1500)},
		{"IssuedAt", claims.IssuedAt().Unix(), int64(2)},
		{"AuthTime", claims.AuthTime().Unix(), int64(3)},
		{"Recheck", claims.Recheck(), time.Minute},
		{"String", claims.String(), `token "j" of table`},
	} {
		if field.got != field.want {
			t.Errorf("%s = %v, want %v", field.name, field.got, field.want)
		}
	}
	if !slices.Equal(claims.Audience(), []string{"a"}) || !claims.HasScope("write") || !claims.HasPermission("drop") {
		t.Errorf("audience %q, scopes %q, permissions %q", claims.Audience(), claims.Scopes(), claims.Permissions())
	}
	clear(object)
	var own struct {
		Tenant string `json:"tenant"`
	}
	if err := claims.Decode(&own); err != nil || own.Tenant != "acme" {
		t.Errorf("Decode stored %+v, %v", own, err)
	}
}

func TestVouchedGrantsAreFoundWhereTheConfigSays(t *testing.T) {
	t.Parallel()
	config := forever
	config.ScopeClaim, config.PermissionsClaim = "scp", "/access/roles"
	claims := vouched(t, `{"scp":["read"],"scope":"write","access":{"roles":"admin"},"permissions":"root"}`, config)
	if !slices.Equal(claims.Scopes(), []string{"read"}) || !slices.Equal(claims.Permissions(), []string{"admin"}) {
		t.Errorf("scopes %q and permissions %q, want read and admin", claims.Scopes(), claims.Permissions())
	}
	if err := (verifier.Requirement{Scopes: []string{"write"}}).Check(claims); verifier.CodeOf(err) != verifier.CodeInsufficientScope {
		t.Errorf("Check: %v, want insufficient_scope", err)
	}
}

func TestUnusableObjectsAreRefusedByTheNameOfTheMember(t *testing.T) {
	t.Parallel()
	const exp = `"exp":4102444800`
	for _, test := range []struct {
		object string
		config verifier.ClaimsConfig
		want   string // in the error
	}{
		{`{"iss":"table"}`, verifier.ClaimsConfig{}, "exp is absent; ClaimsConfig.AllowNoExpiry"},
		{`{` + exp + `}`, verifier.ClaimsConfig{}, "iss is absent or empty"},
		{`{"iss":"",` + exp + `}`, verifier.ClaimsConfig{}, "iss is absent or empty"},
		{`{"exp":null}`, forever, "exp is not a number"},
		{`{"exp":"2100-01-01T00:00:00Z"}`, forever, "exp is not a number"},
		{`{"exp":9007199254740993}`, forever, "exp is not a number"},
		{`{"nbf":"now"}`, forever, "nbf is not a number"},
		{`{"iss":7}`, forever, "iss is not a string"},
		{`{"aud":[1]}`, forever, "aud is neither"},
		{`{"sub":"alice","sub":"root"}`, forever, "holds a name twice"},
		{`{"a":{"b":1,"b":2}}`, forever, "holds a name twice"},
		{`{"sub":"alice"} {}`, forever, "is not JSON"},
		{"{\"sub\":\"\xff\"}", forever, "is not JSON"},
		{`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, forever, "nested too deep"},
		{`["sub"]`, forever, "is not JSON"},
		{`null`, forever, "is not JSON"},
		{``, forever, "is not JSON"},
		{`{"a":"` + strings.Repeat("a", 64<<10) + `"}`, forever, "more than 65536"},
		{`{}`, verifier.ClaimsConfig{ScopeClaim: "/~2"}, "ClaimsConfig.ScopeClaim: "},
		{`{}`, verifier.ClaimsConfig{PermissionsClaim: "/~2"}, "ClaimsConfig.PermissionsClaim: "},
		{`{}`, verifier.ClaimsConfig{Leeway: -1}, "ClaimsConfig.Leeway "},
		{`{}`, verifier.ClaimsConfig{Leeway: 5*time.Minute + 1}, "ClaimsConfig.Leeway "},
		{`{}`, verifier.ClaimsConfig{Recheck: 30}, "ClaimsConfig.Recheck "},
	} {
		claims, err := verifier.NewClaims([]byte(test.object), test.config)
		if claims != nil || err == nil || !strings.HasPrefix(err.Error(), "verifier: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.60s: %v, %v; want an error with %q", test.object, claims, err, test.want)
		}
		if _, ok := errors.AsType[*verifier.AuthError](err); ok {
			t.Errorf("%.60s: the caller is blamed: %v", test.object, err)
		}
	}
	vouched(t, `{"a":"`+strings.Repeat("a", 64<<10-8)+`"}`, forever)
}

func TestVouchedClaimsThatAreOverRefuseTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Unix()
		strict := verifier.ClaimsConfig{Issuer: "table"}
		lenient := verifier.ClaimsConfig{Issuer: "table", Leeway: 10 * time.Second}
		for _, test := range []struct {
			object string
			config verifier.ClaimsConfig
			want   verifier.Code
		}{
			{fmt.Sprintf(`{"exp":%d}`, now+1), strict, ""},
			{fmt.Sprintf(`{"exp":%d}`, now), strict, verifier.CodeTokenExpired},
			{fmt.Sprintf(`{"exp":%d}`, now-9), lenient, ""},
			{fmt.Sprintf(`{"exp":%d}`, now-10), lenient, verifier.CodeTokenExpired},
			{fmt.Sprintf(`{"exp":%d}`, now), forever, verifier.CodeTokenExpired},
			{`{"exp":-62135596800}`, forever, verifier.CodeTokenExpired}, // Go's zero time
			{fmt.Sprintf(`{"nbf":%d}`, now), forever, ""},
			{fmt.Sprintf(`{"nbf":%d}`, now+1), forever, verifier.CodeTokenNotYetValid},
			{fmt.Sprintf(`{"exp":%d,"nbf":%d}`, now+99, now+10), lenient, ""},
			{fmt.Sprintf(`{"exp":%d,"nbf":%d}`, now+99, now+11), lenient, verifier.CodeTokenNotYetValid},
			{`{"iss":"table"}`, forever, ""},
			{`{"iss":"table/"}`, forever, verifier.CodeInvalidIssuer},
			{`{"cnf":{"jkt":"x"}}`, forever, verifier.CodeInvalidToken},
		} {
			claims, err := verifier.NewClaims([]byte(test.object), test.config)
			if got := verifier.CodeOf(err); got != test.want || (claims == nil) != (err != nil) {
				t.Errorf("%s: %v, %v; want code %q", test.object, claims, err, test.want)
			}
		}
	})
}

func TestClaimsWithoutExpNeverExpire(t *testing.T) {
	t.Parallel()
	claims := vouched(t, `{}`, forever)
	if !claims.Expiry().IsZero() {
		t.Errorf("Expiry = %v, want none", claims.Expiry())
	}
	if got := claims.ValidUntil(); got.Year() != 9999 {
		t.Errorf("ValidUntil = %v, want the end of time", got)
	}
	if text, err := claims.ValidUntil().MarshalText(); err != nil {
		t.Errorf("ValidUntil can't be written: %s, %v", text, err)
	}
	if err := (verifier.Requirement{MaxAge: time.Hour}).Check(claims); verifier.CodeOf(err) != verifier.CodeInsufficientUserAuthentication {
		t.Errorf("Check: %v, want a user without auth_time to authenticate", err)
	}
	if claims := vouched(t, `{"exp":4102444800}`, forever); claims.ValidUntil().Unix() != 4102444800 {
		t.Errorf("ValidUntil = %v, want the exp that is there", claims.ValidUntil())
	}
}

func TestVouchedClaimsAreRecheckedAsTheConfigSays(t *testing.T) {
	t.Parallel()
	for recheck, want := range map[time.Duration]time.Duration{0: time.Minute, 5 * time.Second: 5 * time.Second, -1: 0} {
		config := forever
		config.Recheck = recheck
		if got := vouched(t, `{}`, config).Recheck(); got != want {
			t.Errorf("Recheck %v: got %v, want %v", recheck, got, want)
		}
	}
}

func TestVouchedIssuerIsPrintable(t *testing.T) {
	t.Parallel()
	if got := vouched(t, `{"iss":"a\nb"}`, verifier.ClaimsConfig{AllowNoExpiry: true}).String(); got != `token "" of a?b` {
		t.Errorf("String = %q", got)
	}
}
