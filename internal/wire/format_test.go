package wire_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/grpc/codes"
)

// A format is a protocol, as far as a raw request and its reply go.
type format string

const (
	formatGRPC    format = "application/grpc"
	formatGRPCWeb format = "application/grpc-web+proto"
	formatConnect format = "application/proto"         // unary
	formatStream  format = "application/connect+proto" // the streams of formatConnect
)

// A verdict is what became of a raw request, in words.
type verdict string

const (
	served        verdict = "OK"
	missingToken  verdict = `Unauthenticated, Bearer realm="greet"`
	badRequest    verdict = `Unauthenticated, Bearer realm="greet", error="invalid_request"`
	unimplemented verdict = "Unimplemented"
	notFound      verdict = "HTTP 404"
	reset         verdict = "cut off by the transport"
)

// fields returns a request's header.
func (f format) fields(path string, more ...field) []field {
	fields := []field{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: path},
		{Name: ":authority", Value: "greet.test"},
		{Name: "content-type", Value: string(f)},
		{Name: "te", Value: "trailers"},
		{Name: strings.ToLower(scriptHeader), Value: answers},
	}
	return slices.Concat(fields, more)
}

// message returns a message as the body of a request.
func (f format) message(flags byte, content []byte) []byte {
	if f == formatConnect {
		return content
	}
	envelope := binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(content)))
	return append(envelope, content...)
}

// encodingField returns the name of the field that tells how messages are compressed.
func (f format) encodingField() string {
	switch f {
	case formatConnect:
		return "content-encoding"
	case formatStream:
		return "connect-content-encoding"
	default:
		return "grpc-encoding"
	}
}

// verdict reads a reply to a request of the format.
func (f format) verdict(r reply) verdict {
	if r.reset {
		return reset
	}
	code, challenge, ok := f.status(r)
	if !ok {
		return verdict("HTTP " + r.field(":status"))
	}
	if challenge == "" {
		return verdict(code.String())
	}
	return verdict(fmt.Sprintf("%v, %s", code, challenge))
}

// status returns how a call ended, and all challenges of its reply. It is not ok if
// the reply is none to a call.
func (f format) status(r reply) (code codes.Code, challenge string, ok bool) {
	challenge = r.field("www-authenticate")
	switch f {
	case formatConnect:
		if r.field(":status") == "200" {
			return codes.OK, challenge, true
		}
		code, ok = connectCode(r.body)
		return code, challenge, ok
	case formatStream:
		var end struct {
			Error json.RawMessage `json:"error"`
		}
		if json.Unmarshal(r.trailer(0x02), &end) != nil {
			return 0, "", false
		}
		if end.Error == nil {
			return codes.OK, challenge, true
		}
		code, ok = connectCode(end.Error)
		return code, challenge, ok
	default:
		status := r.field("grpc-status")
		if trailer := r.trailer(0x80); trailer != nil {
			block := bufio.NewReader(bytes.NewReader(append(trailer, '\r', '\n')))
			fields, _ := textproto.NewReader(block).ReadMIMEHeader()
			status += fields.Get("grpc-status")
		}
		n, err := strconv.Atoi(status)
		return codes.Code(n), challenge, err == nil
	}
}

func connectCode(body []byte) (codes.Code, bool) {
	var content struct {
		Code connect.Code `json:"code"`
	}
	err := json.Unmarshal(body, &content)
	return codes.Code(content.Code), err == nil && content.Code != 0
}

// trailer returns the content of the last envelope of the body if it is of a kind,
// and nil otherwise.
func (r reply) trailer(flag byte) []byte {
	var content []byte
	for body := r.body; len(body) >= 5; {
		flags, size := body[0], uint64(binary.BigEndian.Uint32(body[1:]))
		if uint64(len(body)) < 5+size {
			return nil
		}
		content = nil
		if flags&flag != 0 {
			content = decompress(flags, body[5:5+size])
		}
		body = body[5+size:]
	}
	return content
}

// decompress returns what an envelope holds. Connect compresses as its client does.
func decompress(flags byte, content []byte) []byte {
	if flags&1 == 0 {
		return content
	}
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil
	}
	plain, _ := io.ReadAll(r)
	return plain
}
