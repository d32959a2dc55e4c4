package interceptor

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

const (
	resourcePath     = "/.well-known/oauth-protected-resource"
	maxResourceBytes = 256
)

// ResourceMetadata tells clients where to get tokens for a service (RFC 9728,
// section 2). Give it to [WithResourceMetadata]. The document also says whether the service
// takes tokens bound to a key or a certificate, which [WithDPoP] and [WithMutualTLS] decide.
type ResourceMetadata struct {
	// Resource is required. It names the service: an https URL without query and
	// fragment, most often one in [verifier.Config].Audiences. The document's own URL
	// comes from it, and never from a request. For development, it may be an http URL
	// at localhost or a loopback address.
	Resource string

	// AuthorizationServers are the issuers whose tokens the service accepts: https URLs
	// (RFC 8414, section 2), or http ones like Resource's.
	AuthorizationServers []string

	// Scopes lists the scopes clients may need. Nil omits the field.
	Scopes []string

	// Documentation is the URL of a page for people. It may be empty.
	Documentation string
}

// resource is a ResourceMetadata as served.
type resource struct {
	url      string
	path     string
	content  resourceContent
	document []byte // the content, once it is complete
}

type resourceContent struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers,omitempty"`
	Scopes               []string `json:"scopes_supported,omitempty"`
	BearerMethods        []string `json:"bearer_methods_supported"`
	Documentation        string   `json:"resource_documentation,omitempty"`
	ProofAlgorithms      []string `json:"dpop_signing_alg_values_supported,omitempty"`
	CertificateBound     bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"`
}

func (r *resource) complete() (err error) {
	r.document, err = json.Marshal(r.content)
	return err
}

func (m ResourceMetadata) compile() (*resource, error) {
	u, err := parseResource(m.Resource)
	if err != nil {
		return nil, err
	}
	for _, issuer := range m.AuthorizationServers {
		if u, err := url.Parse(issuer); err != nil || !isSecure(u) {
			return nil, fmt.Errorf("ResourceMetadata.AuthorizationServers: %q is not an https URL", issuer)
		}
	}
	// RFC 9728, section 3.1: only a slash right after the host is dropped.
	path := resourcePath
	if u.Path != "/" {
		path += u.Path
	}
	return &resource{url: u.Scheme + "://" + u.Host + path, path: path, content: resourceContent{
		Resource:             m.Resource,
		AuthorizationServers: slices.Clone(m.AuthorizationServers),
		Scopes:               slices.Clone(m.Scopes),
		BearerMethods:        []string{"header"},
		Documentation:        m.Documentation,
	}}, nil
}

// parseResource accepts a URL only in its one plain spelling: a client, a router or a
// challenge must have nothing to escape.
func parseResource(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || !isSecure(u) || s != u.Scheme+"://"+u.Host+u.Path {
		return nil, errors.New("ResourceMetadata.Resource must be an https URL without query and fragment")
	}
	if len(s) > maxResourceBytes {
		return nil, fmt.Errorf("ResourceMetadata.Resource must be at most %d bytes", maxResourceBytes)
	}
	if strings.HasSuffix(u.Host, ":") {
		return nil, errors.New("ResourceMetadata.Resource must not have an empty port")
	}
	unfit := func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }
	if u.Path != u.EscapedPath() || strings.ContainsFunc(u.Host, unfit) {
		return nil, errors.New("ResourceMetadata.Resource must not need escapes")
	}
	isDots := func(part string) bool { return part == "." || part == ".." }
	if strings.Contains(u.Path, "//") || slices.ContainsFunc(strings.Split(u.Path, "/"), isDots) {
		return nil, errors.New("ResourceMetadata.Resource must have no dots or empty parts in its path")
	}
	return u, nil
}

// isSecure reports whether a URL has the scheme https, or leads nowhere else.
func isSecure(u *url.URL) bool {
	host := u.Hostname()
	address, err := netip.ParseAddr(host)
	isLoopback := host == "localhost" || err == nil && address.IsLoopback()
	return host != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopback)
}

// ServeHTTP implements [http.Handler]. The document is public, and pages of any origin
// may read it (RFC 9728, section 3.1, leaves that open). Their clients send headers of
// their own, so that browsers ask first.
func (r *resource) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case req.URL.Path != r.path: // a pattern that ends in a slash matches more
		http.NotFound(w, req)
	case req.Method == http.MethodOptions:
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "*")
		w.WriteHeader(http.StatusNoContent)
	case req.Method != http.MethodGet && req.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	default:
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(r.document)
	}
}
