"""python3 grpcio.py HOST:PORT TOKEN: prints what an error of grpcio holds."""
import sys

import grpc

address, token = sys.argv[1:]
metadata = [("authorization", "Bearer " + token)] if token else []
with grpc.insecure_channel(address) as channel:
    try:
        channel.unary_unary("/greet.v1.GreetService/Greet")(b"", metadata=metadata)
    except grpc.RpcError as error:
        received = dict(error.initial_metadata()) | dict(error.trailing_metadata())
        print(error.code().name, received.get("www-authenticate"))
        print("bytes:", len(received.get("grpc-status-details-bin", b"")))
