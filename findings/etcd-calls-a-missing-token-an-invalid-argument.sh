#!/usr/bin/env bash
# etcd answers InvalidArgument to a call without a token, and OK to such a watch.
#
# Versions:  go.etcd.io/etcd/server/v3, api/v3 and client/v3 v3.7.3, google.golang.org/grpc v1.85.0, Go 1.26.
# Guess:     Unauthenticated, as for a wrong token, so that a client knows to get one.
# Behaviour: a missing token and a wrong password are an InvalidArgument. A watch isn't refused
#            by a code at all: it's a message in the stream. With etcd's own Go
#            client, status.Code sees none of the codes, since its errors are of another type.
# Output, 2026-11-28:
#> no token:       InvalidArgument, etcdserver: user name is empty
#> wrong token:    Unauthenticated, etcdserver: invalid auth token
#> wrong password: InvalidArgument, etcdserver: authentication failed, invalid user ID or password
#> other key:      PermissionDenied, etcdserver: permission denied
#> watch, no token: OK, canceled: rpc error: code = InvalidArgument desc = etcdserver: user name is empty
#> etcd's client, wrong token: Unknown, etcdserver: invalid auth token
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
	"net"
	"net/url"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func main() {
	config := embed.NewConfig()
	config.Dir = "data"
	config.LogLevel = "panic"
	address, peer := free(), free()
	config.ListenClientUrls = []url.URL{{Scheme: "http", Host: address}}
	config.ListenPeerUrls = []url.URL{{Scheme: "http", Host: peer}}
	config.AdvertiseClientUrls, config.AdvertisePeerUrls = config.ListenClientUrls, config.ListenPeerUrls
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	server, err := embed.StartEtcd(config)
	check(err)
	<-server.Server.ReadyNotify()

	// The user may read the key "a".
	ctx := context.Background()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{address}})
	check(err)
	for _, name := range []string{"root", "user"} {
		_, err = client.RoleAdd(ctx, name)
		check(err)
		_, err = client.UserAdd(ctx, name, "example")
		check(err)
		_, err = client.UserGrantRole(ctx, name, name)
		check(err)
	}
	_, err = client.RoleGrantPermission(ctx, "user", "a", "", clientv3.PermissionType(clientv3.PermRead))
	check(err)
	_, err = client.AuthEnable(ctx)
	check(err)

	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	keys, auth := etcdserverpb.NewKVClient(connection), etcdserverpb.NewAuthClient(connection)
	get := func(key string, token ...string) error {
		ctx := ctx
		for _, t := range token {
			ctx = metadata.AppendToOutgoingContext(ctx, "token", t)
		}
		_, err := keys.Range(ctx, &etcdserverpb.RangeRequest{Key: []byte(key)})
		return err
	}
	granted, err := auth.Authenticate(ctx, &etcdserverpb.AuthenticateRequest{Name: "user", Password: "example"})
	check(err)
	check(get("a", granted.Token))
	_, refused := auth.Authenticate(ctx, &etcdserverpb.AuthenticateRequest{Name: "user", Password: "wrong"})
	show("no token:      ", get("a"))
	show("wrong token:   ", get("a", "wrong"))
	show("wrong password:", refused)
	show("other key:     ", get("z", granted.Token))

	watch, err := etcdserverpb.NewWatchClient(connection).Watch(ctx)
	check(err)
	check(watch.Send(&etcdserverpb.WatchRequest{RequestUnion: &etcdserverpb.WatchRequest_CreateRequest{
		CreateRequest: &etcdserverpb.WatchCreateRequest{Key: []byte("a")},
	}}))
	message, err := watch.Recv()
	fmt.Printf("watch, no token: %v, canceled: %s\n", status.Code(err), message.GetCancelReason())

	_, err = client.Get(metadata.AppendToOutgoingContext(ctx, "token", "wrong"), "a")
	fmt.Printf("etcd's client, wrong token: %v, %v\n", status.Code(err), err)
}

func show(name string, err error) {
	fmt.Printf("%s %v, %s\n", name, status.Code(err), status.Convert(err).Message())
}

func free() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer listener.Close()
	return listener.Addr().String()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go mod init example >/dev/null 2>&1
go get go.etcd.io/etcd/server/v3@v3.7.3 go.etcd.io/etcd/client/v3@v3.7.3 google.golang.org/grpc@v1.85.0 2>/dev/null
go run -mod=mod . 2>/dev/null | tee out
diff <(sed -n 's/^#> //p' "$self") out
