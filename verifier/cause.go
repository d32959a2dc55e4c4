package verifier

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/internal/jwks"
)

// because returns e with a cause.
//
// A cause tells the operator what was found, what was expected, and which field to change. It may
// quote our configuration and the documents we fetched. Before the signature is verified, a cause
// quotes nothing from a token except algorithm names, and afterwards only iss and aud. Untrusted
// text is always quoted and shortened.
func (e *AuthError) because(format string, args ...any) *AuthError {
	if len(args) == 0 {
		e.Err = errors.New(format)
	} else {
		e.Err = fmt.Errorf(format, args...)
	}
	return e
}

// overdue is why a token has expired. It's put into words only if an observer asks, since clients
// send expired tokens all the time.
type overdue struct{ by, leeway time.Duration }

func (o *overdue) Error() string {
	return fmt.Sprintf("exp was %v ago, and Config.Leeway is %v", o.by.Round(time.Second), o.leeway)
}

// notCompact refuses a token that isn't a compact JWS.
func notCompact(raw string) *AuthError {
	cause := errParts
	switch strings.Count(raw, ".") {
	case 0:
		cause = errOpaque
	case 2:
		cause = errBase64
		if strings.Contains(raw, "=") {
			cause = errPadding
		}
	case 4:
		cause = errEncrypted
	}
	refusal := refuse(CodeMalformedToken, "the token is not a compact JWS")
	refusal.Err = cause
	return refusal
}

// Causes for a malformed token.
var (
	errParts     = errors.New("a compact JWS has three parts, separated by dots, and none of them is empty")
	errOpaque    = errors.New("it has no dot, so it's an opaque token: have the issuer issue JWTs for this service")
	errEncrypted = errors.New("it has five parts, so it's encrypted (JWE): have the issuer sign it instead")
	errPadding   = errors.New("its parts are padded with '=': base64url in a JWS has no padding (RFC 7515, section 2)")
	errBase64    = errors.New("its parts are not base64url, or one of them is empty")
	errUnsigned  = errors.New("its signature is empty: the issuer did not sign it")
)

// notObject refuses a header or payload that parsers could read differently.
func notObject(part string) *AuthError {
	return refuse(CodeMalformedToken, "the token "+part+" is not a valid JSON object").because(
		"its %s is not JSON in UTF-8, holds a name twice, or is nested too deep", part)
}

func forbiddenHeader(format, name string) *AuthError {
	return refuse(CodeForbiddenHeader, "the token header has a forbidden parameter").because(format, name)
}

func notAccessToken(cause string) *AuthError {
	return refuse(CodeInvalidToken, "the token is not an access token").because("%s", cause)
}

// boundToProof refuses a token that another party may not use.
func boundToProof() *AuthError {
	return refuse(CodeInvalidToken, "the token is bound to a proof that is not supported").because(
		"it has cnf, so it's bound by DPoP or mTLS: interceptor.WithDPoP or WithMutualTLS, or your own VerifyBound, " +
			"can check its proof; else have the issuer issue bearer tokens")
}

// boundToUnknown refuses a token for which no proof is known.
func boundToUnknown() *AuthError {
	return refuse(CodeInvalidToken, "the token is bound to a proof that is not supported").because(
		"its cnf is not an object with jkt (DPoP) or x5t#S256 (mTLS), or one is no SHA-256 hash in base64url")
}

// noKey refuses a token whose key the issuer doesn't have.
func noKey(cause error) *AuthError {
	refusal := refuse(CodeKeyNotFound, "the issuer has no key for this token")
	refusal.Err = cause
	switch {
	case errors.Is(cause, jwks.ErrNotListed):
		refusal = refusal.because(
			"%w: check Config.Issuer, and Config.JWKSURL, JWKS, JWKSFile or FetchJWKS if it's set", cause)
	case errors.Is(cause, jwks.ErrUnnamed):
		refusal = refuse(CodeMissingKid, "the token header has no valid kid")
		refusal.Err = cause
	}
	return refusal
}

// describeUnchecked explains a refusal for a token that no key could make good.
func describeUnchecked(code Code) string {
	const unchecked = "it says so itself, and its signature was not checked, since its key is not at hand"
	switch code {
	case CodeInvalidIssuer:
		return unchecked + "; Config.Issuer must be its iss, to the last slash"
	case CodeInvalidAudience:
		return unchecked + "; Config.Audiences must name one of its aud"
	case CodeTokenExpired, CodeTokenNotYetValid:
		return unchecked + "; Config.Leeway forgives clocks that differ"
	default:
		return unchecked
	}
}

// describeShape says which type a decisive claim should have.
func describeShape(claim string) string {
	switch claim {
	case "exp", "nbf":
		return claim + " is not a number of seconds since 1970"
	case "aud":
		return "aud is neither a string nor an array of strings"
	default:
		return claim + " is not a string"
	}
}

// joseNames lists the algorithm names a cause may quote from a token.
var joseNames = []string{
	"none", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
	"ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87",
}

func describeAlg(alg string) string {
	switch {
	case strings.EqualFold(alg, "none"):
		return "it's unsigned (alg none)"
	case strings.HasPrefix(alg, "HS") && slices.Contains(joseNames, alg):
		return "alg is " + alg + ", so the issuer signs with a shared secret: have it sign with a key pair"
	case slices.Contains(joseNames, alg):
		return "alg is " + alg
	default:
		return "alg is no algorithm that is known here"
	}
}

func describeIssuer(found, expected string) string {
	text := fmt.Sprintf("iss is %q, and Config.Issuer is %q", field.Printable(found), field.Printable(expected))
	if strings.TrimSuffix(found, "/") == strings.TrimSuffix(expected, "/") {
		text += ": they differ by the slash at the end"
	}
	return text
}

// How much of a list a cause quotes: so many values, and none after so many bytes.
const (
	maxDescribed      = 8
	maxDescribedBytes = 128
)

func describeList(values []string) string {
	var quoted []string
	size := 0
	for _, value := range values {
		if len(quoted) == maxDescribed || size > maxDescribedBytes {
			break
		}
		text := fmt.Sprintf("%q", field.Printable(value))
		quoted = append(quoted, text)
		size += len(text)
	}
	text := "[" + strings.Join(quoted, " ") + "]"
	if more := len(values) - len(quoted); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func describeAudience(found, expected []string) string {
	switch {
	case found == nil:
		return "there is no aud, and client_id or azp is not in Config.ClientIDs"
	case len(found) == 0:
		return "aud is empty: the client must ask the issuer for one of Config.Audiences, " + describeList(expected)
	default:
		return fmt.Sprintf("aud is %s, and Config.Audiences is %s", describeList(found), describeList(expected))
	}
}

// describeGrants explains why a scope or permission may be missing.
func describeGrants(what, field, claim, needed string, isPresent, hasSCP bool) string {
	lack := fmt.Sprintf("it lacks the %s %q: Config.%s is %q, and ", what, needed, field, claim)
	switch {
	case isPresent && what == "scope":
		return lack + "that claim grants others; have the client ask for it"
	case isPresent:
		return lack + "that claim grants others"
	case hasSCP && claim == "scope":
		return fmt.Sprintf("it lacks the %s %q: there is no claim %q, but there is scp: set Config.%s",
			what, needed, claim, field)
	case strings.ContainsAny(claim, "/.") && !strings.HasPrefix(claim, "/") && !strings.Contains(claim, "://"):
		return lack + "there is no claim with that name; " +
			"a JSON Pointer, which leads into a claim, starts with a slash and has one between names"
	default:
		return lack + "there is no such claim"
	}
}
