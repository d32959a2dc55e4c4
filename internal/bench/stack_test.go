package main

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func TestGuardedUploadsNeedGoodTokens(t *testing.T) {
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms(streamAlg))
	good, forged := mint(issuer, streamAlg, 1)[0].token, forge(issuer, streamAlg).token
	guarded, err := newStreamGuard(issuer)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stacks {
		for _, g := range []guard{{name: noAuth}, guarded} {
			t.Run(s.name+"/"+g.name, func(t *testing.T) {
				addr, stop, err := s.start(g, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				defer stop()
				for _, token := range []string{good, forged} {
					send, hangUp, err := s.uploader(addr, token)
					if err != nil {
						t.Fatal(err)
					}
					defer hangUp()
					err = send(wrapperspb.Bytes([]byte("payload")), 3)
					if admitted, want := err == nil, token == good || g.name == noAuth; admitted != want {
						t.Errorf("good token: %v: %v", token == good, err)
					}
				}
			})
		}
	}
}

func TestIdleStreamsWeighSomething(t *testing.T) {
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms(streamAlg))
	measured, err := idleStreamFigures(issuer, func(string) bool { return true }, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range measured.Figures {
		if f.Unit == "bytes" && f.Value < 1000 {
			t.Errorf("%s: %v", f.Name, f.Value)
		}
	}
}

func TestAllStreamsEndWithUnauthenticated(t *testing.T) {
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms(streamAlg))
	for _, s := range stacks {
		for name, guarded := range map[string]bool{"errors": false, "guarded": true} {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				if _, err := s.endAll(issuer, guarded, 20); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
