// Package greet holds the greeting service that the examples and tests share.
// Its code is in greet/v1, generated from greet/v1/greet.proto.
package greet
