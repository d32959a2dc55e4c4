#!/usr/bin/env bash
# NestJS answers UNKNOWN to a gRPC call that one of its guards refuses.
#
# Versions:  npm @nestjs/core 12.5.1, @nestjs/common 12.5.1, @nestjs/microservices 12.1.1,
#            @grpc/grpc-js 1.14.7, Node 20.
# Guess:     guards and UnauthorizedException are how Nest protects a method, over HTTP with 401 and
#            403. Over gRPC they become UNAUTHENTICATED and PERMISSION_DENIED.
# Behaviour: both are UNKNOWN, the code for a broken server, and one even says so. A client that
#            gets a new token when it hears UNAUTHENTICATED never does. Only an RpcException
#            with a number for its code comes through.
# Output, 2026-11-28:
#> UnauthorizedException: UNKNOWN, Internal server error
#> ForbiddenException: UNKNOWN, Internal server error
#> guard says false: UNKNOWN, Forbidden resource
#> RpcException: UNAUTHENTICATED, no token
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >example.proto <<'PROTO'
syntax = "proto3";

package example;

message Empty {}

service Service {
  rpc Unauthorized(Empty) returns (Empty);
  rpc Forbidden(Empty) returns (Empty);
  rpc Guarded(Empty) returns (Empty);
  rpc Rpc(Empty) returns (Empty);
}
PROTO
cat >main.mjs <<'JS'
import 'reflect-metadata'
import { createServer } from 'node:net'
import grpc from '@grpc/grpc-js'
import loader from '@grpc/proto-loader'
import { Controller, ForbiddenException, Module, UnauthorizedException, UseGuards } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { GrpcMethod, RpcException, Transport } from '@nestjs/microservices'

class Service {
  unauthorized() { throw new UnauthorizedException('no token') }
  forbidden() { throw new ForbiddenException('no scope') }
  guarded() { return {} }
  rpc() { throw new RpcException({ code: grpc.status.UNAUTHENTICATED, message: 'no token' }) }
}
class Guard {
  canActivate() { return false }
}
// What decorators do, without a compiler.
const decorate = (name, ...decorators) => {
  const property = Object.getOwnPropertyDescriptor(Service.prototype, name)
  for (const decorator of decorators) decorator(Service.prototype, name, property)
}
decorate('unauthorized', GrpcMethod('Service', 'Unauthorized'))
decorate('forbidden', GrpcMethod('Service', 'Forbidden'))
decorate('guarded', GrpcMethod('Service', 'Guarded'), UseGuards(Guard))
decorate('rpc', GrpcMethod('Service', 'Rpc'))
Controller()(Service)
class App {}
Module({ controllers: [Service] })(App)

const url = await new Promise((free) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address()
    probe.close(() => free(`127.0.0.1:${port}`))
  })
})
const app = await NestFactory.createMicroservice(App, {
  transport: Transport.GRPC, logger: false, options: { package: 'example', protoPath: 'example.proto', url },
})
await app.listen()
const { example } = grpc.loadPackageDefinition(loader.loadSync('example.proto'))
const client = new example.Service(url, grpc.credentials.createInsecure())
for (const [name, method] of [
  ['UnauthorizedException', 'Unauthorized'], ['ForbiddenException', 'Forbidden'], ['guard says false', 'Guarded'], ['RpcException', 'Rpc'],
]) {
  await new Promise((answered) => client[method]({}, (error) => {
    console.log(`${name}: ${grpc.status[error?.code ?? 0]}, ${error?.details}`)
    answered()
  }))
}
process.exit()
JS
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @nestjs/core@12.5.1 @nestjs/common@12.5.1 @nestjs/microservices@12.1.1 \
	@grpc/grpc-js@1.14.7 @grpc/proto-loader@0.8.1 reflect-metadata@0.2.2 rxjs@7.8.2 >/dev/null
node main.mjs | tee out
diff <(sed -n 's/^#> //p' "$self") out
