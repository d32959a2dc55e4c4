package verifiertest

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// WithTokenEndpoint gives the issuer a token endpoint, at its URL plus "/token" (RFC 6749, section
// 3.2). It grants whatever a request asks for, and checks no password or secret. So let it be
// reached by tests and from a developer's own host only.
//
// Its tokens are what [Issuer.Token] returns for the given claims and options, which both
// may be nil, changed by the form in the request:
//
//   - grant_type is "client_credentials" or "password". The latter counts as a login, so auth_time
//     is now.
//   - client_id, also in a Basic authorization, becomes client_id. Without a user it becomes sub,
//     too.
//   - username becomes sub.
//   - scope becomes scope, and audience or resource (RFC 8707) becomes aud.
//   - expires_in sets exp, in seconds from now. It may be negative.
//   - claims is a JSON object with any other claims. It overrides all the others, and a null removes
//     a claim.
//
// A request with a DPoP proof gets a token that is bound to the proof's key (RFC 9449, section 5).
// The proof itself isn't checked. A request that accepts application/jwt gets the token alone,
// without JSON around it.
func WithTokenEndpoint(claims map[string]any, options ...TokenOption) IssuerOption {
	return issuerOption(func(i *Issuer) {
		defaults := maps.Clone(claims)
		i.grant = func(req *http.Request) *response {
			asked, problem := claimsAsked(req)
			if problem != nil {
				return problem
			}
			all := overlay(payloadOf(i.url, i.tokens.Add(1), defaults), asked)
			token := i.Token(nil, append(slices.Clip(options), WithRawPayload(string(mustJSON(all))))...)
			return grantResponse(req, token, all)
		}
	})
}

const maxFormBytes = 64 << 10

// claimsAsked returns the claims that a request's form asks for, or why it can't be granted (RFC
// 6749, section 5.2).
func claimsAsked(req *http.Request) (claims map[string]any, problem *response) {
	if req.Method != http.MethodPost {
		problem = refuse("invalid_request", "the token endpoint takes POST")
		problem.status = http.StatusMethodNotAllowed
		problem.header.Set("Allow", http.MethodPost)
		return nil, problem
	}
	if req.Body != nil {
		req.Body = http.MaxBytesReader(nil, req.Body, maxFormBytes)
	}
	if err := req.ParseForm(); err != nil {
		return nil, refuse("invalid_request", "the form can't be read: "+err.Error())
	}
	form := req.PostForm
	claims = make(map[string]any)
	client := clientID(req)
	if client != "" {
		claims["client_id"] = client
	}
	switch form.Get("grant_type") {
	case clientCredentials:
		if client != "" {
			claims["sub"] = client
		}
	case password:
		if form.Get("username") == "" {
			return nil, refuse("invalid_request", "the password grant needs a username")
		}
		claims["sub"], claims["auth_time"] = form.Get("username"), time.Now()
	default:
		return nil, refuse("unsupported_grant_type", "grant_type must be client_credentials or password")
	}
	if scope := form.Get("scope"); scope != "" {
		claims["scope"] = scope
	}
	for _, name := range []string{"audience", "resource"} {
		switch audience := form[name]; len(audience) {
		case 0:
		case 1:
			claims["aud"] = audience[0]
		default:
			claims["aud"] = audience
		}
	}
	if proof := req.Header.Get("DPoP"); proof != "" {
		thumbprint, err := thumbprintOf(proof)
		if err != nil {
			return nil, refuse("invalid_dpop_proof", "the proof's key can't be read: "+err.Error())
		}
		claims["cnf"] = map[string]any{"jkt": thumbprint}
	}
	if text := form.Get("expires_in"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, refuse("invalid_request", "expires_in must be a number of seconds")
		}
		claims["exp"] = time.Duration(seconds) * time.Second
	}
	if text := form.Get("claims"); text != "" {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var others map[string]any
		if err := decoder.Decode(&others); err != nil || decoder.More() {
			return nil, refuse("invalid_request", "claims must be a JSON object")
		}
		maps.Copy(claims, others)
	}
	return claims, nil
}

// thumbprintOf returns the thumbprint of the key that a proof claims to be signed with.
func thumbprintOf(proof string) (string, error) {
	header, _, _ := strings.Cut(proof, ".")
	text, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return "", err
	}
	var named struct {
		Key jose.JSONWebKey `json:"jwk"`
	}
	if err := json.Unmarshal(text, &named); err != nil {
		return "", err
	}
	sum, err := named.Key.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum), err
}

// clientID returns the client that a request names (RFC 6749, section 2.3.1), or "".
func clientID(req *http.Request) string {
	name, _, ok := req.BasicAuth()
	if !ok {
		return req.PostForm.Get("client_id")
	}
	if decoded, err := url.QueryUnescape(name); err == nil {
		return decoded
	}
	return name
}

func refuse(code, description string) *response {
	return newResponse(http.StatusBadRequest, mustJSON(map[string]string{
		"error": code, "error_description": description,
	}))
}

// grantResponse is what RFC 6749, section 5.1, defines, or the token alone.
func grantResponse(req *http.Request, token string, claims map[string]any) *response {
	var res *response
	if strings.HasPrefix(req.Header.Get("Accept"), "application/jwt") {
		res = newResponse(http.StatusOK, []byte(token))
		res.header.Set("Content-Type", "application/jwt")
	} else {
		granted := map[string]any{"access_token": token, "token_type": tokenType(claims)}
		if exp, err := strconv.ParseFloat(fmt.Sprint(claims["exp"]), 64); err == nil {
			granted["expires_in"] = int64(exp) - time.Now().Unix()
		}
		if scope, ok := claims["scope"].(string); ok {
			granted["scope"] = scope
		}
		res = newResponse(http.StatusOK, mustJSON(granted))
	}
	res.header.Set("Cache-Control", "no-store")
	return res
}

// tokenType is DPoP for a token that is bound to a key (RFC 9449, section 5).
func tokenType(claims map[string]any) string {
	if cnf, ok := claims["cnf"].(map[string]any); ok && cnf["jkt"] != nil {
		return "DPoP"
	}
	return "Bearer"
}
