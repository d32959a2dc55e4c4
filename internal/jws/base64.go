package jws

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// Encoding is base64url as a JWS has it (RFC 7515, section 2): without padding, and with no bits
// left over.
var Encoding = base64.RawURLEncoding.Strict()

// AppendDecode does what Encoding.AppendDecode does, in two thirds of the time. It leaves to
// Encoding whatever needs judgment: the end of the text, and all that follows an unknown character.
func AppendDecode(to []byte, text string) ([]byte, error) {
	to = slices.Grow(to, Encoding.DecodedLen(len(text))+2)
	for len(text) >= 8 {
		high := places[0][text[0]] | places[1][text[1]] | places[2][text[2]] | places[3][text[3]]
		low := places[0][text[4]] | places[1][text[5]] | places[2][text[6]] | places[3][text[7]]
		if (high|low)&unknown != 0 {
			break
		}
		to = binary.BigEndian.AppendUint64(to, uint64(high)<<40|uint64(low)<<16)
		to = to[:len(to)-2] // eight characters are six bytes
		text = text[8:]
	}
	return Encoding.AppendDecode(to, []byte(text))
}

const unknown = 1 << 31

// places say what a character means at each of four places, or unknown.
var places = func() (places [4][256]uint32) {
	for place := range places {
		for c := range places[place] {
			places[place][c] = unknown
		}
		for value, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
			places[place][c] = uint32(value) << (18 - 6*place)
		}
	}
	return places
}()
