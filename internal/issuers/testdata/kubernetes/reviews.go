package main

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/util/compatibility"
	restclient "k8s.io/client-go/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/authentication/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	generatedopenapi "k8s.io/kubernetes/pkg/generated/openapi"
	authenticationrest "k8s.io/kubernetes/pkg/registry/authentication/rest"
	"k8s.io/kubernetes/pkg/serviceaccount"
)

// reviewer has the role system:auth-delegator, which lets a service have tokens reviewed.
const reviewer = "system:serviceaccount:shop:orders"

// newReviews returns the API group authentication.k8s.io, as kube-apiserver serves it behind
// its own authentication.
func newReviews(addr, issuer string, keys serviceaccount.PublicKeysGetter, accounts *accounts) (http.Handler, error) {
	callers := bearertoken.New(serviceaccount.JWTTokenAuthenticator(
		[]string{issuer}, keys, authenticator.Audiences{issuer}, serviceaccount.NewValidator(accounts)))
	c := genericapiserver.NewConfig(legacyscheme.Codecs)
	c.ExternalAddress = addr
	c.LoopbackClientConfig = &restclient.Config{}
	c.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	c.LongRunningFunc = func(*http.Request, *request.RequestInfo) bool { return false }
	c.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(
		generatedopenapi.GetOpenAPIDefinitions, openapi.NewDefinitionNamer(legacyscheme.Scheme))
	c.Authentication.Authenticator = callers
	c.Authentication.APIAudiences = authenticator.Audiences{issuer}
	c.Authorization.Authorizer = authorizer.AuthorizerFunc(mayReview)
	server, err := c.Complete(nil).New("cluster", genericapiserver.NewEmptyDelegate())
	if err != nil {
		return nil, err
	}
	resources := serverstorage.NewResourceConfig()
	resources.EnableVersions(authenticationv1.SchemeGroupVersion)
	group, err := authenticationrest.RESTStorageProvider{
		Authenticator: callers, APIAudiences: authenticator.Audiences{issuer},
	}.NewRESTStorage(resources, nil)
	if err != nil {
		return nil, err
	}
	return server.Handler, server.InstallAPIGroup(&group)
}

func mayReview(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if a.GetUser().GetName() == reviewer && a.GetResource() == "tokenreviews" && a.GetVerb() == "create" {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// accounts are the service accounts in the namespace shop: orders, and robot until it's
// deleted.
type accounts struct{ robotDeleted atomic.Bool }

func (a *accounts) GetServiceAccount(_ context.Context, namespace, name string) (*v1.ServiceAccount, error) {
	if namespace != "shop" || name != "orders" && (name != "robot" || a.robotDeleted.Load()) {
		return nil, errors.New("the service account doesn't exist")
	}
	return &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}, nil
}

func (*accounts) GetPod(context.Context, string, string) (*v1.Pod, error) {
	return nil, errors.New("the pod doesn't exist")
}

func (*accounts) GetSecret(context.Context, string, string) (*v1.Secret, error) {
	return nil, errors.New("the secret doesn't exist")
}

func (*accounts) GetNode(context.Context, string) (*v1.Node, error) {
	return nil, errors.New("the node doesn't exist")
}
