// Package clientcert reads the fields in which a proxy passes a client's certificate on. Both are
// read in the one way on which all parsers agree, and anything else is an error: a client may have
// chosen parts of what the proxy wrote.
package clientcert

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// MaxBytes bounds a field. A certificate takes 1 to 4 KiB, and Envoy may add the chain.
const MaxBytes = 64 << 10

// A Thumbprint is the SHA-256 hash of a certificate in DER.
type Thumbprint = [sha256.Size]byte

// What is wrong with a field, to follow its name.
var (
	errTooLong  = errors.New("is longer than 64 KiB")
	errSequence = errors.New("isn't a certificate in base64 between two colons, and nothing else")
	errElements = errors.New("has another number of elements than MutualTLS.Elements")
	errPair     = errors.New(`isn't a list of pairs, such as Hash=abc;Subject="CN=client"`)
	errQuotes   = errors.New("has quotes or backslashes that parsers read differently")
	errHash     = errors.New("has an element without exactly one Hash, the SHA-256 of a certificate in hex")
)

// Read reads Client-Cert, a byte sequence (RFC 9440, section 2.2; RFC 8941, section 3.3.5).
func Read(field string) (Thumbprint, error) {
	if len(field) > MaxBytes {
		return Thumbprint{}, errTooLong
	}
	encoded, ok := strings.CutPrefix(strings.Trim(field, " "), ":")
	if !ok {
		return Thumbprint{}, errSequence
	}
	encoded, ok = strings.CutSuffix(encoded, ":")
	if !ok || encoded == "" || strings.ContainsAny(encoded, "\r\n") { // which the decoder skips
		return Thumbprint{}, errSequence
	}
	der, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return Thumbprint{}, errSequence
	}
	return sha256.Sum256(der), nil
}

// ReadEnvoy reads X-Forwarded-Client-Cert. It must have as many elements as proxies, and the first
// one counts: each proxy appends its own client's. An element has pairs of a key, which may have any
// case, and a value. Text between quotes hides separators, and \" is a quote in it.
//
// Envoy writes URIs and DNS names from the client's certificate as they are, so a client can add
// separators. An element with two hashes, or one element too many, is therefore refused.
func ReadEnvoy(field string, proxies int) (first Thumbprint, err error) {
	if len(field) > MaxBytes {
		return Thumbprint{}, errTooLong
	}
	elements := 0
	for more := true; more; {
		var element Thumbprint
		if element, field, more, err = readElement(field); err != nil {
			return Thumbprint{}, err
		}
		if elements++; elements == 1 {
			first = element
		}
	}
	if elements != proxies {
		return Thumbprint{}, errElements
	}
	return first, nil
}

// readElement reads up to the comma after an element. It reports whether there was one.
func readElement(text string) (hash Thumbprint, rest string, more bool, err error) {
	hashes := 0
	for separator := byte(';'); separator == ';'; {
		var key, value string
		if key, value, separator, text, err = readPair(text); err != nil {
			return Thumbprint{}, "", false, err
		}
		more = separator == ','
		if strings.EqualFold(key, "hash") {
			if hash, err = readHash(value); err != nil {
				return Thumbprint{}, "", false, err
			}
			hashes++
		}
	}
	if hashes != 1 {
		return Thumbprint{}, "", false, errHash
	}
	return hash, text, more, nil
}

func readHash(value string) (hash Thumbprint, err error) {
	if len(value) != hex.EncodedLen(len(hash)) {
		return Thumbprint{}, errHash
	}
	if _, err := hex.Decode(hash[:], []byte(value)); err != nil {
		return Thumbprint{}, errHash
	}
	return hash, nil
}

// readPair reads a key and its value, and the separator after them, which is 0 at the end.
func readPair(text string) (key, value string, separator byte, rest string, err error) {
	key, text, ok := strings.Cut(text, "=")
	if !ok || key == "" || strings.Trim(key, letters) != "" {
		return "", "", 0, "", errPair
	}
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		value, rest, err = readQuoted(quoted)
	} else {
		end := strings.IndexAny(text, ",;")
		if end < 0 {
			end = len(text)
		}
		value, rest = text[:end], text[end:]
		if strings.ContainsAny(value, `"\`) {
			err = errQuotes
		}
	}
	switch {
	case err != nil:
		return "", "", 0, "", err
	case rest == "":
		return key, value, 0, "", nil
	case rest[0] != ',' && rest[0] != ';':
		return "", "", 0, "", errQuotes
	default:
		return key, value, rest[0], rest[1:], nil
	}
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// readQuoted reads up to the closing quote. Two backslashes in front of a quote are one backslash
// and the end in an X.500 name, and a backslash and a quote by Envoy's description.
func readQuoted(text string) (value, rest string, err error) {
	backslashes := 0
	for i := range len(text) {
		switch {
		case text[i] == '\\':
			backslashes++
			continue
		case text[i] == '"' && backslashes > 1:
			return "", "", errQuotes
		case text[i] == '"' && backslashes == 0:
			return text[:i], text[i+1:], nil
		}
		backslashes = 0
	}
	return "", "", errQuotes
}
