// Package configflag lets a program's flags say which tokens to accept.
package configflag

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"net/http"
	"os"
	"strings"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/kubernetes"
)

// Add adds the flags. Each sets the field with its name in the configuration that the result
// returns once they are parsed. Without any of them, that's the zero value.
func Add(flags *flag.FlagSet) func() (verifier.Config, error) {
	config := new(verifier.Config)
	addFields(flags, config)
	inCluster := flags.Bool("kubernetes", false, "accept service accounts of the cluster that this runs in")
	return func() (verifier.Config, error) {
		if !*inCluster {
			return *config, nil
		}
		if config.Issuer != "" {
			return verifier.Config{}, errors.New("-kubernetes has an issuer, so leave -issuer out")
		}
		return kubernetes.InCluster(config.Audiences...)
	}
}

func addFields(flags *flag.FlagSet, config *verifier.Config) {
	flags.StringVar(&config.Issuer, "issuer", "", "the issuer's `URL`, exactly as tokens name it")
	flags.Func("audience", "the `names` of this service in tokens, separated by commas", list(&config.Audiences))
	flags.Func("client-ids", "the `clients` whose tokens have no aud, separated by commas", list(&config.ClientIDs))
	flags.Func("algorithms", "the signature `algorithms` to accept, separated by commas (default RS256)",
		list(&config.Algorithms))
	flags.StringVar(&config.ScopeClaim, "scope-claim", "", "the `claim` that grants scopes (default scope)")
	flags.StringVar(&config.PermissionsClaim, "permissions-claim", "",
		"the `claim` that grants permissions (default permissions)")
	flags.StringVar(&config.JWKSURL, "jwks-url", "", "the `URL` of the keys, if the issuer has no metadata")
	flags.StringVar(&config.JWKSFile, "jwks-file", "", "the `file` with the keys, instead of a URL")
	flags.BoolVar(&config.AcceptIDTokens, "accept-id-tokens", false, "accept ID tokens, which are for clients")
	flags.BoolVar(&config.RFC9068, "rfc9068", false, "accept tokens only if their type is at+jwt, with all its claims")
	flags.Func("ignore-headers", "the header `parameters` to read over, such as jku, separated by commas",
		list(&config.IgnoreHeaders))
	flags.BoolVar(&config.AllowHTTP, "allow-http", false, "fetch from any host over plain http, for development")
	flags.Func("ca", "a `file` with certificates in PEM, to trust for the issuer beside the system's",
		func(file string) (err error) {
			config.HTTPClient, err = trusting(file)
			return err
		})
}

func list(to *[]string) func(string) error {
	return func(text string) error {
		*to = strings.Split(text, ",")
		return nil
	}
}

// trusting returns a client that trusts the authorities in a file, too.
func trusting(file string) (*http.Client, error) {
	text, err := os.ReadFile(file) //nolint:gosec // whose name is the operator's
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("the file has no certificate in PEM")
	}
	return &http.Client{Transport: &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}}, nil
}
