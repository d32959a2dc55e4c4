// node connect-node.js URL PROTOCOL TOKEN DESCRIPTORS: prints what an error of connect-node holds.
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";

const [baseUrl, protocol, token, descriptors] = process.argv.slice(2);
const create = { connect: createConnectTransport, grpc: createGrpcTransport, "grpc-web": createGrpcWebTransport }[protocol];
const file = fromBinary(FileDescriptorSetSchema, Buffer.from(descriptors, "base64"));
const client = createClient(createFileRegistry(file).getService("greet.v1.GreetService"), create({ baseUrl, httpVersion: "2" }));
try {
  await client.greet({ name: "Ada" }, { headers: token ? { authorization: "Bearer " + token } : {} });
} catch (reason) {
  const error = ConnectError.from(reason);
  console.log(Code[error.code], error.metadata.get("www-authenticate"));
  for (const detail of error.details) {
    console.log(detail.type, JSON.stringify(detail.debug ?? {}));
  }
}
