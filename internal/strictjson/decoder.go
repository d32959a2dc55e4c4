package strictjson

import (
	"bytes"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// A decoder reads one text at a time and is then reused, because creating one is expensive.
type decoder struct {
	jsontext.Decoder

	text   string
	buffer bytes.Buffer // a copy of text, because decoders don't read strings
}

// maxKeptBytes is the largest buffer an idle decoder keeps.
const maxKeptBytes = 16 << 10

var idle = sync.Pool{New: func() any { return new(decoder) }}

// decode returns a decoder for text. Call release when done with it.
func decode(text string) *decoder {
	dec, _ := idle.Get().(*decoder)
	dec.text = text
	dec.buffer.Reset()
	dec.buffer.WriteString(text)
	dec.Reset(&dec.buffer)
	return dec
}

// release returns dec to the pool. Call it exactly once, and don't use dec afterwards.
func (dec *decoder) release() {
	if dec.buffer.Cap() <= maxKeptBytes {
		dec.text = ""
		idle.Put(dec)
	}
}

// next returns the next value as a substring of the text.
func (dec *decoder) next() (string, error) {
	value, err := dec.ReadValue()
	end := dec.InputOffset()
	return dec.text[end-int64(len(value)) : end], err
}
