// Package e2e tests the library against an OpenID provider that is not ours: that of
// github.com/zitadel/oidc, which runs in the test's process and is reached over real
// sockets. It is a module of its own, so that users of the library do not inherit the
// provider's dependencies.
package e2e
