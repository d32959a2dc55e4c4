package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A rawClient opens streams and remembers almost nothing about them, so that what is
// measured is the server's. They count for all connections together.
type rawClient struct {
	conns           []*rawConn
	started, ended  atomic.Int64 // streams that a message came back on, and that are over
	first           atomic.Int64 // when the first ended, in Unix nanoseconds
	unauthenticated atomic.Int64 // how many ended so
	failed          atomic.Pointer[error]
}

type rawConn struct {
	client    *rawClient
	authority string
	conn      net.Conn
	ended     func(id uint32) // may be nil

	mu      sync.Mutex // guards what follows
	writer  *bufio.Writer
	framer  *http2.Framer // its writing half
	encoder *hpack.Encoder
	fields  bytes.Buffer
	next    uint32
}

func dialRaw(addr string, connections int) (*rawClient, error) {
	c := new(rawClient)
	for range connections {
		if _, err := c.dial(addr, nil); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

func (c *rawClient) dial(addr string, ended func(id uint32)) (*rawConn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	r := &rawConn{client: c, authority: addr, conn: conn, ended: ended, writer: bufio.NewWriter(conn), next: 1}
	r.framer = http2.NewFramer(r.writer, conn)
	r.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	r.encoder = hpack.NewEncoder(&r.fields)
	c.conns = append(c.conns, r)
	_, err = r.writer.WriteString(http2.ClientPreface)
	err = errors.Join(err, r.framer.WriteSettings(), r.framer.WriteWindowUpdate(0, 1<<30), r.writer.Flush())
	go func() {
		if err := r.read(); err != nil && !errors.Is(err, net.ErrClosed) {
			c.failed.CompareAndSwap(nil, &err)
		}
	}()
	return r, err
}

func (c *rawClient) close() error {
	var errs []error
	for _, r := range c.conns {
		errs = append(errs, r.conn.Close())
	}
	return errors.Join(errs...)
}

// A rawRequest is a request's header, and its one message unless more could follow.
type rawRequest struct {
	procedure, contentType string
	more                   bool
}

// open starts a stream, and returns its identifier. Call flush when the last is open.
func (r *rawConn) open(req rawRequest, token string) (uint32, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := r.next
	r.next += 2
	r.fields.Reset()
	for _, f := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: req.procedure},
		{Name: ":authority", Value: r.authority},
		{Name: "content-type", Value: req.contentType},
		{Name: "te", Value: "trailers"},
		{Name: "authorization", Value: "Bearer " + token, Sensitive: true}, // and so not kept for the next
	} {
		if err := r.encoder.WriteField(f); err != nil {
			return 0, err
		}
	}
	err := r.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: r.fields.Bytes(), EndHeaders: true,
	})
	if !req.more {
		err = errors.Join(err, r.framer.WriteData(id, true, make([]byte, 5))) // an empty message
	}
	return id, err
}

func (r *rawConn) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writer.Flush()
}

// read counts what the server sends, until the connection closes.
func (r *rawConn) read() error {
	for {
		frame, err := r.framer.ReadFrame()
		if err != nil {
			return err
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				err = r.answer(r.framer.WriteSettingsAck)
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				err = r.answer(func() error { return r.framer.WritePing(true, f.Data) })
			}
		case *http2.MetaHeadersFrame:
			for _, field := range f.Fields {
				if field.Name == "grpc-status" && field.Value == "16" {
					r.client.unauthenticated.Add(1)
				}
			}
			if f.StreamEnded() {
				r.end(f.StreamID)
			}
		case *http2.DataFrame:
			switch {
			case bytes.Contains(f.Data(), []byte(`"unauthenticated"`)):
				r.client.unauthenticated.Add(1)
			case len(f.Data()) > 0:
				r.client.started.Add(1)
			}
			if f.StreamEnded() {
				r.end(f.StreamID)
			}
		case *http2.RSTStreamFrame:
			if f.ErrCode != http2.ErrCodeNo { // with which a server closes a stream whose end it has sent
				err = fmt.Errorf("a stream was reset: %v", f.ErrCode)
			}
		case *http2.GoAwayFrame:
			err = fmt.Errorf("the server goes away: %v", f.ErrCode)
		}
		if err != nil {
			return err
		}
	}
}

func (r *rawConn) answer(write func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(write(), r.writer.Flush())
}

func (r *rawConn) end(id uint32) {
	if r.client.ended.Add(1) == 1 {
		r.client.first.Store(time.Now().UnixNano())
	}
	if r.ended != nil {
		r.ended(id)
	}
}

// openMany opens streams on all connections in equal parts, and waits until the server has
// answered on each.
func (c *rawClient) openMany(req rawRequest, tokens []string) error {
	want := c.started.Load() + int64(len(tokens))
	var group sync.WaitGroup
	errs := make(chan error, len(c.conns))
	for i, r := range c.conns {
		group.Go(func() {
			for j := i; j < len(tokens); j += len(c.conns) {
				if _, err := r.open(req, tokens[j]); err != nil {
					errs <- err
					return
				}
			}
			errs <- r.flush()
		})
	}
	group.Wait()
	for range c.conns {
		if err := <-errs; err != nil {
			return err
		}
	}
	return c.await(&c.started, want)
}

// await waits until so many have been counted.
func (c *rawClient) await(count *atomic.Int64, want int64) error {
	for deadline := time.Now().Add(time.Minute); count.Load() < want; time.Sleep(time.Millisecond) {
		if err := c.failed.Load(); err != nil {
			return *err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d streams got as far", count.Load(), want)
		}
	}
	return nil
}
