// Package introspection decides about opaque access tokens by asking the authorization server that
// issued them (RFC 7662).
package introspection
