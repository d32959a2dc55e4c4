// Package conformance holds the library to other people's test vectors: those of
// Project Wycheproof (github.com/c2sp/wycheproof) and those of the RFCs. It is a
// module of its own, so that users of the library do not inherit 100 MB of vectors.
package conformance
