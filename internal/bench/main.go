package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func main() {
	rounds := flag.Int("rounds", 6, "rounds to measure; ratios are medians over them")
	flag.Parse()
	if err := run(*rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(rounds int) error {
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms(algorithms...))
	for _, alg := range algorithms {
		m := newMintage(issuer, alg)
		for _, w := range verifications {
			var cs []contestant
			for _, p := range peers {
				if p.name == "crypto alone" && !w.accept {
					continue
				}
				v, err := p.start(issuer, alg)
				if err != nil {
					return err
				}
				cs = append(cs, repeat(p.name, v, w.samples(m), w.accept, w.parallel))
			}
			results, err := race(cs, rounds, verifySlice)
			if err != nil {
				return err
			}
			fmt.Println(alg, w.name)
			for i := range results {
				r := &results[i]
				fmt.Printf("   %-14s %10.0f ns  %6.2fx  %6.1f allocs %8.0f B\n", r.Name, r.nanos(), r.times(&results[0]), r.Allocs, r.Bytes)
			}
		}
	}
	return nil
}
