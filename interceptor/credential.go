package interceptor

import (
	"errors"
	"slices"
	"strings"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// defaultMaxTokenBytes bounds a credential where the TokenVerifier doesn't say.
const defaultMaxTokenBytes = 16 << 10

// bearerToken returns the token in exactly one authorization value with the form
// "Bearer" 1*SP b64token (RFC 6750, section 2.1). Two values are how credentials
// are smuggled past a proxy that looks at only one of them: neither is used. The length
// of the whole value is bounded, spaces included.
func bearerToken(authorization []string, maxTokenBytes int) (string, error) {
	if len(authorization) == 0 {
		return "", missingToken(errNoValue)
	}
	if len(authorization) > 1 {
		return "", invalidRequest(severalValues(authorization))
	}
	value := authorization[0]
	if len(value) > len("Bearer ")+maxTokenBytes {
		return "", invalidRequest(errTooLong)
	}
	scheme, token, _ := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		if isOtherScheme(value) {
			return "", missingToken(errOtherScheme)
		}
		return "", invalidRequest(errNoScheme)
	}
	token = strings.TrimLeft(token, " ")
	if !isB64Token(token) {
		return "", invalidRequest(errNotB64)
	}
	return token, nil
}

// What is wrong with a credential, for the observer.
var (
	errNoValue     = errors.New("there is no authorization metadata")
	errOtherScheme = errors.New("authorization has another scheme than Bearer, or is empty")
	errNoScheme    = errors.New(`authorization does not start with "Bearer ", or holds several credentials: ` +
		`a bare token needs the scheme in front of it`)
	errNotB64  = errors.New(`what follows "Bearer " is empty, or holds a character that no token has`)
	errTooLong = errors.New("authorization is longer than Config.MaxTokenBytes, spaces included")
	errEqual   = errors.New("authorization came more than once with the same value: a gateway may have copied it, " +
		"or the client's credentials for its connection and for the call add up")
	errSeveral = errors.New("authorization came more than once with different values")
)

func severalValues(authorization []string) error {
	if len(slices.Compact(slices.Clone(authorization))) == 1 {
		return errEqual
	}
	return errSeveral
}

func missingToken(cause error) error {
	return &verifier.AuthError{
		Code:    verifier.CodeMissingToken,
		Message: "the call carries no access token",
		Err:     cause,
	}
}

func invalidRequest(cause error) error {
	return &verifier.AuthError{
		Code:    verifier.CodeInvalidRequest,
		Message: "the call must carry exactly one well-formed Bearer token",
		Err:     cause,
	}
}

// maxListCommas bounds the work on a credential that is meant for others. Of the known
// schemes Digest has the most parameters: a dozen.
const maxListCommas = 32

// isOtherScheme reports whether value is empty, or one credential in a scheme that
// isn't ours. It can use the parser for challenges: credentials have the same grammar
// (RFC 9110, section 11.4).
func isOtherScheme(value string) bool {
	if strings.Count(value, ",") > maxListCommas {
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
