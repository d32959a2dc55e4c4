package dpop_test

import (
	"testing"
	"testing/synctest"

	"github.com/oidcrpc/oidcrpc/verifier/dpop"
)

// Rows are spellings of "https://api.example.com/acme.v1.Orders/Get", or of another URI.
func TestTargetIsComparedAfterNormalization(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	for htu, want := range map[string]bool{
		"https://api.example.com/acme.v1.Orders/Get":                         true,
		"HTTPS://API.Example.COM/acme.v1.Orders/Get":                         true,
		"https://api.example.com:443/acme.v1.Orders/Get":                     true,
		"https://api.example.com:/acme.v1.Orders/Get":                        true,
		"https://api.example.com/acme.v1.Orders/Get?connect=v1&message=%7B}": true,
		"https://api.example.com/acme.v1.Orders/Get#top":                     true,
		"https://api.example.com/acme.v1.%4Frders/%47et":                     true,
		"https://%61pi.ex%41mple.com/acme.v1.Orders/Get":                     true,
		"https://api.example.com/./x/../acme.v1.Orders/Get":                  true,
		"https://api.example.com/x/%2e%2E/acme.v1.Orders/Get":                true,
		"https://api.example.com/../acme.v1.Orders/Get":                      true,

		"http://api.example.com/acme.v1.Orders/Get":           false,
		"http://api.example.com:443/acme.v1.Orders/Get":       false,
		"https://api.example.com:80/acme.v1.Orders/Get":       false,
		"https://api.example.com:8443/acme.v1.Orders/Get":     false,
		"https://api.example.com:4a3/acme.v1.Orders/Get":      false,
		"https://api.example.com:443:443/acme.v1.Orders/Get":  false,
		"https://api.example.com./acme.v1.Orders/Get":         false,
		"https://api.example.com.attacker.test/Get":           false,
		"https://api.example.com@attacker.test/Get":           false,
		"https://user@api.example.com/acme.v1.Orders/Get":     false,
		"https://@api.example.com/acme.v1.Orders/Get":         false,
		"https://api.example.com%2Facme.v1.Orders/Get":        false,
		"https://api.example.com/acme.v1.Orders%2FGet":        false,
		"https://api.example.com/acme.v1.Orders%2fGet":        false,
		"https://api.example.com/acme.v1.Orders%5CGet":        false,
		`https://api.example.com/acme.v1.Orders\Get`:          false,
		"https://api.example.com//acme.v1.Orders/Get":         false,
		"https://api.example.com/acme.v1.Orders//Get":         false,
		"https://api.example.com/acme.v1.Orders/Get/":         false,
		"https://api.example.com/acme.v1.orders/Get":          false,
		"https://api.example.com/acme.v1.Orders/Get%":         false,
		"https://api.example.com/acme.v1.Orders/Get%4":        false,
		"https://api.example.com/acme.v1.Orders/Get%zz":       false,
		"https://api.example.com/acme.v1.Orders/Get ":         false,
		" https://api.example.com/acme.v1.Orders/Get":         false,
		"https://api.example.com/acme.v1.Orders/Get\n":        false,
		"https://api.example.com/acme.v1.Orders/G\u00e9t":     false,
		"https://api.example.com/acme.v1.Orders/Delete":       false,
		"httpſ://api.example.com/acme.v1.Orders/Get":          false,
		"https:/api.example.com/acme.v1.Orders/Get":           false,
		"https:///acme.v1.Orders/Get":                         false,
		"//api.example.com/acme.v1.Orders/Get":                false,
		"/acme.v1.Orders/Get":                                 false,
		"api.example.com/acme.v1.Orders/Get":                  false,
		"wss://api.example.com/acme.v1.Orders/Get":            false,
		"https://api.example.com?/acme.v1.Orders/Get":         false,
		"https://api.example.com#/acme.v1.Orders/Get":         false,
		"https://attacker.test/#api.example.com/acme.v1":      false,
		"https://api.example.com/x/acme.v1.Orders/Get":        false,
		"https://api.example.com/acme.v1.Orders/Get;x":        false,
		"https://[api.example.com]/acme.v1.Orders/Get":        false,
		"https://api.example.com/acme.v1.Orders/Get/../Get/.": false,
	} {
		t.Run(htu, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				err := check(t, settled(t), request(key.proof(with(claims(), "htu", htu))), key.thumbprint)
				if want {
					mustPass(t, err)
				} else {
					mustRefuse(t, err, invalid, "another call: its htu")
				}
			})
		})
	}
}

func TestOriginsAreConfigured(t *testing.T) {
	t.Parallel()
	key := newClient(t, "ES256")
	for _, row := range []struct {
		origins []string
		htu     string
		want    bool
	}{
		{[]string{"https://a.test/rpc"}, "https://a.test/rpc" + procedure, true},
		{[]string{"https://a.test/rpc/"}, "https://a.test/rpc" + procedure, true},
		{[]string{"https://a.test/rpc"}, "https://a.test" + procedure, false},
		{[]string{"https://a.test/rpc"}, "https://a.test/RPC" + procedure, false},
		{[]string{"https://a.test/a%2fb"}, "https://a.test/a%2Fb" + procedure, true},
		{[]string{"https://a.test/a%2fb"}, "https://a.test/a/b" + procedure, false},
		{[]string{"https://A.test:443/x/../rpc"}, "https://a.test/rpc" + procedure, true},
		{[]string{"https://a.test", "http://b.test:8080"}, "http://b.test:8080" + procedure, true},
		{[]string{"https://a.test", "http://b.test:8080"}, "https://a.test" + procedure, true},
		{[]string{"https://a.test", "http://b.test:8080"}, "https://b.test:8080" + procedure, false},
		{[]string{"http://a.test:80"}, "http://a.test" + procedure, true},
		{[]string{"https://[2001:DB8::1]"}, "https://[2001:db8::1]:443" + procedure, true},
		{[]string{"https://[2001:db8::1]:8443"}, "https://[2001:db8::1]" + procedure, false},
	} {
		t.Run(row.htu, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := settled(t, func(c *dpop.Config) { c.Origins = row.origins })
				err := check(t, c, request(key.proof(with(claims(), "htu", row.htu))), key.thumbprint)
				if row.want {
					mustPass(t, err)
				} else {
					mustRefuse(t, err, invalid, "another call: its htu")
				}
			})
		})
	}
}
