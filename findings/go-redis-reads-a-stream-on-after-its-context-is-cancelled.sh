#!/usr/bin/env bash
# In go-redis a cancelled context doesn't end an XREAD that waits.
#
# Versions:  github.com/redis/go-redis/v9 v9.23.0, Go 1.26; as the server
#            github.com/alicebob/miniredis/v2 v2.40.0.
# Guess:     XRead takes a context, so it returns when the context is cancelled, with the context's
#            error. ContextTimeoutEnabled is about deadlines, and may be needed for those.
# Behaviour: a cancelled call returns when Block has passed, and says redis.Nil as if nothing had
#            happened. The option makes a deadline count, never a cancellation. A service that
#            reads events this way ends as late as Block says, and must ask ctx.Err itself.
# Output, 2026-11-28, XRead with a Block of 2 seconds, the context ends after 0.1 seconds:
#> cancelled:                        waited for Block true, redis: nil
#> deadline:                         waited for Block true, redis: nil
#> cancelled, ContextTimeoutEnabled: waited for Block true, redis: nil
#> deadline, ContextTimeoutEnabled:  waited for Block false, i/o timeout true
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func main() {
	server, err := miniredis.Run()
	if err != nil {
		panic(err)
	}
	const block, soon = 2 * time.Second, 100 * time.Millisecond
	for _, enabled := range []bool{false, true} {
		client := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: enabled})
		if err := client.Ping(context.Background()).Err(); err != nil {
			panic(err)
		}
		for _, deadline := range []bool{false, true} {
			name := "cancelled"
			ctx, cancel := context.WithCancel(context.Background())
			if deadline {
				name = "deadline"
				ctx, cancel = context.WithTimeout(context.Background(), soon)
			} else {
				time.AfterFunc(soon, cancel)
			}
			if enabled {
				name += ", ContextTimeoutEnabled"
			}
			start := time.Now()
			err := client.XRead(ctx, &redis.XReadArgs{Streams: []string{"events", "$"}, Block: block}).Err()
			what := fmt.Sprint(err)
			if !errors.Is(err, redis.Nil) {
				what = fmt.Sprint("i/o timeout ", errors.Is(err, os.ErrDeadlineExceeded))
			}
			fmt.Printf("%-33s waited for Block %t, %s\n", name+":", time.Since(start) >= block, what)
			cancel()
		}
	}
}
GO
go mod init example >/dev/null 2>&1
go get github.com/redis/go-redis/v9@v9.23.0 github.com/alicebob/miniredis/v2@v2.40.0 2>/dev/null
go run -mod=mod . | tee out
diff <(sed -n 's/^#> //p' "$self") out
