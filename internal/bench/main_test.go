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
				if peer.name != cryptoOnly && verify(t.Context(), garbage) == nil {
					t.Error("garbage was accepted")
				}
			})
		}
	}
}

func TestGuardsAdmitGoodTokensAndRefuseForgedOnes(t *testing.T) {
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms("RS256"))
	good, forged := mint(issuer, "RS256", 1)[0].token, forge(issuer, "RS256").token
	guards, err := newGuards(issuer, "RS256")
	if err != nil {
		t.Fatal(err)
	}
	for _, transport := range transports {
		for _, g := range guards {
			t.Run(transport.name+"/"+g.name, func(t *testing.T) {
				for _, token := range []string{good, forged} {
					c, err := transport.start(g, token)
					if err != nil {
						t.Fatal(err)
					}
					defer c.close()
					for kind, err := range map[string]error{
						"unary":    c.unary(t.Context()),
						"upload":   c.upload(t.Context(), streamMessages),
						"download": c.download(t.Context(), streamMessages),
					} {
						if admitted, want := err == nil, token == good || g.name == noAuth; admitted != want {
							t.Errorf("%s, good token: %v: %v", kind, token == good, err)
						}
					}
				}
			})
		}
	}
}
