package strictjson

import (
	"bytes"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// A decoder reads one text, and then another: to make one costs more than to use it.
type decoder struct {
	jsontext.Decoder

	text   string
	buffer bytes.Buffer // a copy of text: decoders read no strings
}

// maxKeptBytes bounds what an idle decoder holds. No token is larger.
const maxKeptBytes = 16 << 10

var idle = sync.Pool{New: func() any { return new(decoder) }}

func decode(text string) *decoder {
	dec, _ := idle.Get().(*decoder)
	dec.text = text
	dec.buffer.Reset()
	dec.buffer.WriteString(text)
	dec.Reset(&dec.buffer)
	return dec
}

// release must be called once, when the decoder is not used any more.
func (dec *decoder) release() {
	if dec.buffer.Cap() <= maxKeptBytes {
		dec.text = ""
		idle.Put(dec)
	}
}

// next returns the next value as a part of the text.
func (dec *decoder) next() (string, error) {
	value, err := dec.ReadValue()
	end := dec.InputOffset()
	return dec.text[end-int64(len(value)) : end], err
}
