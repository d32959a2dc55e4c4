// Package earlyhttp refuses RPCs over net/http before their request has ended. It's what
// the middleware for connect-go v1 and v2 has in common, and compiles neither.
package earlyhttp
