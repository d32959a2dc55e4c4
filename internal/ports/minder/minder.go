// Package minder is the authentication of Minder: its own identity provider, more issuers, and a
// policy in its protos.
package minder

import (
	"net/url"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/internal/ports/minder/minderv1"
	"github.com/oidcrpc/oidcrpc/verifier"
)

// A Config is the section identity in Minder's configuration, as far as it's about tokens.
type Config struct {
	Server struct {
		IssuerURL   string `yaml:"issuer_url"` // where Keycloak is reached
		Realm       string `yaml:"realm"`
		IssuerClaim string `yaml:"issuer_claim"` // what its tokens say
		Audience    string `yaml:"audience"`
	} `yaml:"server"`
	AdditionalIssuers []string `yaml:"additional_issuers"`
}

// New returns what guards a server of the services in the files.
func New(c Config, files ...protoreflect.FileDescriptor) (*interceptor.Authenticator, error) {
	keys, err := url.JoinPath(c.Server.IssuerURL, "realms", c.Server.Realm, "protocol/openid-connect/certs")
	if err != nil {
		return nil, err
	}
	audiences := []string{c.Server.Audience}
	configs := []verifier.Config{{
		Issuer:    c.Server.IssuerClaim,
		Audiences: audiences,
		JWKSURL:   keys,
		AllowHTTP: strings.HasPrefix(keys, "http://"),
	}}
	for _, issuer := range c.AdditionalIssuers {
		configs = append(configs, verifier.Config{Issuer: issuer, Audiences: audiences})
	}
	v, err := verifier.NewMulti(configs...)
	if err != nil {
		return nil, err
	}
	return interceptor.New(v, interceptor.WithRealm(c.Server.IssuerClaim), interceptor.WithPolicy(policyOf(files)))
}

// policyOf returns what the options rpc_options say. An rpc without any is denied.
func policyOf(files []protoreflect.FileDescriptor) interceptor.Policy {
	policy := interceptor.Policy{"/*": {Access: interceptor.AccessDenied}}
	for _, file := range files {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				policy["/"+string(service.FullName())+"/"+string(method.Name())] = ruleOf(method)
			}
		}
	}
	return policy
}

func ruleOf(method protoreflect.MethodDescriptor) interceptor.Rule {
	options, _ := proto.GetExtension(method.Options(), minderv1.E_RpcOptions).(*minderv1.RpcOptions)
	switch options.GetTargetResource() {
	case minderv1.TargetResource_TARGET_RESOURCE_NONE:
		return interceptor.Rule{Access: interceptor.AccessPublic}
	case minderv1.TargetResource_TARGET_RESOURCE_USER, minderv1.TargetResource_TARGET_RESOURCE_PROJECT:
		return interceptor.Rule{Access: interceptor.AccessRequired}
	default:
		return interceptor.Rule{Access: interceptor.AccessDenied}
	}
}
