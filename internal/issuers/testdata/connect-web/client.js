// Calls a server as a browser does. The arguments are its URL, the one of a token endpoint, and a
// file with descriptors.
import { readFileSync } from 'node:fs';

import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import * as DPoP from 'dpop';

import { proving } from './proving.js';

const [baseUrl, tokenURL, descriptors] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
const service = registry.getService('greet.v1.GreetService');

const keys = await DPoP.generateKeyPair('ES256');
let token;
async function getToken() {
  if (!token) {
    const headers = { DPoP: await DPoP.generateProof(keys, tokenURL, 'POST') };
    token = (await (await fetch(tokenURL, { method: 'POST', headers })).json()).access_token;
  }
  return token;
}

const options = { baseUrl, fetch: proving(keys, getToken) };
for (const transport of [
  createConnectTransport(options),
  createConnectTransport({ ...options, useHttpGet: true }),
  createGrpcWebTransport(options),
]) {
  const client = createClient(service, transport);
  for (let i = 0; i < 2; i += 1) {
    await client.greet({ name: 'Ada' });
    for await (const _ of client.watch({ name: 'Ada' })) { /* until its end */ }
  }
}
