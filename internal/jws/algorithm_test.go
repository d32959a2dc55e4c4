package jws

import (
	"bytes"
	"encoding/asn1"
	"math/big"
	"testing"
)

func TestECDSASignatureIsEncodedAsASN1(t *testing.T) {
	t.Parallel()
	for _, size := range []int{32, 48, 66} {
		var numbers [][]byte
		for _, first := range []byte{0, 1, 0x7F, 0x80, 0xFF} {
			for _, zeros := range []int{0, 1, size - 2, size - 1} {
				number := bytes.Repeat([]byte{0xA5}, size)
				clear(number[:zeros])
				number[zeros] = first
				numbers = append(numbers, number)
			}
		}
		for _, r := range numbers {
			for _, s := range numbers {
				raw := append(bytes.Clone(r), s...)
				want, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)})
				if err != nil {
					t.Fatal(err)
				}
				if got := asn1Signature(raw); !bytes.Equal(got, want) {
					t.Errorf("asn1Signature(%x) = %x, want %x", raw, got, want)
				}
			}
		}
	}
}
