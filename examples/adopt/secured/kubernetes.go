package main

import (
	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/kubernetes"
)

// newClusterVerifier is what newApp would call in a cluster whose service accounts are its
// callers. By the zero Cluster it finds everything where Kubernetes puts it.
func newClusterVerifier(cluster kubernetes.Cluster) (*verifier.Verifier, error) {
	config, err := cluster.Config("greet")
	if err != nil {
		return nil, err
	}
	return verifier.New(config)
}
