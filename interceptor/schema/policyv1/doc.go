// Package policyv1 is the Go code of oidcrpc/policy/v1/policy.proto. The code of a
// service that uses its options imports it; package schema reads them.
package policyv1
