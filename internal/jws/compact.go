package jws

import (
	"strings"
	"sync"
)

// A Compact is a decoded JWS in compact serialization (RFC 7515, section 7.1), not yet verified.
type Compact struct {
	Header, Payload string
	Signed          string // the signed bytes, as received
	Signature       []byte // in the Buffer
}

// Split returns the three segments of a compact JWS, still encoded. Only the signature may be
// empty.
func Split(raw string) (header, payload, signature string, ok bool) {
	// Count dots before splitting anything. Refuse line breaks, because the base64 decoder skips
	// them.
	if strings.Count(raw, ".") != 2 || strings.ContainsRune(raw, '\r') || strings.ContainsRune(raw, '\n') {
		return "", "", "", false
	}
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ = strings.Cut(rest, ".")
	return header, payload, signature, header != "" && payload != ""
}

// Decode decodes a compact JWS into b. It returns false if raw isn't one.
func Decode(raw string, b *Buffer) (c Compact, ok bool) {
	header, payload, signature, ok := Split(raw)
	if !ok {
		return c, false
	}
	decoded, headerErr := AppendDecode((*b)[:0], header)
	headerEnd := len(decoded)
	decoded, payloadErr := AppendDecode(decoded, payload)
	payloadEnd := len(decoded)
	decoded, signatureErr := AppendDecode(decoded, signature)
	*b = decoded
	text := string(decoded[:payloadEnd])
	return Compact{
		Header:    text[:headerEnd],
		Payload:   text[headerEnd:],
		Signed:    raw[:len(header)+1+len(payload)],
		Signature: decoded[payloadEnd:],
	}, headerErr == nil && payloadErr == nil && signatureErr == nil
}

// A Buffer holds a decoded JWS during verification and is then reused. Copy whatever you keep.
type Buffer []byte

var decodeBuffers = sync.Pool{New: func() any { return new(Buffer) }}

// NewBuffer returns a Buffer from the pool. Call Release when done with it.
func NewBuffer() *Buffer {
	b, _ := decodeBuffers.Get().(*Buffer)
	return b
}

// Release erases the buffer and returns it to the pool.
func (b *Buffer) Release() {
	clear((*b)[:cap(*b)])
	decodeBuffers.Put(b)
}
