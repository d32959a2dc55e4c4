// node grpc-js.js HOST:PORT TOKEN: prints what an error of grpc-js holds.
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [address, token] = process.argv.slice(2);
const { greet } = grpc.loadPackageDefinition(loader.loadSync("greet/v1/greet.proto"));
const client = new greet.v1.GreetService(address, grpc.credentials.createInsecure());
const metadata = new grpc.Metadata();
if (token) {
  metadata.set("authorization", "Bearer " + token);
}
client.Greet({ name: "Ada" }, metadata, (error) => {
  console.log(grpc.status[error.code], error.metadata.get("www-authenticate"));
  console.log(error.metadata.get("grpc-status-details-bin").map((value) => "bytes: " + value.length));
  client.close();
});
