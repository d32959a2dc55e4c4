// Package ports writes the authentication of six projects anew, each with its own
// configuration. The page docs/ports.md compares them with the originals.
package ports
