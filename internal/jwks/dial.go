package jwks

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// guardDial restricts a client to public addresses. It checks each address when it is dialed,
// after DNS resolution and again after a redirect. A proxy would hide the address, so none is
// used. A transport other than [*http.Transport] can't be checked, so every request through it is
// refused.
func guardDial(c *http.Client) {
	t, ok := c.Transport.(*http.Transport)
	if !ok {
		c.Transport = refusingTransport{}
		return
	}
	t.Proxy = nil
	t.Dial, t.DialTLS = nil, nil //nolint:staticcheck // deprecated, but they would still be used
	if t.DialTLSContext != nil {
		t.DialTLSContext = guarded(t.DialTLSContext)
	}
	if t.DialContext == nil {
		dialer := &net.Dialer{Timeout: 30 * time.Second}
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return checkAddress(address) }
		t.DialContext = dialer.DialContext
		return
	}
	t.DialContext = guarded(t.DialContext)
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// guarded checks the remote address of each connection dial makes, before any use.
func guarded(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if err := checkAddress(conn.RemoteAddr().String()); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return conn, nil
	}
}

// A refusingTransport stands in for a transport whose connections can't be checked.
type refusingTransport struct{}

func (refusingTransport) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errNotJudged
}

// Why an address is refused.
var (
	errNotPublic = addressError("the address is not public; AllowPrivateAddresses allows it")
	errNotJudged = addressError("Config.HTTPClient has a transport whose addresses can't be judged; " +
		"AllowPrivateAddresses allows it")
)

type addressError string

func (e addressError) Error() string { return string(e) }

func checkAddress(address string) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(addr.Addr().Unmap()) {
		return errNotPublic
	}
	return nil
}

// notPublic lists special-purpose ranges (RFC 6890 and its registries) for which netip has no
// method.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // shared address space, and some clouds' metadata
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("::ffff:0:0:0/96"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("3fff::/20"),
	netip.MustParsePrefix("5f00::/16"),
	netip.MustParsePrefix("64:ff9b::/96"), // embeds an IPv4 address, as does 2002::/16
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("fec0::/10"),
}

func isPublic(addr netip.Addr) bool {
	return addr.IsGlobalUnicast() && !addr.IsPrivate() &&
		!slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(addr.WithZone("")) })
}
