// Package kubernetes verifies the tokens of a Kubernetes cluster's service accounts, inside the
// cluster and with nothing but what every pod has:
//
//	config, err := kubernetes.InCluster("orders")
//	if err != nil {
//		log.Fatal(err)
//	}
//	v, err := verifier.New(config)
//
// A caller's pod gets such a token from a projected volume:
//
//	projected:
//	  sources:
//	  - serviceAccountToken: {path: token, audience: orders, expirationSeconds: 3600}
//
// The keys come from the API server and from nowhere else. A token outlives its account and its
// pod: it's good until it expires.
package kubernetes
