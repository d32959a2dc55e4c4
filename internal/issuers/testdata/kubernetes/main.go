// Command cluster serves what a Kubernetes API server serves about service accounts, by
// Kubernetes' own code: metadata, keys, tokens, and reviews of tokens.
package main

import (
	"cmp"
	"crypto"
	"fmt"
	"net/http"
	"os"

	"github.com/emicklei/go-restful/v3"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/routes"
	"k8s.io/kubernetes/pkg/serviceaccount"
)

// The arguments are an address, an issuer, a certificate and its key, and the keys of
// service accounts. The first one signs.
func main() {
	if err := serve(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5:]); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func serve(addr, issuer, certFile, keyFile string, accountKeys []string) error {
	var keys []any
	for _, file := range accountKeys {
		key, err := keyutil.PrivateKeyFromFile(file)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	var public []any
	for _, key := range keys {
		public = append(public, key.(crypto.Signer).Public())
	}
	getter, err := serviceaccount.StaticPublicKeysGetter(public)
	if err != nil {
		return err
	}
	provider, err := serviceaccount.NewOpenIDMetadataProvider(issuer, "", addr, getter)
	if err != nil {
		return err
	}
	generator, err := serviceaccount.JWTTokenGenerator(issuer, keys[0])
	if err != nil {
		return err
	}
	accounts := new(accounts)
	reviews, err := newReviews(addr, issuer, getter, accounts)
	if err != nil {
		return err
	}
	http.Handle("/apis/", reviews)
	http.HandleFunc("DELETE /robot", func(http.ResponseWriter, *http.Request) { accounts.robotDeleted.Store(true) })
	container := restful.NewContainer()
	routes.NewOpenIDMetadataServer(provider).Install(container)
	http.Handle("/", container)
	http.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		account := core.ServiceAccount{}
		account.Name, account.Namespace = cmp.Or(r.FormValue("account"), "robot"), "shop"
		claims, private, err := serviceaccount.Claims(account, nil, nil, nil, 3600, 0, []string{r.FormValue("audience")})
		if err == nil {
			var token string
			if token, err = generator.GenerateToken(r.Context(), claims, private); err == nil {
				fmt.Fprint(w, token)
				return
			}
		}
		http.Error(w, err.Error(), http.StatusInternalServerError)
	})
	return http.ListenAndServeTLS(addr, certFile, keyFile, nil)
}
