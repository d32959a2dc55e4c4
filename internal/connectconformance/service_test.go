package connectconformance

import (
	"context"
	"errors"
	"io"
	"time"

	"connectrpc.com/conformance/internal"
	conformancev1 "connectrpc.com/conformance/internal/gen/proto/go/connectrpc/conformance/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// A call is what the service needs to know of either framework.
type call struct {
	ctx             context.Context
	request         []*conformancev1.Header
	query           []*conformancev1.Header // of a GET
	header, trailer internal.HeaderAdder    // of the response
	newError        func(*conformancev1.Error) error
}

// A message is one from the client, and how it wants to be answered.
type message struct {
	proto.Message

	answer     *conformancev1.StreamResponseDefinition
	fullDuplex bool
}

// one answers unary calls and client streams.
func (c *call) one(
	answer *conformancev1.UnaryResponseDefinition, received ...proto.Message,
) (*conformancev1.ConformancePayload, error) {
	info, err := c.info(received)
	if err != nil {
		return nil, err
	}
	internal.AddHeaders(answer.GetResponseHeaders(), c.header)
	internal.AddHeaders(answer.GetResponseTrailers(), c.trailer)
	time.Sleep(time.Duration(answer.GetResponseDelayMs()) * time.Millisecond)
	if answer.GetError() != nil {
		return nil, c.fail(answer.GetError(), info)
	}
	return &conformancev1.ConformancePayload{Data: answer.GetResponseData(), RequestInfo: info}, nil
}

// stream answers server streams and bidi streams: each message as it comes in a full
// duplex, and all of them at their end otherwise.
func (c *call) stream(
	receive func() (message, error), sendHeaders func() error, send func(*conformancev1.ConformancePayload) error,
) error {
	var first message
	var received []proto.Message
	sent := 0
	reply := func() error {
		info, err := c.info(received)
		if err != nil {
			return err
		}
		if sent > 0 {
			info = &conformancev1.ConformancePayload_RequestInfo{Requests: info.GetRequests()}
		}
		time.Sleep(time.Duration(first.answer.GetResponseDelayMs()) * time.Millisecond)
		data := first.answer.GetResponseData()[sent]
		sent, received = sent+1, nil
		return send(&conformancev1.ConformancePayload{Data: data, RequestInfo: info})
	}
	more := func() bool { return sent < len(first.answer.GetResponseData()) }
	for {
		next, err := receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		received = append(received, next.Message)
		if first.Message == nil {
			first = next
			internal.AddHeaders(first.answer.GetResponseHeaders(), c.header)
			internal.AddHeaders(first.answer.GetResponseTrailers(), c.trailer)
			if first.fullDuplex && more() {
				if err := sendHeaders(); err != nil {
					return err
				}
			}
		}
		if !first.fullDuplex {
			continue
		}
		if !more() {
			break
		}
		if err := reply(); err != nil {
			return err
		}
	}
	if !first.fullDuplex && more() {
		if err := sendHeaders(); err != nil {
			return err
		}
	}
	for more() {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := reply(); err != nil {
			return err
		}
	}
	if first.answer.GetError() == nil {
		return nil
	}
	if sent > 0 {
		return c.newError(first.answer.GetError())
	}
	info, err := c.info(received)
	if err != nil {
		return err
	}
	return c.fail(first.answer.GetError(), info)
}

// fail tells in the error what was received, for there's no message to tell it.
func (c *call) fail(answer *conformancev1.Error, info proto.Message) error {
	detail, err := anypb.New(info)
	if err != nil {
		return err
	}
	answer.Details = append(answer.Details, detail)
	return c.newError(answer)
}

func (c *call) info(received []proto.Message) (*conformancev1.ConformancePayload_RequestInfo, error) {
	info := &conformancev1.ConformancePayload_RequestInfo{RequestHeaders: c.request}
	for _, message := range received {
		request, err := anypb.New(message)
		if err != nil {
			return nil, err
		}
		info.Requests = append(info.Requests, request)
	}
	if deadline, ok := c.ctx.Deadline(); ok {
		info.TimeoutMs = proto.Int64(time.Until(deadline).Milliseconds())
	}
	if len(c.query) > 0 {
		info.ConnectGetInfo = &conformancev1.ConformancePayload_ConnectGetInfo{QueryParams: c.query}
	}
	return info, nil
}

// once receives the one request of a server stream.
func once(req *conformancev1.ServerStreamRequest) func() (message, error) {
	received := false
	return func() (message, error) {
		if received {
			return message{}, io.EOF
		}
		received = true
		return message{Message: req, answer: req.GetResponseDefinition()}, nil
	}
}

// each receives the requests of a bidi stream.
func each(receive func() (*conformancev1.BidiStreamRequest, error)) func() (message, error) {
	return func() (message, error) {
		req, err := receive()
		return message{req, req.GetResponseDefinition(), req.GetFullDuplex()}, err
	}
}
