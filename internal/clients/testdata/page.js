// Makes each call that the page asks for, and tells the page's server what it saw.
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createClient, ConnectError, Code } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import * as DPoP from "dpop";
import { proving } from "./proving.js";

const { descriptors, calls } = JSON.parse(document.getElementById("input").textContent);
const bytes = Uint8Array.from(atob(descriptors), (c) => c.charCodeAt(0));
const service = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes)).getService("greet.v1.GreetService");

const keys = await DPoP.generateKeyPair("ES256");
const getToken = async () => (await fetch("/token?jkt=" + (await DPoP.calculateThumbprint(keys.publicKey)))).text();

async function make(call) {
  const options = { baseUrl: call.url, useHttpGet: call.get };
  if (call.prove) {
    options.fetch = proving(keys, getToken);
  }
  const transport = call.protocol === "grpc-web" ? createGrpcWebTransport(options) : createConnectTransport(options);
  const client = createClient(service, transport);
  const headers = call.token ? { authorization: "Bearer " + call.token } : {};
  try {
    if (!call.stream) {
      return { ok: (await client.greet({ name: "Ada" }, { headers })).greeting };
    }
    let greeting = "";
    for await (const message of client.watch({ name: "Ada", count: 2 }, { headers })) {
      greeting = message.greeting;
    }
    return { ok: greeting };
  } catch (reason) {
    const error = ConnectError.from(reason);
    return {
      code: Code[error.code],
      message: error.rawMessage,
      challenge: error.metadata.get("www-authenticate") ?? "",
      details: error.details.map((d) => d.type ?? d.desc?.typeName),
    };
  }
}

const results = [];
for (const call of calls) {
  results.push(await make(call));
}
await fetch("/results", { method: "POST", body: JSON.stringify(results) });
