package jws

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
)

const maxDepth = 16

// A JWK is what a JSON Web Key says, as far as it can decide whether a signature is
// good (RFC 7517, section 4). Two are equal when they say the same, in whatever order
// and beside whatever other members.
type JWK struct {
	Kid     string // "" when there is none
	X5T     string // the thumbprint of its certificate by SHA-1, or ""
	X5TS256 string // and by SHA-256

	alg string // the only algorithm it's for, by its canonical name; "" for any
	public
	isPrivate bool
	problem   string // why it may not verify signatures, or ""
}

// public is the key itself.
type public struct {
	Kty string `json:"kty"`
	Crv string `json:"crv,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	Pub string `json:"pub,omitempty"`
	Alg string `json:"alg,omitempty"` // of a kind of key that has no other name (AKP)
}

// Why a JWK may not verify signatures.
const (
	malformed    = "it's not a JSON object that every parser reads alike"
	unreadable   = "one of its members has the wrong type"
	otherUse     = "it's not for signatures (use)"
	otherOps     = "it's not for verifying (key_ops)"
	publishedKey = "its private key is published too"
	symmetric    = "it's a shared secret"
	broken       = "it can't be decoded"
)

// ReadJWK reads a JWK, which need not be usable: see [JWK.Key].
func ReadJWK(text string) (k JWK) {
	setText := func(to *string, value string) {
		s, _ := strictjson.Text(value)
		*to = strings.Clone(s) // it's part of a document
	}
	set := func(to *string, value string) {
		if setText(to, value); *to == "" {
			k.problem = unreadable
		}
	}
	wellFormed := strictjson.Members(text, maxDepth, func(name, value string) {
		if value == "null" { // some libraries write absent members so
			return
		}
		switch name {
		case "kid":
			setText(&k.Kid, value)
		case "x5t":
			setText(&k.X5T, value)
		case "x5t#S256":
			setText(&k.X5TS256, value)
		case "alg":
			set(&k.alg, value)
			k.alg = Canonical(k.alg)
		case "kty":
			set(&k.Kty, value)
		case "crv":
			set(&k.Crv, value)
		case "n":
			set(&k.N, value)
		case "e":
			set(&k.E, value)
		case "x":
			set(&k.X, value)
		case "y":
			set(&k.Y, value)
		case "pub":
			set(&k.Pub, value)
		case "use":
			if use, _ := strictjson.Text(value); use != "sig" {
				k.problem = otherUse
			}
		case "key_ops":
			operations, ok := strictjson.Texts(value)
			if !ok || len(operations) > 0 && !slices.Contains(operations, "verify") {
				k.problem = otherOps
			}
		case "k":
			k.problem = symmetric
		case "d", "p", "q", "dp", "dq", "qi", "oth", "priv":
			k.isPrivate = true
		}
	})
	if k.Kty == "AKP" { // RFC 9964, section 3: alg is required, and says what the key is
		k.Alg = k.alg
	}
	switch {
	case !wellFormed:
		return JWK{problem: malformed}
	case k.isPrivate:
		k.problem = publishedKey
	case k.problem == "" && !k.isKnown():
		k.problem = errUnknown.Error()
	}
	return k
}

// isKnown reports whether an algorithm exists for keys of this kind.
func (k *JWK) isKnown() bool {
	for alg := range algorithms {
		if k.mayBeFor(alg) {
			return true
		}
	}
	return false
}

func (k *JWK) mayBeFor(alg string) bool {
	a := algorithms[alg]
	if k.Kty != a.kty || a.crv != "" && k.Crv != a.crv || k.Kty == "AKP" && k.alg == "" {
		return false
	}
	return k.alg == "" || k.alg == Canonical(alg)
}

// MayFit reports whether the key can be one for this algorithm, by what it says.
func (k *JWK) MayFit(alg string) bool { return k.problem == "" && k.mayBeFor(alg) }

// Key decodes the key, or says why it may not verify signatures.
func (k *JWK) Key() (*Key, error) {
	if k.problem != "" {
		return nil, errors.New(k.problem)
	}
	// What else the JWK holds can't spoil it: certificates and thumbprints that can't be
	// read are common.
	text, err := json.Marshal(k.public)
	if err != nil {
		return nil, err
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(text); err != nil {
		return nil, errors.New(broken)
	}
	return newKey(parsed.Key, k.alg)
}

// MarkPublished marks the keys whose private key stands in the same set, in their own
// entry or in another: any reader of the set can sign with them.
func MarkPublished(keys []JWK) {
	published := make(map[public]bool)
	for i := range keys {
		if keys[i].isPrivate {
			published[keys[i].canonical()] = true
		}
	}
	for i := range keys {
		if len(published) > 0 && published[keys[i].canonical()] {
			keys[i].problem = publishedKey
		}
	}
}

// canonical returns the key as any other spelling of it does: some issuers write numbers with
// leading zeros.
func (p public) canonical() public {
	for _, number := range []*string{&p.N, &p.E, &p.X, &p.Y, &p.Pub} {
		if data, err := base64.RawURLEncoding.DecodeString(*number); err == nil {
			*number = string(bytes.TrimLeft(data, "\x00"))
		}
	}
	return p
}

// IsDecodable reports whether nothing but its decoding can show that the key is no good.
func (k *JWK) IsDecodable() bool { return k.problem == "" }
