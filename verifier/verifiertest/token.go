package verifiertest

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// Null is a claim or header value sent as JSON null. A nil value removes the claim or parameter
// instead.
var Null = json.RawMessage("null")

// A TokenOption makes [Issuer.Token] return a token that an honest issuer wouldn't sign.
type TokenOption interface{ apply(*draft) }

type tokenOption func(*draft)

func (o tokenOption) apply(d *draft) { o(d) }

// WithAlgorithm signs with the issuer's key for alg, which must be one of its [WithAlgorithms].
func WithAlgorithm(alg string) TokenOption {
	return tokenOption(func(d *draft) { d.signingAlg = alg })
}

// WithHeader sets a header parameter, or removes it if value is nil. It doesn't change how the
// token is signed, even if the parameter is alg.
func WithHeader(name string, value any) TokenOption {
	return tokenOption(func(d *draft) { d.header[name] = value })
}

// WithKey signs with key instead of the issuer's own, under the same kid.
func WithKey(key crypto.Signer) TokenOption {
	return tokenOption(func(d *draft) { d.signer = key })
}

// WithSignature replaces the signature with the result of change.
func WithSignature(change func(signature []byte) []byte) TokenOption {
	return tokenOption(func(d *draft) { d.changeSignature = change })
}

// WithRawHeader signs raw as the header, even if it is not JSON.
func WithRawHeader(raw string) TokenOption {
	return tokenOption(func(d *draft) { d.rawHeader = []byte(raw) })
}

// WithRawPayload signs raw as the payload, even if it is not JSON. The token's claims are then
// ignored.
func WithRawPayload(raw string) TokenOption {
	return tokenOption(func(d *draft) { d.rawPayload = []byte(raw) })
}

type draft struct {
	signingAlg            string
	header                map[string]any
	signer                crypto.Signer
	changeSignature       func([]byte) []byte
	rawHeader, rawPayload []byte
}

// Token returns a signed access token in the shape RFC 9068 defines. By default its subject is
// "user", its client is "client", it grants no scopes or permissions, and it expires 5 minutes
// from now. Its jti is "token-1" for the issuer's first token, then "token-2", and so on.
//
// The claims argument overrides these defaults. A nil value removes a claim. A [time.Time] is
// written as seconds since 1970, and a [time.Duration] counts from now, so {"exp": -time.Minute}
// expired a minute ago. Options can make the token invalid. Token panics if the result can't be
// signed.
func (i *Issuer) Token(claims map[string]any, options ...TokenOption) string {
	d := &draft{header: make(map[string]any)}
	for _, option := range options {
		option.apply(d)
	}
	key := i.key(d.signingAlg)
	header := d.rawHeader
	if header == nil {
		header = mustJSON(overlay(map[string]any{
			"alg": key.alg, "kid": key.kid, "typ": "at+jwt",
		}, d.header))
	}
	payload := d.rawPayload
	if payload == nil {
		payload = mustJSON(payloadOf(i.url, i.tokens.Add(1), claims))
	}
	signer := d.signer
	if signer == nil {
		signer = key.signer
	}
	signed := segment(header) + "." + segment(payload)
	signature := sign(key.alg, signer, signed)
	if d.changeSignature != nil {
		signature = d.changeSignature(signature)
	}
	return signed + "." + segment(signature)
}

// payloadOf returns a good token's claims, changed as claims say.
func payloadOf(issuer string, number int64, claims map[string]any) map[string]any {
	now := time.Now()
	return overlay(map[string]any{
		"iss":       issuer,
		"aud":       Audience,
		"sub":       "user",
		"client_id": "client",
		"iat":       now.Unix(),
		"exp":       now.Add(5 * time.Minute).Unix(),
		"jti":       fmt.Sprintf("token-%d", number),
	}, claims)
}

func overlay(values, changes map[string]any) map[string]any {
	for name, value := range changes {
		switch value := value.(type) {
		case nil:
			delete(values, name)
		case time.Time:
			values[name] = value.Unix()
		case time.Duration:
			values[name] = time.Now().Add(value).Unix()
		default:
			values[name] = value
		}
	}
	return values
}

func segment(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
