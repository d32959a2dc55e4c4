//go:build !unix

package verifier_test

import "testing"

func irregular(testing.TB) []string { return nil }
