// Package wire holds tests only: what a refused caller gets, by every road that a
// call can take. Real clients call real servers over sockets of this host.
//
//   - outcome_test.go is what each kind of credentials comes to;
//   - path_test.go is the roads, and where the challenge travels on each;
//   - expiry_test.go is how streams end when their tokens do;
//   - verdict_test.go is what each token comes to under each policy;
//   - late_test.go is what a handler that refuses its caller comes to.
package wire
