package interceptor

import (
	"strings"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/verifier"
)

const maxTokenBytes = verifier.MaxTokenBytes

// bearerToken returns the token in exactly one authorization value with the form
// "Bearer" 1*SP b64token (RFC 6750, section 2.1). Two values are how credentials
// are smuggled past a proxy that looks at only one of them: neither is used.
func bearerToken(authorization []string) (string, error) {
	if len(authorization) == 0 {
		return "", missingToken()
	}
	if len(authorization) > 1 {
		return "", invalidRequest()
	}
	value := authorization[0]
	scheme, token, _ := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		if isOtherScheme(value) {
			return "", missingToken()
		}
		return "", invalidRequest()
	}
	token = strings.TrimLeft(token, " ")
	if len(token) > maxTokenBytes || !isB64Token(token) {
		return "", invalidRequest()
	}
	return token, nil
}

func missingToken() error {
	return &verifier.AuthError{
		Code:    verifier.CodeMissingToken,
		Message: "the call carries no access token",
	}
}

func invalidRequest() error {
	return &verifier.AuthError{
		Code:    verifier.CodeInvalidRequest,
		Message: "the call must carry exactly one well-formed Bearer token",
	}
}

// maxListCommas bounds the work on a credential that is meant for others. Of the known
// schemes Digest has the most parameters: a dozen.
const maxListCommas = 32

// isOtherScheme reports whether value is empty, or one credential in a scheme that
// isn't ours. It can use the parser for challenges: credentials have the same grammar
// (RFC 9110, section 11.4).
func isOtherScheme(value string) bool {
	if len(value) > maxTokenBytes || strings.Count(value, ",") > maxListCommas {
		return false
	}
	credentials, err := verifier.ParseChallenges([]string{value})
	if err != nil || len(credentials) > 1 {
		return false
	}
	return len(credentials) == 0 || !strings.EqualFold(credentials[0].Scheme, "Bearer")
}

// isB64Token follows RFC 6750, section 2.1.
func isB64Token(token string) bool {
	token = strings.TrimRight(token, "=")
	for i := range len(token) {
		if !field.IsToken68Char(token[i]) {
			return false
		}
	}
	return token != ""
}
