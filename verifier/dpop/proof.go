package dpop

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/jws"
	"github.com/oidcrpc/oidcrpc/internal/strictjson"
	"github.com/oidcrpc/oidcrpc/verifier"
)

const (
	maxProofBytes = 16 << 10
	maxJTIBytes   = 256
	maxDepth      = 16
	proofType     = "dpop+jwt"
)

// content is what a proof says (RFC 9449, section 4.2).
type content struct {
	typ, alg string
	jwk      string // as written
	jti      string
	htm, htu string
	ath      string
	nonce    string
	hasNonce bool
	issuedAt time.Time // whole seconds; zero if iat is absent

	signed    string
	signature []byte
}

// parse reads the only proof in a request. Nothing in it is checked yet but its form.
func parse(proofs []string) (c content, err *verifier.AuthError) {
	switch {
	case len(proofs) == 0:
		return c, invalid("the call carries no DPoP proof", errors.New("there is no dpop value"))
	case len(proofs) > 1:
		return c, invalid("the call carries several DPoP proofs", fmt.Errorf("there are %d dpop values", len(proofs)))
	case len(proofs[0]) > maxProofBytes:
		return c, malformed(fmt.Errorf("it's longer than %d bytes", maxProofBytes))
	}
	var b jws.Buffer
	compact, ok := jws.Decode(proofs[0], &b)
	if !ok || len(compact.Signature) == 0 {
		return c, malformed(errors.New("it's not a compact JWS"))
	}
	c.signed, c.signature = compact.Signed, compact.Signature
	if cause := c.readHeader(compact.Header); cause != nil {
		return c, malformed(cause)
	}
	if cause := c.readPayload(compact.Payload); cause != nil {
		return c, malformed(cause)
	}
	return c, nil
}

// readHeader refuses parameters that change how a JWS is read, and those that could name another
// key. Others are ignored (RFC 9449, section 4.2).
func (c *content) readHeader(raw string) error {
	var forbidden string
	wellFormed := strictjson.Members(raw, maxDepth, func(name, value string) {
		switch name {
		case "typ":
			c.typ, _ = strictjson.Text(value)
		case "alg":
			c.alg, _ = strictjson.Text(value)
		case "jwk":
			c.jwk = value
		case "jku", "x5u", "x5c", "cty":
			forbidden = name
		default:
			if jws.ChangesReading(name) {
				forbidden = name
			}
		}
	})
	switch {
	case !wellFormed:
		return errors.New("its header is not strict JSON")
	case forbidden != "":
		return fmt.Errorf("its header has %s", strings.Clone(forbidden))
	}
	return nil
}

func (c *content) readPayload(raw string) error {
	wellFormed := strictjson.Members(raw, maxDepth, func(name, value string) {
		switch name {
		case "jti":
			c.jti, _ = strictjson.Text(value)
		case "htm":
			c.htm, _ = strictjson.Text(value)
		case "htu":
			c.htu, _ = strictjson.Text(value)
		case "ath":
			c.ath, _ = strictjson.Text(value)
		case "nonce":
			c.nonce, _ = strictjson.Text(value)
			c.hasNonce = true
		case "iat":
			if seconds, ok := strictjson.Number(value); ok && seconds > 0 {
				c.issuedAt = time.Unix(int64(seconds), 0)
			}
		}
	})
	if !wellFormed {
		return errors.New("its payload is not strict JSON")
	}
	return nil
}

// hashOf returns the ath of an access token.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return jws.Encoding.EncodeToString(sum[:])
}

func invalid(message string, cause error) *verifier.AuthError {
	return &verifier.AuthError{Code: verifier.CodeInvalidDPoPProof, Message: message, Err: cause}
}

func malformed(cause error) *verifier.AuthError {
	return invalid("the DPoP proof is malformed", cause)
}
