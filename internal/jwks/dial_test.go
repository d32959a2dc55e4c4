package jwks

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"93.184.216.34":          true,
		"1.1.1.1":                true,
		"2606:4700::1111":        true,
		"127.0.0.1":              false,
		"127.8.8.8":              false,
		"::1":                    false,
		"0.0.0.0":                false,
		"0.1.2.3":                false,
		"::":                     false,
		"10.0.0.1":               false,
		"172.16.0.1":             false,
		"172.32.0.1":             true,
		"192.168.1.1":            false,
		"169.254.169.254":        false, // the metadata service of most clouds
		"100.100.100.200":        false, // and of another
		"fd00:ec2::254":          false,
		"fe80::1":                false,
		"fec0::1":                false,
		"224.0.0.1":              false,
		"255.255.255.255":        false,
		"240.0.0.1":              false,
		"192.0.2.1":              false,
		"198.18.0.1":             false,
		"::ffff:127.0.0.1":       false,
		"::ffff:93.184.216.34":   true,
		"64:ff9b::7f00:1":        false,
		"2002:7f00:1::":          false,
		"2001:db8::1":            false,
		"::127.0.0.1":            false,
		"::ffff:0:7f00:1":        false,
		"192.88.99.1":            false,
		"3fff::1":                false,
		"::ffff:169.254.169.254": false,
	} {
		addr := netip.MustParseAddr(address)
		if got := checkAddress(netip.AddrPortFrom(addr, 443).String()) == nil; got != want {
			t.Errorf("%s: public = %v, want %v", address, got, want)
		}
	}
	for _, address := range []string{"", "bufconn", "@", "/run/issuer.sock", "127.0.0.1"} {
		if checkAddress(address) == nil {
			t.Errorf("%q is taken for a public address", address)
		}
	}
}

// The address is judged with any dialer, and nothing is sent to it.
func TestPrivateAddressesAreNotAsked(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	toServer := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}
	clients := map[string]*http.Client{
		"the default client":            nil,
		"an empty client":               {},
		"a plain transport":             {Transport: &http.Transport{}},
		"the default transport, cloned": {Transport: http.DefaultTransport.(*http.Transport).Clone()},
		"a dialer of its own":           {Transport: &http.Transport{DialContext: toServer}},
		"a TLS dialer of its own":       {Transport: &http.Transport{DialTLSContext: toServer}},
		"a deprecated dialer of its own": {Transport: &http.Transport{Dial: func(network, _ string) (net.Conn, error) {
			return toServer(context.Background(), network, "")
		}}},
		"a deprecated TLS dialer of its own": {Transport: &http.Transport{DialTLS: func(network, _ string) (net.Conn, error) {
			return toServer(context.Background(), network, "")
		}}},
		"a proxy": {Transport: &http.Transport{Proxy: http.ProxyURL(mustParse(t, server.URL))}},
	}
	for name, client := range clients {
		for _, scheme := range []string{"http", "https"} {
			issuer := NewSource(Config{
				Issuer:     "https://issuer.example",
				JWKSURL:    strings.Replace(server.URL, "http", scheme, 1) + "/jwks",
				HTTPClient: client,
				Timeout:    time.Minute,
				PublicOnly: true,
			})
			_, _, err := issuer.Read(t.Context(), nil, false)
			if err == nil || !strings.Contains(err.Error(), "AllowPrivateAddresses") {
				t.Errorf("%s, %s: %v, want an error that names the field to set", name, scheme, err)
			}
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("%d requests reached the private address", n)
	}
}

func TestTransportThatCannotBeJudgedIsNotAsked(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	issuer := NewSource(Config{
		Issuer: "https://issuer.example",
		HTTPClient: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			asked.Add(1)
			return nil, net.ErrClosed
		})},
		Timeout:    time.Minute,
		PublicOnly: true,
	})
	_, _, err := issuer.Read(t.Context(), nil, false)
	if err == nil || !strings.Contains(err.Error(), "can't be judged") || asked.Load() > 0 {
		t.Errorf("Read: %v after %d requests, want a refusal without any", err, asked.Load())
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func mustParse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
