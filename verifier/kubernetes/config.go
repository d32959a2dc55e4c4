package kubernetes

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/oidcrpc/oidcrpc/internal/strictjson"
	"github.com/oidcrpc/oidcrpc/verifier"
)

const (
	keysPath = "/openid/v1/jwks"
	maxDepth = 64 // of the claims in the pod's own token
)

// InCluster returns the configuration for the tokens of this pod's cluster. It's
// Cluster{}.Config(audiences...).
func InCluster(audiences ...string) (verifier.Config, error) { return Cluster{}.Config(audiences...) }

// Config returns the configuration for a verifier that trusts the cluster:
//
//   - Issuer is what the pod's own token names.
//   - Audiences are the given ones, your service's names in tokens. Most services have one.
//   - Algorithms has all that a cluster can sign with.
//   - PermissionsClaim is "/kubernetes.io/namespace", so a requirement's Permissions can list
//     namespaces.
//   - JWKSURL and HTTPClient fetch the keys from the API server alone. Any service account may read
//     them unless the cluster's RBAC was changed.
//
// You may change any of it, above all Require: without it, every service account in the cluster is
// a caller. Its Subjects look like "system:serviceaccount:NAMESPACE:NAME".
//
// An audience must be your service's own. The API server's is an error, because a token for it
// would let your service act as its caller. Other errors say which file is missing or unusable,
// outside a cluster, for example.
func (c Cluster) Config(audiences ...string) (verifier.Config, error) {
	if len(audiences) == 0 || slices.Contains(audiences, "") {
		return verifier.Config{}, errors.New("kubernetes: audiences must be your service's names in tokens")
	}
	client, err := c.Client()
	if err != nil {
		return verifier.Config{}, err
	}
	server, err := c.server()
	if err != nil {
		return verifier.Config{}, err
	}
	issuer, own, err := c.readToken()
	if err != nil {
		return verifier.Config{}, err
	}
	for _, audience := range audiences {
		if slices.Contains(own, audience) {
			return verifier.Config{}, fmt.Errorf("kubernetes: audiences must not have the API server's, which is %q: "+
				"give your service a name of its own", audience)
		}
	}
	return verifier.Config{
		Issuer:           issuer,
		Audiences:        slices.Clone(audiences),
		Algorithms:       []string{"RS256", "ES256", "ES384", "ES512"},
		PermissionsClaim: "/kubernetes.io/namespace",
		JWKSURL:          server + keysPath,
		HTTPClient:       client,
	}, nil
}

// readToken returns the issuer and audiences in the pod's own token. Only its name is taken from
// there: what's fetched is at the API server, whatever the token says.
func (c Cluster) readToken() (issuer string, audiences []string, err error) {
	token, err := c.ownToken()
	if err != nil {
		return "", nil, err
	}
	_, rest, _ := strings.Cut(token, ".")
	segment, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(segment)
	ok := err == nil && strictjson.Members(string(payload), maxDepth, func(name, value string) {
		switch name {
		case "iss":
			issuer, _ = strictjson.Text(value)
		case "aud":
			audiences, _ = strictjson.TextOrTexts(value)
		}
	})
	if !ok || issuer == "" || len(audiences) == 0 {
		return "", nil, fmt.Errorf("kubernetes: %s is no token of a service account with iss and aud", c.tokenFile())
	}
	return issuer, audiences, nil
}
