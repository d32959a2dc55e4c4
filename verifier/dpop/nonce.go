package dpop

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jws"
)

// A nonce says when it was made, and in which era. A code proves that one of the keys made it, so
// nothing about it is stored, and replicas with the same keys accept each other's.
type nonce struct {
	madeAt time.Time // whole seconds
	era    eraID
}

// nonceKeys make and check nonces. The first makes them.
type nonceKeys [][]byte

func newNonceKeys(configured [][]byte) nonceKeys {
	if len(configured) > 0 {
		return configured
	}
	key := make([]byte, minNonceKey)
	_, _ = rand.Read(key) // it never fails
	return nonceKeys{key}
}

const (
	nonceTimeBytes = 8
	nonceCodeBytes = 16
	nonceBytes     = nonceTimeBytes + eraIDBytes + nonceCodeBytes
)

// write returns the nonce as text. It's base64url, so it needs no escape anywhere (RFC 9449,
// section 8.1).
func (k nonceKeys) write(n nonce) string {
	b := make([]byte, 0, nonceBytes)
	b = binary.BigEndian.AppendUint64(b, uint64(n.madeAt.Unix())) //nolint:gosec // after 1970
	b = append(b, n.era[:]...)
	return jws.Encoding.EncodeToString(append(b, nonceCode(k[0], b)...))
}

// read returns false unless one key made the nonce.
func (k nonceKeys) read(text string) (n nonce, ok bool) {
	if len(text) != jws.Encoding.EncodedLen(nonceBytes) {
		return nonce{}, false
	}
	b, err := jws.Encoding.DecodeString(text)
	if err != nil || len(b) != nonceBytes { // the decoder skips line breaks
		return nonce{}, false
	}
	content, code := b[:nonceBytes-nonceCodeBytes], b[nonceBytes-nonceCodeBytes:]
	for _, key := range k {
		if hmac.Equal(nonceCode(key, content), code) {
			ok = true
		}
	}
	n.madeAt = time.Unix(int64(binary.BigEndian.Uint64(content)), 0) //nolint:gosec // write made it, or ok is false
	copy(n.era[:], content[nonceTimeBytes:])
	return n, ok
}

// nonceCode authenticates a nonce's content. The label keeps codes apart that the same key makes
// for another purpose.
func nonceCode(key, content []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("oidcrpc DPoP-Nonce\x00"))
	mac.Write(content)
	return mac.Sum(nil)[:nonceCodeBytes]
}
