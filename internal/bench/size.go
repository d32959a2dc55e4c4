package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// addedBytes builds servers with and without this library. Most of what's added is an HTTPS client
// for the issuer's keys, which a server may have already. With the tag grpcnotrace the linker can
// leave out methods that nothing calls: else grpc-go links text/template, which could call any.
func addedBytes(_ *verifiertest.Issuer, want func(name string) bool, _ int) (measured Measured, err error) {
	dir, err := os.MkdirTemp("", "size")
	if err != nil {
		return measured, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, server := range []struct{ name, tags string }{
		{"a server", ""},
		{"a server with TLS", "tls"},
		{"a server with TLS and an HTTPS client", "tls,https"},
	} {
		for _, build := range []struct{ name, tags, ldflags string }{
			{"", "", ""},
			{", stripped", "", "-s -w"},
			{", stripped, with grpcnotrace", "grpcnotrace", "-s -w"},
		} {
			name := "added to " + server.name + build.name
			if !want(name) {
				continue
			}
			tags := strings.Trim(server.tags+","+build.tags, ",")
			without, err := sizeOf(filepath.Join(dir, "server"), tags, build.ldflags)
			if err != nil {
				return measured, err
			}
			with, err := sizeOf(filepath.Join(dir, "server"), tags+",guarded", build.ldflags)
			if err != nil {
				return measured, err
			}
			measured.Figures = append(measured.Figures, Figure{Name: name, Value: float64(with-without) / 1e6, Unit: "MB"})
		}
	}
	return measured, nil
}

// sizeOf returns how many bytes the server has that is built with these tags.
func sizeOf(path, tags, ldflags string) (int64, error) {
	const server = "github.com/oidcrpc/oidcrpc/internal/bench/server"
	output, err := exec.Command("go", "build", "-trimpath", "-tags", tags, "-ldflags", ldflags, "-o", path, server).
		CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("go build: %w\n%s", err, output)
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
