// Package wire holds tests only: what a caller gets, by every road that a call can
// take. Calls go over sockets of this host, to real servers.
//
// Real clients make calls as they should be, in every protocol and over every stack:
//
//   - outcome_test.go is what each kind of credentials comes to;
//   - path_test.go is the roads, and where the challenge travels on each;
//   - expiry_test.go is how streams end when their tokens do;
//   - verdict_test.go is what each token comes to under each policy;
//   - late_test.go is what a handler that refuses its caller comes to.
//
// Raw ones, which are no more than a framer, make those that no real client makes:
//
//   - http2_test.go and format_test.go are how they speak;
//   - attack_*_test.go is what they try, and what becomes of it.
package wire
