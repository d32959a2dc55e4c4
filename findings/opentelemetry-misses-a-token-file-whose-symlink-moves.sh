#!/usr/bin/env bash
# The OpenTelemetry collector doesn't see a new token if the file is a symlink that moves to it.
#
# Versions:  github.com/open-telemetry/opentelemetry-collector-contrib/extension/bearertokenauthextension v0.165.1
#            (on github.com/fsnotify/fsnotify v1.10.1), Linux, Go 1.26.
# Guess:     it watches the file, and its comments speak of symlinks. However the token is replaced,
#            the next call has the new one.
# Behaviour: what's watched is the file behind the link. Kubernetes deletes that after each change,
#            which wakes the watcher. If the old file stays, as with a folder for each version
#            and a link to the current one, nothing happens there, and the collector sends
#            the old token until it's refused, and after.
# Output, 2026-11-28, what is sent after two changes:
#> file written again: second
#> new file renamed to it: second
#> link moved, old file deleted: second
#> link moved, old file kept: initial
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/bearertokenauthextension"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"google.golang.org/grpc/credentials"
)

func main() {
	show("file written again:", plain, func(file, token string) { write(file, token) })
	show("new file renamed to it:", plain, func(file, token string) {
		write(file+".new", token)
		check(os.Rename(file+".new", file))
	})
	show("link moved, old file deleted:", linked, func(file, token string) {
		old, err := os.Readlink(file)
		check(err)
		link(file, token)
		check(os.Remove(old))
	})
	show("link moved, old file kept:", linked, link)
}

func plain(file string) { write(file, "initial") }

func linked(file string) { link(file, "initial") }

// link writes the token to a file of its own, and moves the link there in one step.
func link(file, token string) {
	target := filepath.Join(filepath.Dir(file), token)
	write(target, token)
	check(os.Symlink(target, file+".new"))
	check(os.Rename(file+".new", file))
}

// show prints which token is sent once change has put two others in place.
func show(name string, create func(file string), change func(file, token string)) {
	ctx := context.Background()
	dir, err := os.MkdirTemp(".", "")
	check(err)
	dir, err = filepath.Abs(dir)
	check(err)
	file := filepath.Join(dir, "token")
	create(file)

	factory := bearertokenauthextension.NewFactory()
	config := factory.CreateDefaultConfig().(*bearertokenauthextension.Config)
	config.Filename = file
	config.WaitForTokenFile = true
	client, err := factory.Create(ctx, extension.Settings{
		ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}, config)
	check(err)
	check(client.Start(ctx, componenttest.NewNopHost()))
	defer client.Shutdown(ctx)
	rpc, err := client.(interface {
		PerRPCCredentials() (credentials.PerRPCCredentials, error)
	}).PerRPCCredentials()
	check(err)

	var sent string
	for _, token := range []string{"first", "second"} {
		change(file, token)
		for deadline := time.Now().Add(3 * time.Second); sent != token && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			metadata, err := rpc.GetRequestMetadata(ctx)
			check(err)
			sent = strings.TrimPrefix(metadata["authorization"], "Bearer ")
		}
	}
	fmt.Printf("%s %s\n", name, sent)
}

func write(file, token string) { check(os.WriteFile(file, []byte(token), 0o600)) }

func check(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go mod init example >/dev/null 2>&1
go get github.com/open-telemetry/opentelemetry-collector-contrib/extension/bearertokenauthextension@v0.165.1 github.com/fsnotify/fsnotify@v1.10.1 2>/dev/null
go mod tidy 2>/dev/null
go run . | tee out
diff <(sed -n 's/^#> //p' "$self") out
