package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A field is one of a header, as it goes over the wire: real clients would not send
// most of ours.
type field = hpack.HeaderField

// An http2Conn is one end of a connection of which nothing is checked.
type http2Conn struct {
	net.Conn

	framer   *http2.Framer
	stream   uint32 // of the next request
	goesAway bool   // the server ends the connection
}

func dialRaw(addr string) (*http2Conn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	return startHTTP2(conn, conn)
}

// startHTTP2 begins on a connection, of which r reads what the server sends.
func startHTTP2(conn net.Conn, r io.Reader) (*http2Conn, error) {
	c := &http2Conn{Conn: conn, framer: http2.NewFramer(conn, r), stream: 1}
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.AllowIllegalWrites = true
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return nil, err
	}
	return c, c.framer.WriteSettings()
}

// maxFrame is what every server takes.
const maxFrame = 16 << 10

// request sends a whole request. It may fail to, when the server has heard enough.
func (c *http2Conn) request(fields []field, body []byte) {
	c.header(fields, len(body) == 0)
	c.data(body, true)
}

func (c *http2Conn) header(fields []field, end bool) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range fields {
		_ = encoder.WriteField(f)
	}
	first := block.Next(maxFrame)
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: c.stream, BlockFragment: first, EndHeaders: block.Len() == 0, EndStream: end,
	})
	for block.Len() > 0 {
		fragment := block.Next(maxFrame)
		_ = c.framer.WriteContinuation(c.stream, block.Len() == 0, fragment)
	}
}

func (c *http2Conn) data(body []byte, end bool) {
	for len(body) > 0 {
		n := min(len(body), maxFrame)
		_ = c.framer.WriteData(c.stream, end && n == len(body), body[:n])
		body = body[n:]
	}
}

// A reply is all that the server sent of a response.
type reply struct {
	fields map[string][]string // of header and trailer
	blocks int                 // 2 for a header and a trailer
	body   []byte
	reset  bool // the stream or the connection was cut off instead
}

// reply reads up to the end of the response.
func (c *http2Conn) reply() (reply, error) {
	r := reply{fields: map[string][]string{}}
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return r, fmt.Errorf("no end of the response: %w", err)
			}
			r.reset = true
			return r, nil
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = c.framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			_ = c.framer.WritePing(true, frame.Data)
		case *http2.MetaHeadersFrame:
			r.blocks++
			for _, f := range frame.Fields {
				r.fields[f.Name] = append(r.fields[f.Name], f.Value)
			}
			if frame.StreamEnded() {
				return r, nil
			}
		case *http2.DataFrame:
			r.body = append(r.body, frame.Data()...)
			if frame.StreamEnded() {
				return r, nil
			}
		case *http2.GoAwayFrame:
			c.goesAway = true
			if frame.ErrCode != http2.ErrCodeNo { // a response may still come
				r.reset = true
				return r, nil
			}
		case *http2.RSTStreamFrame:
			r.reset = true
			return r, nil
		}
	}
}

func (r reply) field(name string) string { return strings.Join(r.fields[name], "; ") }
