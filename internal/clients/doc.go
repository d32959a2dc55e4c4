// Package clients makes calls with real clients to the same server: from a page in Chromium with
// connect-web, and with curl, buf curl, grpcurl, connect-node, grpc-js and Python's grpcio.
//
// The tests need chromium, npm and Debian's python3-grpcio, and run if OIDCRPC_CLIENTS=1. One
// writes the table in docs/clients.md when it runs with -update.
package clients
