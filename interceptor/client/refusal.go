package client

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Refusal says why a server refused a call, and what would have been enough. Any server that
// sends a Bearer or a DPoP challenge can cause one (RFC 6750, section 3; RFC 9449, section 7.1;
// RFC 9470, section 3). All of it is what the server says. A field the server doesn't mention has
// its zero value.
type Refusal struct {
	// Code says what is wrong. Servers with this library send one of package verifier's codes,
	// and others the challenge's error, such as "invalid_token".
	Code verifier.Code

	Message string // for a log

	// Scopes and Permissions are all that the call needs, where the server lists them.
	Scopes      []string
	Permissions []string

	// ACRValues and MaxAge say how, and how recently, the user must have logged in (RFC 9470). A
	// max_age of 0 is rounded up to a second.
	ACRValues []string
	MaxAge    time.Duration

	// ResourceMetadata is the URL of the server's metadata (RFC 9728, section 5.1). It's not
	// checked in any way.
	ResourceMetadata string

	// RetryAfter is set if the server could not judge the token, and will be able to.
	RetryAfter time.Duration

	// Challenges are all the challenges the server sent, in their order, whatever the scheme.
	Challenges []verifier.Challenge

	// Err is why no other token could be had, or nil if none was asked for.
	Err error

	isFirstHand  bool // the response itself says why, in its challenge
	isIdempotent bool // the call may be made twice
	isFinal      bool // the server asks not to be called again
	isOutdated   bool // the server has sent a nonce that the call's proof lacks
}

// Error returns the code and the message.
func (r *Refusal) Error() string {
	text := "client: the server has refused the call"
	if r.Code != "" {
		text += ": " + field.Printable(string(r.Code))
	}
	if r.Message != "" {
		text += ": " + field.Printable(r.Message)
	}
	return text
}

// Unwrap returns Err.
func (r *Refusal) Unwrap() error { return r.Err }

// A Response is what an adapter knows about a call that failed.
type Response struct {
	Code    interceptor.Code
	Message string

	// Header and Trailer return the values of a field by its name in lower case. Nil has none.
	Header, Trailer func(name string) []string

	Details    []Detail
	Proof      *Proof // that the call had, or nil
	Idempotent bool   // the procedure says that it may be called twice
}

// A Detail is one of an error's details.
type Detail struct {
	Type  string // such as "google.rpc.ErrorInfo", with or without a prefix that ends in a slash
	Value []byte
}

// ReadRefusal returns what a failed call's response says, or nil if the server hasn't refused it.
// It reads the header, the trailer, and the details. For adapters.
func ReadRefusal(r Response) *Refusal {
	r.Proof.Learn(r.Header, r.Trailer)
	refusal := &Refusal{Message: r.Message, isIdempotent: r.Idempotent, isOutdated: r.Proof.isOutdated()}
	if r.Proof.isMissing() {
		refusal.Err = errNoProof
	}
	ours, inDetail := refusal.readDetails(r.Details)
	switch r.Code {
	case interceptor.CodeUnauthenticated, interceptor.CodePermissionDenied:
	case interceptor.CodeUnavailable:
		if !ours {
			return nil
		}
	default:
		return nil
	}
	refusal.Challenges = parseChallenges(r.values("www-authenticate"))
	direct := refusal.Challenges
	if len(direct) == 0 {
		refusal.Challenges = parseChallenges(inDetail)
	}
	refusal.readChallenge()
	refusal.isFirstHand = slices.ContainsFunc(direct, refusal.isSaidBy)
	for _, value := range r.values("retry-after") {
		refusal.RetryAfter = max(refusal.RetryAfter, field.RetryAfter(value))
	}
	for _, value := range r.values("grpc-retry-pushback-ms") { // gRFC A6: not a number, or a negative one
		if _, err := strconv.ParseUint(value, 10, 31); err != nil {
			refusal.isFinal = true
		}
	}
	return refusal
}

// isSaidBy reports whether a challenge gives the refusal's reason. A challenge with another one
// isn't the server's word on it: a proxy may have added it to what a handler passed on.
func (r *Refusal) isSaidBy(c verifier.Challenge) bool {
	if !isAboutTokens(c) {
		return false
	}
	switch c.Value("error") {
	case string(codeUseNonce):
		return r.Code == codeUseNonce
	case "invalid_token":
		return r.isCurable()
	case "insufficient_scope", "insufficient_user_authentication":
		return r.isGrantable()
	default:
		return false
	}
}

// isAboutTokens reports whether a challenge's scheme sends access tokens.
func isAboutTokens(c verifier.Challenge) bool {
	return strings.EqualFold(c.Scheme, "Bearer") || strings.EqualFold(c.Scheme, "DPoP")
}

// wantsNonce reports whether the same token may do, with a nonce in its proof.
func (r *Refusal) wantsNonce() bool { return r.Code == codeUseNonce && r.isOutdated }

// allowsRetry reports whether the server does.
func (r *Refusal) allowsRetry() bool { return !r.isFinal && (r.isFirstHand || r.isIdempotent) }

// isCurable reports whether another token from the same endpoint may do.
func (r *Refusal) isCurable() bool {
	switch r.Code {
	case verifier.CodeTokenExpired, // our clock may be slow, or the call was
		verifier.CodeInvalidToken, verifier.CodeKeyNotFound, // signed by a key that is gone
		"token_revoked":
		return true
	default:
		return false
	}
}

// isGrantable reports whether the user can grant what the call lacks.
func (r *Refusal) isGrantable() bool {
	switch r.Code {
	case verifier.CodeInsufficientScope, verifier.CodeInsufficientPermissions,
		verifier.CodeInsufficientUserAuthentication:
		return true
	default:
		return false
	}
}

// values returns a field's values, from the header and then from the trailer.
func (r *Response) values(name string) []string {
	var values []string
	for _, read := range []func(string) []string{r.Header, r.Trailer} {
		if read != nil {
			values = append(values, read(name)...)
		}
	}
	return values
}

// readDetails returns whether a server with this library sent them, and the challenges within.
func (r *Refusal) readDetails(details []Detail) (ours bool, challenges []string) {
	for _, detail := range details {
		switch detail.Type[strings.LastIndexByte(detail.Type, '/')+1:] {
		case "google.rpc.ErrorInfo":
			var info errdetails.ErrorInfo
			if ours || proto.Unmarshal(detail.Value, &info) != nil || info.GetDomain() != interceptor.ErrorDomain {
				continue
			}
			ours = true
			r.Code = verifier.Code(strings.ToLower(info.GetReason()))
			challenges = []string{info.GetMetadata()["challenge"]}
			r.Permissions = strings.Fields(info.GetMetadata()["permissions"])
		case "google.rpc.RetryInfo":
			var info errdetails.RetryInfo
			if proto.Unmarshal(detail.Value, &info) == nil && info.GetRetryDelay().IsValid() {
				r.RetryAfter = max(r.RetryAfter, info.GetRetryDelay().AsDuration())
			}
		}
	}
	return ours, challenges
}

const maxFieldBytes = 16 << 10 // of all challenges together

// parseChallenges reads each value by itself, so that one that's malformed costs no other.
func parseChallenges(values []string) (challenges []verifier.Challenge) {
	left := maxFieldBytes
	for _, value := range values {
		if left -= len(value); left < 0 {
			break
		}
		if parsed, err := verifier.ParseChallenges([]string{value}); err == nil {
			challenges = append(challenges, parsed...)
		}
	}
	return challenges
}

// readChallenge reads the first challenge about tokens that has an error, or else the first one.
func (r *Refusal) readChallenge() {
	hasError := func(c verifier.Challenge) bool { return isAboutTokens(c) && c.Value("error") != "" }
	i := slices.IndexFunc(r.Challenges, hasError)
	if i < 0 {
		i = slices.IndexFunc(r.Challenges, isAboutTokens)
	}
	if i < 0 {
		return
	}
	c := r.Challenges[i]
	if r.Code == "" {
		r.Code = verifier.Code(c.Value("error"))
	}
	if description := c.Value("error_description"); description != "" {
		r.Message = description
	}
	r.Scopes = strings.Fields(c.Value("scope"))
	if permissions := strings.Fields(c.Value("permissions")); len(permissions) > 0 { // not a standard, but sent
		r.Permissions = permissions
	}
	r.ACRValues = strings.Fields(c.Value("acr_values"))
	r.ResourceMetadata = c.Value("resource_metadata")
	if seconds, err := strconv.ParseUint(c.Value("max_age"), 10, 31); err == nil {
		r.MaxAge = time.Duration(max(1, seconds)) * time.Second
	}
}
