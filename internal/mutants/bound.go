package main

// Tokens that are bound to a certificate: which one counts, and where it is found.
var (
	certificates = home{"internal/clientcert", []string{"internal/clientcert"}}
	proofs       = home{"internal/earlyhttp", []string{"internal/wire"}}
)

var boundRules = []mutant{
	// What the call must prove.
	{"a certificate isn't compared", calls, "mutualTLS.prove", never(`string(encoded[:]) != thumbprint`)},
	{"a token bound to a certificate needs no proof", calls, "Authenticator.prove", never(`c.CertificateThumbprint != "" && a.mutualTLS == nil`)},
	{"a failed proof admits", calls, "Authenticator.prove",
		in(`if err := a.mutualTLS.prove(ctx, call.Peer, call.Request, c.CertificateThumbprint); err != nil`, never(`err != nil`))},
	{"an open stream's token may be bound to another key", calls, "credential.judgeAgain", never(`now != proven`)},
	{"a verifier that wraps by half is bypassed", calls, "boundVerifierOf", never(`f.Anonymous && isBound`)},

	// Who is believed.
	{"every peer is a proxy", calls, "mutualTLS.isProxy", become(`prefix.Contains(address.Addr().Unmap())`, `address.IsValid()`)},
	{"the first of several fields counts", calls, "mutualTLS.certificate", never(`len(values) > 1`)},

	// What the proxy says.
	{"a client can add an element", certificates, "ReadEnvoy", never(`elements != proxies`)},
	{"a client can hide a hash between quotes", certificates, "readQuoted", never(`text[i] == '"' && backslashes > 1`)},
}

var boundDetails = []mutant{
	{"another place's bound token is asked for a proof", calls, "Authenticator.acceptBound",
		become(`a.given[0].bound = bound`, `for i := range a.given { a.given[i].bound = bound }`)},
	{"early data proves a certificate", calls, "presented", never(`!state.HandshakeComplete`)},
	{"an authority's certificate counts", calls, "presented",
		become(`state.PeerCertificates[0]`, `state.PeerCertificates[len(state.PeerCertificates)-1]`)},
	{"every peer without an address is a proxy", calls, "mutualTLS.isProxy", always(`connection.Network == "unix"`)},
	{"Unix sockets are believed unasked", calls, "mutualTLS.isProxy", always(`m.UnixProxy`)},
	{"a field from elsewhere is read over", calls, "mutualTLS.certificate",
		become(`!isProxy && len(values) == 0`, `!isProxy`)},
	{"a proxy's own certificate is its client's", calls, "mutualTLS.certificate",
		become(`!isProxy && len(values) == 0`, `len(values) == 0`)},
	{"callers are proxies by default", calls, "MutualTLS.compile", never(`m.Field != 0 && !isProxied`)},
	{"every address can be a proxy's", calls, "MutualTLS.compile", never(`prefix.Bits() < 1`)},
	{"a certificate may hold line breaks", certificates, "Read", never(`strings.ContainsAny(encoded, "\r\n")`)},
	{"a certificate is decoded leniently", certificates, "Read", become(`base64.StdEncoding.Strict()`, `base64.StdEncoding`)},
	{"the last element counts", certificates, "ReadEnvoy", become(`elements == 1`, `elements > 0`)},
	{"a client can add a hash", certificates, "readElement", become(`hashes != 1`, `hashes == 0`)},
	{"a hash may be short", certificates, "readHash", become(`len(value) != hex.EncodedLen(len(hash))`, `len(value) > hex.EncodedLen(len(hash))`)},
	{"an element needs no hash", certificates, "readElement", become(`hashes != 1`, `hashes > 1`)},
	{"a certificate's field may have any length", certificates, "Read", never(`len(field) > MaxBytes`)},
	{"Envoy's field may have any length", certificates, "ReadEnvoy", never(`len(field) > MaxBytes`)},
	{"text may follow a closing quote", certificates, "readPair", never(`rest[0] != ','`)},
	{"quotes may stand in a value", certificates, "readPair", never("strings.ContainsAny(value, `\"\\`)")},
	{"a key may be anything", certificates, "readPair", never(`strings.Trim(key, letters) != ""`)},
	{"the middleware has no connection", proofs, "request.Connection", become(`ConnectionOf((*http.Request)(r))`, `interceptor.Connection{}`)},
	{"a Unix socket can't be told", proofs, "NetworkOf", never(`ok`)},
	{"every address is one of TCP", home{"grpcauth", []string{"internal/wire"}}, "networkOf", never(`ok`)},
	{"proxies can be changed later", calls, "MutualTLS.compile", become(`slices.Clone(m.Proxies)`, `m.Proxies`)},
}
