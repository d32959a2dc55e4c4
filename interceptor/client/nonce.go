package client

import (
	"slices"
	"sync"

	"github.com/oidcrpc/oidcrpc/verifier"
)

// codeUseNonce asks for a nonce, or for another (RFC 9449, sections 8 and 9).
const codeUseNonce verifier.Code = "use_dpop_nonce"

const (
	maxNonceBytes   = 1024 // some are encrypted, to be stateless
	maxNonceOrigins = 128  // a redirect can lead anywhere
)

// nonces are the servers' latest ones, by origin. The zero value has none.
type nonces struct {
	mu       sync.Mutex
	byOrigin map[string]string
}

func (n *nonces) of(origin string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.byOrigin[origin]
}

// learn takes over what a response says in its DPoP-Nonce fields, unless it's in any way unclear.
func (n *nonces) learn(origin string, values []string) {
	if len(values) == 0 || !isNonce(values[0]) {
		return
	}
	nonce := values[0]
	if slices.ContainsFunc(values, func(other string) bool { return other != nonce }) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byOrigin == nil {
		n.byOrigin = make(map[string]string)
	}
	if _, ok := n.byOrigin[origin]; !ok && len(n.byOrigin) >= maxNonceOrigins {
		for forgotten := range n.byOrigin { // its next call costs an attempt
			delete(n.byOrigin, forgotten)
			break
		}
	}
	n.byOrigin[origin] = nonce
}

// isNonce follows RFC 9449, section 8.1.
func isNonce(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return text != "" && len(text) <= maxNonceBytes
}
