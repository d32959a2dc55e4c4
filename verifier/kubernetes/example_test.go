package kubernetes_test

import (
	"fmt"
	"log"

	"github.com/oidcrpc/oidcrpc/verifier"
	"github.com/oidcrpc/oidcrpc/verifier/kubernetes"
)

func ExampleInCluster() {
	config, err := kubernetes.InCluster("orders") // this service's audience
	if err != nil {
		fmt.Println("not in a cluster")
		return
	}
	config.Require.Permissions = []string{"shop"} // the callers' namespace
	v, err := verifier.New(config)
	fmt.Println(v != nil, err)
	// Output: not in a cluster
}

// A pod without the default mount, whose own volume has the files.
func ExampleCluster_Config() {
	cluster := kubernetes.Cluster{
		Server:    "https://kubernetes.default.svc",
		CAFile:    "/var/run/identity/ca.crt",
		TokenFile: "/var/run/identity/token",
	}
	_, err := cluster.Config("orders")
	fmt.Println(err)
	// Output: kubernetes: the cluster's authority: open /var/run/identity/ca.crt: no such file or directory
}

// A client to ask the API server with, such as for reviews of tokens.
func ExampleCluster_Client() {
	client, err := kubernetes.Cluster{Server: "https://kubernetes.default.svc"}.Client()
	if err != nil {
		fmt.Println("not in a cluster")
		return
	}
	res, err := client.Get("https://kubernetes.default.svc/version")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	fmt.Println(res.Status)
	// Output: not in a cluster
}
