// Package issuers tests the library against real issuers: oidc-provider, Ory Hydra,
// Kubernetes and LemonLDAP::NG. Each runs as a program of its own. It changes its keys, is
// stopped, and is frozen. The first two are also asked about opaque tokens, and give tokens to
// clients. The first one also says when a user logs out.
//
// The tests need npm, Debian's package lemonldap-ng and minutes to compile. They don't run
// unless you ask for them:
//
//	OIDCRPC_ISSUERS=1 go -C internal/issuers test -v .
package issuers
