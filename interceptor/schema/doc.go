// Package schema reads a policy that is written in protos, beside the rpcs.
package schema
