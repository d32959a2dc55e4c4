package wire_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

// maxTokenBytes is the longest token that is accepted.
const maxTokenBytes = 16 << 10

// An outcome is what a call with certain credentials comes to.
type outcome struct {
	name          string
	authorization []string

	code      codes.Code
	status    int // of a unary call in the Connect protocol
	message   string
	challenge string // "" when there is to be none
	reason    string // of the ErrorInfo; "" when there is to be none
	scope     string // in the ErrorInfo
	needs     string // the permissions in the ErrorInfo, or "" if they aren't the point
	retry     bool   // with a RetryInfo
}

func outcomes(t *testing.T, tokens *judge) []outcome {
	t.Helper()
	ago := time.Now().Add(-time.Minute).Unix()
	good := tokens.issuer.Token(rights(nil))
	rightsWith := func(name string, value any) string {
		return tokens.issuer.Token(rights(map[string]any{name: value}))
	}
	forged := tokens.issuer.Token(rights(nil), verifiertest.WithSignature(func(signature []byte) []byte {
		signature[0] ^= 1
		return signature
	}))
	return []outcome{
		admitted("a good token", bearer(good)),

		noCredentials("no credentials", nil),
		noCredentials("another scheme", []string{"Basic YWRhOmxvdmVsYWNl"}),
		invalidRequest("two values", append(bearer(good), bearer(good)...)),
		invalidRequest("a token that is too long", bearer(strings.Repeat("a", maxTokenBytes+1))),

		invalidToken("no JWS", bearer("token"), "MALFORMED_TOKEN", "the token is not a compact JWS"),
		invalidToken("a forbidden header", bearer(tokens.issuer.Token(rights(nil), verifiertest.WithHeader("crit", []string{"exp"}))),
			"FORBIDDEN_HEADER", "the token header has a forbidden parameter"),
		invalidToken("an algorithm that is not allowed", bearer(tokens.issuer.Token(rights(nil), verifiertest.WithHeader("alg", "none"))),
			"DISALLOWED_ALG", "the signature algorithm is not allowed"),
		invalidToken("an empty kid", bearer(tokens.issuer.Token(rights(nil), verifiertest.WithHeader("kid", ""))),
			"MISSING_KID", "the token header has no valid kid"),
		invalidToken("a missing claim", bearer(rightsWith("exp", nil)), "MISSING_CLAIM", "the token has no exp"),
		invalidToken("another issuer", bearer(rightsWith("iss", "https://other.test")),
			"INVALID_ISSUER", "the token is from another issuer"),
		invalidToken("a token that is not valid yet", bearer(rightsWith("nbf", time.Now().Add(time.Hour).Unix())),
			"TOKEN_NOT_YET_VALID", "the token is not valid yet"),
		invalidToken("an expired token", bearer(rightsWith("exp", ago)), "TOKEN_EXPIRED", "the token has expired"),
		invalidToken("a token for another audience", bearer(rightsWith("aud", "https://other.test")),
			"INVALID_AUDIENCE", "the token is for another audience"),
		invalidToken("a bad signature", bearer(forged), "INVALID_TOKEN", "the signature is not valid"),
		revoked(bearer(tokens.revokedToken(t))),

		insufficientScope("the scope of the rule is missing", bearer(rightsWith("scope", baseline))).needing(permission),
		insufficientScope("the scope of the baseline is missing", bearer(rightsWith("scope", ruleScope))).needing(permission),
		insufficientPermissions("a permission is missing", bearer(rightsWith("permissions", nil))).needing(permission),

		unavailable("unavailable keys", bearer(tokens.downToken)),
		internal("an unknown error of the verifier", bearer(faultyToken)),
		internal("a verifier that answers nothing", bearer(careless)),

		canceled("a call that is canceled meanwhile", bearer(canceledToken)),
		late("a call whose deadline passes meanwhile", bearer(lateToken)),
	}
}

func bearer(token string) []string { return []string{"Bearer " + token} }

func admitted(name string, authorization []string) outcome {
	return outcome{name: name, authorization: authorization, code: codes.OK, status: http.StatusOK}
}

func noCredentials(name string, authorization []string) outcome {
	return outcome{
		name: name, authorization: authorization,
		code: codes.Unauthenticated, status: http.StatusUnauthorized,
		message:   "the call carries no access token",
		challenge: `Bearer realm="greet"`,
		reason:    "MISSING_TOKEN",
	}
}

func invalidRequest(name string, authorization []string) outcome {
	return outcome{
		name: name, authorization: authorization,
		code: codes.Unauthenticated, status: http.StatusUnauthorized,
		message:   "the call must carry exactly one well-formed Bearer token",
		challenge: `Bearer realm="greet", error="invalid_request"`,
		reason:    "INVALID_REQUEST",
	}
}

func invalidToken(name string, authorization []string, reason, message string) outcome {
	return outcome{
		name: name, authorization: authorization,
		code: codes.Unauthenticated, status: http.StatusUnauthorized,
		message:   message,
		challenge: `Bearer realm="greet", error="invalid_token", error_description="` + message + `"`,
		reason:    reason,
	}
}

func insufficientScope(name string, authorization []string) outcome {
	return outcome{
		name: name, authorization: authorization,
		code: codes.PermissionDenied, status: http.StatusForbidden,
		message:   "the token lacks a required scope",
		challenge: `Bearer realm="greet", error="insufficient_scope", scope="greet:read greet:write"`,
		reason:    "INSUFFICIENT_SCOPE",
		scope:     "greet:read greet:write",
	}
}

func insufficientPermissions(name string, authorization []string) outcome {
	return outcome{
		name: name, authorization: authorization,
		code: codes.PermissionDenied, status: http.StatusForbidden,
		message: "the token lacks a required permission",
		challenge: `Bearer realm="greet", error="insufficient_scope", ` +
			`error_description="the token lacks a required permission"`,
		reason: "INSUFFICIENT_PERMISSIONS",
	}
}

func unavailable(name string, authorization []string) outcome {
	return outcome{
		name: name, authorization: authorization,
		code: codes.Unavailable, status: http.StatusServiceUnavailable,
		message: "the access token cannot be verified at the moment",
		reason:  "JWKS_FETCH_FAILED",
		retry:   true,
	}
}

func internal(name string, authorization []string) outcome {
	return outcome{
		name: name, authorization: authorization,
		code: codes.Internal, status: http.StatusInternalServerError,
		message: "the call could not be authenticated",
	}
}

func canceled(name string, authorization []string) outcome {
	const clientClosedRequest = 499 // nginx's own, which Connect uses
	return outcome{
		name: name, authorization: authorization,
		code: codes.Canceled, status: clientClosedRequest,
		message: "the call was canceled",
	}
}

func late(name string, authorization []string) outcome {
	return outcome{
		name: name, authorization: authorization,
		code: codes.DeadlineExceeded, status: http.StatusGatewayTimeout,
		message: "the call's deadline has passed",
	}
}

// needing returns o with the permissions that its details name.
func (o outcome) needing(permissions string) outcome {
	o.needs = permissions
	return o
}

// info returns the ErrorInfo that tells the outcome, or nil.
func (o outcome) info() *errdetails.ErrorInfo {
	if o.reason == "" {
		return nil
	}
	info := &errdetails.ErrorInfo{Reason: o.reason, Domain: interceptor.ErrorDomain}
	if o.challenge != "" {
		info.Metadata = map[string]string{"challenge": o.challenge}
	}
	if o.needs != "" {
		info.Metadata["permissions"] = o.needs
	}
	return info
}
