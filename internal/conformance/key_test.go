package conformance_test

import "github.com/oidcrpc/oidcrpc/internal/jws"

// parseKey returns nil for a JWK that may not verify signatures.
func parseKey(text []byte) *jws.Key {
	read := jws.ReadJWK(string(text))
	key, err := read.Key()
	if err != nil {
		return nil
	}
	return key
}
