// Package credentials holds verifiers to copy, for credentials other than an issuer's tokens.
package credentials
