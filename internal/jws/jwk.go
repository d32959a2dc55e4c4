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

// maxDepth is how deep a JWK may be nested.
const maxDepth = 16

// A JWK holds the members of a JSON Web Key that affect verification (RFC 7517, section 4). Two
// JWKs are equal if these members are, whatever their order and whatever else the keys contain.
type JWK struct {
	public

	Kid     string // "" if absent
	X5T     string // its certificate's SHA-1 thumbprint, or ""
	X5TS256 string // its certificate's SHA-256 thumbprint, or ""

	alg       string // its only algorithm, by canonical name; "" for any
	isPrivate bool
	problem   string // why it can't be used, or ""
}

// public holds the public key itself.
type public struct {
	Kty string `json:"kty"`
	Crv string `json:"crv,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	Pub string `json:"pub,omitempty"`
	Alg string `json:"alg,omitempty"` // only for AKP keys, whose alg says what they are
}

// The reasons why a JWK can't be used.
const (
	malformed    = "it's not a JSON object that every parser reads alike"
	unreadable   = "one of its members has the wrong type"
	otherUse     = "it's not for signatures (use)"
	otherOps     = "it's not for verifying (key_ops)"
	publishedKey = "its private key is published too"
	symmetric    = "it's a shared secret"
	broken       = "it can't be decoded"
)

// ReadJWK reads a JWK, usable or not: [JWK.Key] tells the difference.
func ReadJWK(text string) (k JWK) {
	wellFormed := strictjson.Members(text, maxDepth, func(name, value string) {
		if value == "null" { // some libraries write absent members this way
			return
		}
		if to, decides := k.member(name); to != nil {
			*to, _ = strictjson.Text(value)
			*to = strings.Clone(*to) // it's a substring of a whole document
			if *to == "" && decides {
				k.problem = unreadable
			}
			return
		}
		switch name {
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
	k.alg = Canonical(k.alg)
	if k.Kty == "AKP" { // alg is required, and says what the key is (RFC 9964, section 3)
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

// member returns where a member is kept as text, and whether the key is unusable if it's no text.
func (k *JWK) member(name string) (to *string, decides bool) {
	switch name {
	case "kid":
		return &k.Kid, false
	case "x5t":
		return &k.X5T, false
	case "x5t#S256":
		return &k.X5TS256, false
	case "alg":
		return &k.alg, true
	case "kty":
		return &k.Kty, true
	case "crv":
		return &k.Crv, true
	case "n":
		return &k.N, true
	case "e":
		return &k.E, true
	case "x":
		return &k.X, true
	case "y":
		return &k.Y, true
	case "pub":
		return &k.Pub, true
	default:
		return nil, false
	}
}

// isKnown reports whether any supported algorithm uses this kind of key.
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

// MayFit reports whether the key's members match this algorithm, without decoding the key.
func (k *JWK) MayFit(alg string) bool { return k.problem == "" && k.mayBeFor(alg) }

// Key decodes the key, or says why it can't verify signatures.
func (k *JWK) Key() (*Key, error) {
	if k.problem != "" {
		return nil, errors.New(k.problem)
	}
	// Only these members are decoded, because unreadable certificates and thumbprints are common
	// and must not make a key unusable.
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

// MarkPublished makes a key unusable if its private key appears anywhere in the same set, since
// any reader could then sign with it.
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

// canonical returns the key in its usual spelling, without members of another kind of key. Some
// issuers write numbers with leading zeros.
func (p public) canonical() public {
	switch p.Kty {
	case "RSA":
		p = public{Kty: p.Kty, N: p.N, E: p.E}
	case "EC", "OKP":
		p = public{Kty: p.Kty, Crv: p.Crv, X: p.X, Y: p.Y}
	}
	for _, number := range []*string{&p.N, &p.E, &p.X, &p.Y, &p.Pub} {
		if data, err := base64.RawURLEncoding.DecodeString(*number); err == nil {
			*number = string(bytes.TrimLeft(data, "\x00"))
		}
	}
	return p
}

// IsDecodable reports whether the key looks usable, although decoding it can still fail.
func (k *JWK) IsDecodable() bool { return k.problem == "" }
