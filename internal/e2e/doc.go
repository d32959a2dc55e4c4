// Package e2e tests the library against another project's OpenID provider. It's the one
// from github.com/zitadel/oidc, which runs in the test's process behind real sockets. A
// gateway stands in front, vanguard, and so do two proxies, nginx and HAProxy, if they're
// installed and OIDCRPC_PROXIES=1. The Go SDK for MCP is a client and a server of handlers
// behind package httpauth. The package is its own module, so users of the library don't
// inherit other people's dependencies.
package e2e
