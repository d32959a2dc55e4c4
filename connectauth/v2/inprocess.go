package connectauth

import (
	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// takeRequest receives the one request of a server stream in process, and drops it. A
// client that finds its request refused before it was received reports no more than
// io.EOF (connect-go v2.0.2), and code and details are lost. A call over HTTP loses
// nothing, so its request stays unread.
//
// It waits until the client has sent its request, or ends the call.
func takeRequest(info *connect.CallInfo, spec connect.Spec, conn connect.ServerStream) {
	if spec.StreamType != connect.StreamTypeServer || !isInProcess(info) {
		return
	}
	var request any
	if method, ok := spec.Schema.(protoreflect.MethodDescriptor); ok {
		request = dynamicpb.NewMessage(method.Input())
	}
	// The function that copies messages in process is the user's, and might expect
	// another type.
	defer func() { _ = recover() }()
	_ = conn.Receive(request)
}

func isInProcess(info *connect.CallInfo) bool {
	if info == nil {
		return false // an interceptor has replaced the context, and anything is possible
	}
	_, ok := info.TransportInfo.(*connecthttp.ServerInfo)
	return !ok
}
