package interceptor

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/oidcrpc/oidcrpc/internal/clientcert"
)

// MutualTLS says where the certificate is found to which a token is bound (RFC 8705, section 3).
//
// The zero MutualTLS takes the certificate of the caller's own connection. Have the server ask for
// one, with tls.RequestClientCert or more: the handshake then proves that the caller holds its
// key. Whether an authority signed the certificate doesn't matter here.
type MutualTLS struct {
	// Field is where a proxy that ends TLS passes on its client's certificate. The zero value is
	// nowhere: no field is read.
	Field CertificateField

	// Proxies are the addresses from which Field counts: it's proof only if the caller couldn't have
	// written it. The proxy must remove the caller's own field, also from a call without a
	// certificate. From a proxy only Field counts, never the certificate of its own connection.
	//
	// From any other address the connection's certificate counts, and a bound token beside a Field is
	// refused. The address is the framework's, which for net/http is RemoteAddr: don't let anything
	// rewrite it.
	Proxies []netip.Prefix

	// UnixProxy lets Field count from callers on a Unix socket, which have no address. Behind Connect
	// v1 it needs the middleware.
	UnixProxy bool

	// Elements is how many elements [EnvoyField] must have: one for each Envoy that appends its
	// client's certificate. The first one counts, so the outermost Envoy must drop what its clients
	// send (SANITIZE_SET). The default is 1 and the maximum 8.
	Elements int
}

// A CertificateField is a field in which proxies pass on a client's certificate.
type CertificateField int

const (
	// ClientCertField is Client-Cert, with the certificate in DER (RFC 9440).
	ClientCertField CertificateField = iota + 1

	// EnvoyField is X-Forwarded-Client-Cert, of which Hash counts, the certificate's SHA-256 in hex.
	EnvoyField
)

// String returns the field's name.
func (f CertificateField) String() string {
	switch f {
	case ClientCertField:
		return "Client-Cert"
	case EnvoyField:
		return "X-Forwarded-Client-Cert"
	default:
		return fmt.Sprintf("certificate_field_%d", int(f))
	}
}

const maxElements = 8

func (m MutualTLS) compile() (*mutualTLS, error) {
	isProxied := len(m.Proxies) > 0 || m.UnixProxy
	switch {
	case m.Field < 0 || m.Field > EnvoyField:
		return nil, fmt.Errorf("MutualTLS.Field is unknown: %d", int(m.Field))
	case m.Field == 0 && isProxied:
		return nil, errors.New("MutualTLS.Proxies and UnixProxy need MutualTLS.Field")
	case m.Field != 0 && !isProxied:
		return nil, fmt.Errorf("MutualTLS.Field %v needs MutualTLS.Proxies or UnixProxy: callers can write it", m.Field)
	case m.Elements < 0 || m.Elements > maxElements:
		return nil, fmt.Errorf("MutualTLS.Elements must be at most %d, and not negative", maxElements)
	case m.Elements != 0 && m.Field != EnvoyField:
		return nil, errors.New("MutualTLS.Elements is for EnvoyField")
	}
	for _, prefix := range m.Proxies {
		if prefix.Bits() < 1 {
			return nil, fmt.Errorf("MutualTLS.Proxies: %v is no prefix, or every address", prefix)
		}
	}
	compiled := &mutualTLS{MutualTLS: m}
	compiled.Proxies = slices.Clone(m.Proxies)
	compiled.Elements = max(m.Elements, 1)
	return compiled, nil
}

// mutualTLS is a checked copy of a MutualTLS.
type mutualTLS struct{ MutualTLS }

// prove returns nil if the call comes with the certificate that has this thumbprint.
func (m *mutualTLS) prove(ctx context.Context, peer string, request Request, thumbprint string) error {
	certificate, err := m.certificate(ctx, peer, request)
	if err != nil {
		return err
	}
	var encoded [43]byte
	base64.RawURLEncoding.Encode(encoded[:], certificate[:])
	if string(encoded[:]) != thumbprint {
		return errors.New("the call came with another one: the token was issued to another client, or the client's " +
			"certificate has changed since")
	}
	return nil
}

// certificate returns the thumbprint of the caller's certificate.
func (m *mutualTLS) certificate(ctx context.Context, peer string, request Request) (clientcert.Thumbprint, error) {
	connection := connectionOf(ctx, request)
	if m.Field == 0 {
		return presented(connection)
	}
	if request == nil {
		return clientcert.Thumbprint{}, errNoRequest
	}
	values := request.Values(ctx, m.Field.String())
	isProxy := m.isProxy(peer, connection)
	switch {
	case !isProxy && len(values) == 0:
		return presented(connection)
	case !isProxy:
		return m.unusable("is in the call, which comes from none of MutualTLS.Proxies")
	case len(values) == 0:
		return m.unusable("is not in the call: does the proxy ask its clients for a certificate?")
	case len(values) > 1:
		return m.unusable("came more than once: the proxy must remove its clients' own")
	}
	certificate, err := m.read(values[0])
	if err != nil {
		return m.unusable(err.Error())
	}
	return certificate, nil
}

func (m *mutualTLS) read(field string) (clientcert.Thumbprint, error) {
	if m.Field == EnvoyField {
		return clientcert.ReadEnvoy(field, m.Elements)
	}
	return clientcert.Read(field)
}

func (m *mutualTLS) unusable(why string) (clientcert.Thumbprint, error) {
	return clientcert.Thumbprint{}, fmt.Errorf("%v %s", m.Field, why)
}

// isProxy reports whether a call comes from a proxy.
func (m *mutualTLS) isProxy(peer string, connection Connection) bool {
	address, err := netip.ParseAddrPort(peer)
	if err != nil {
		return m.UnixProxy && connection.Network == "unix"
	}
	return slices.ContainsFunc(m.Proxies, func(prefix netip.Prefix) bool {
		return prefix.Contains(address.Addr().Unmap())
	})
}

// presented returns the thumbprint of the certificate that the caller presented in the handshake.
func presented(connection Connection) (clientcert.Thumbprint, error) {
	state := connection.TLS
	switch {
	case state == nil:
		return clientcert.Thumbprint{}, errors.New("the call came without TLS, or by a way that hides it: " +
			"behind a proxy set MutualTLS.Field, and with Connect v1 add the middleware")
	case !state.HandshakeComplete: // early data can be replayed
		return clientcert.Thumbprint{}, errors.New("the TLS handshake is not complete")
	case len(state.PeerCertificates) == 0:
		return clientcert.Thumbprint{}, errors.New("the caller presented no certificate: does the server ask for one?")
	}
	return sha256.Sum256(state.PeerCertificates[0].Raw), nil
}
