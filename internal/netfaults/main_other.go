//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "netfaults makes network namespaces and TUN devices: it needs Linux.")
	os.Exit(2)
}
