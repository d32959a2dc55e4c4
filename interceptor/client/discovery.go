package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/oidcrpc/oidcrpc/internal/field"
	"github.com/oidcrpc/oidcrpc/internal/jwks"
)

// A Discovery finds out where to get a token for a server, from what the server itself says. Its
// methods read one or two documents of at most 1 MiB, within 10 seconds. They are safe for
// concurrent use.
//
// A server can name any authorization server, and one that belongs to an attacker would get what
// you send there. Check that you trust an issuer before you send it a secret or a user.
type Discovery struct {
	// HTTPClient reads the documents; nil means [http.DefaultTransport]. It follows redirects only
	// on the same host and scheme.
	HTTPClient *http.Client

	// AllowPrivateAddresses lets documents be read from any address. By default a server can't
	// make us ask hosts in our own network: only public addresses are dialed, and no proxy is used.
	AllowPrivateAddresses bool
}

// A Resource is what a server's metadata say (RFC 9728, section 2).
type Resource struct {
	AuthorizationServers []string // the issuers whose tokens it accepts
	Scopes               []string // that clients may need

	// DPoPAlgorithms are the ones that proofs may use, and DPoPRequired says that no bearer token is
	// accepted: see [WithDPoP].
	DPoPAlgorithms []string
	DPoPRequired   bool
}

// Resource reads the metadata at a URL, such as a [Refusal]'s ResourceMetadata. Their resource
// must be exactly the given one, or else they are not about the server you call, and are not used
// (RFC 9728, section 3.3). Both must be https URLs, or of this host.
func (d *Discovery) Resource(ctx context.Context, metadataURL, resource string) (*Resource, error) {
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	found, err := d.reader().Read(ctx, metadataURL, "resource", "authorization_servers", "scopes_supported",
		"dpop_signing_alg_values_supported", "dpop_bound_access_tokens_required")
	if err != nil {
		return nil, fmt.Errorf("client: the metadata of a resource: %w", err)
	}
	var name string
	if err := read(found, "resource", &name); err != nil || name != resource {
		return nil, fmt.Errorf("client: the metadata are about the resource %q", field.Printable(name))
	}
	var r Resource
	if err := errors.Join(read(found, "authorization_servers", &r.AuthorizationServers),
		read(found, "scopes_supported", &r.Scopes),
		read(found, "dpop_signing_alg_values_supported", &r.DPoPAlgorithms),
		read(found, "dpop_bound_access_tokens_required", &r.DPoPRequired)); err != nil {
		return nil, err
	}
	return &r, nil
}

// Endpoint reads an authorization server's metadata (RFC 8414, section 3, or else OpenID Connect
// Discovery 1.0, section 4). Their issuer must be exactly the given one. The endpoints must be
// https URLs, unless the issuer is on this host, and those for tokens must be named.
func (d *Discovery) Endpoint(ctx context.Context, issuer string) (oauth2.Endpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	endpoint, err := d.endpoint(ctx, issuer)
	if err != nil {
		return oauth2.Endpoint{}, fmt.Errorf("client: the metadata of %s: %w", field.Printable(issuer), err)
	}
	return endpoint, nil
}

const discoveryTimeout = 10 * time.Second

func (d *Discovery) reader() *jwks.Reader {
	return jwks.NewReader(d.HTTPClient, !d.AllowPrivateAddresses)
}

func (d *Discovery) endpoint(ctx context.Context, issuer string) (e oauth2.Endpoint, err error) {
	urls := map[string]*string{
		"token_endpoint":                &e.TokenURL,
		"authorization_endpoint":        &e.AuthURL,
		"device_authorization_endpoint": &e.DeviceAuthURL,
	}
	found, err := d.reader().ReadMetadata(ctx, issuer,
		"token_endpoint", "authorization_endpoint", "device_authorization_endpoint")
	if err != nil {
		return e, err
	}
	for name, url := range urls {
		if err := read(found, name, url); err != nil {
			return e, err
		}
		if *url == "" {
			continue
		}
		if err := jwks.CheckURL(*url, false); err != nil {
			return e, fmt.Errorf("%s %w", name, err)
		}
		if !strings.HasPrefix(issuer, "http:") && !strings.HasPrefix(strings.ToLower(*url), "https:") {
			return e, fmt.Errorf("%s must be an https URL, as the issuer is", name)
		}
	}
	if e.TokenURL == "" {
		return e, errors.New("they name no token_endpoint")
	}
	return e, nil
}

// read reads a member that may be absent.
func read(found map[string]string, name string, dst any) error {
	text, ok := found[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal([]byte(text), dst); err != nil {
		return fmt.Errorf("%s has another type", name)
	}
	return nil
}
