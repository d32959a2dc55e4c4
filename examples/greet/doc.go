// Package greet holds the greeting service that the examples and tests share, with one
// procedure of each kind. Its proto and generated code are in greet/v1.
package greet
