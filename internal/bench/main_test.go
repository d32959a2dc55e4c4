package main

import (
	"testing"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestPeersAcceptGoodTokensAndRefuseForgedOnes(t *testing.T) {
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms(algorithms...))
	for _, alg := range algorithms {
		good, forged := mint(issuer, alg, 1)[0], forge(issuer, alg)
		for _, peer := range peers {
			t.Run(alg+"/"+peer.name, func(t *testing.T) {
				verify, err := peer.start(issuer, alg)
				if err != nil {
					t.Fatal(err)
				}
				if err := verify(t.Context(), good); err != nil {
					t.Errorf("the good token: %v", err)
				}
				if verify(t.Context(), forged) == nil {
					t.Error("the forged token was accepted")
				}
				if peer.name != "crypto alone" && verify(t.Context(), garbage) == nil {
					t.Error("garbage was accepted")
				}
				t.Logf("a token of %d bytes", len(good.token))
			})
		}
	}
}
