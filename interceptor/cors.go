package interceptor

import (
	"net/http"
	"slices"
)

// AllowedHeaders returns the request headers that a browser's page needs leave to send, for
// Access-Control-Allow-Headers (Fetch Standard, section 3.3). They are those in which the
// Authenticator looks for credentials. Add them to the protocol's own:
//
//	append(connectcors.AllowedHeaders(), auth.AllowedHeaders()...)
//
// A browser sends cookies by itself, if the page asks for it and the server allows credentials.
func (a *Authenticator) AllowedHeaders() []string {
	return slices.DeleteFunc(slices.Clone(a.places.keys), func(key string) bool {
		return key == http.CanonicalHeaderKey(cookie)
	})
}

// ExposedHeaders returns the response headers that tell a refused client what to do, for
// Access-Control-Expose-Headers. Without them a browser's page can't read the challenge, or
// the nonce for its next proof.
func (a *Authenticator) ExposedHeaders() []string {
	headers := []string{"Www-Authenticate", "Retry-After"}
	if a.dpop != nil {
		headers = append(headers, "Dpop-Nonce")
	}
	return headers
}
