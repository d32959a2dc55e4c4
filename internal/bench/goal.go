package main

import (
	"fmt"
	"io"
)

// printGoals prints what this library is meant to reach beside what it has, as a table
// of Markdown. A race that was not run leaves its line out.
func (r *Report) printGoals(w io.Writer) {
	fmt.Fprint(w, "\n| | goal | measured | keyfunc |\n|---|---|---|---|\n")
	line := func(name, goal, measured, peer string) {
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", name, goal, measured, peer)
	}
	if us, peer := r.result("RS256, "+oneToken, ours), r.result("RS256, "+oneToken, "keyfunc"); us != nil {
		line("remembered token", "≤ 200 ns, 0 allocs, ≥ 100 × faster",
			fmt.Sprintf("%.0f ns, %.0f allocs, %.0f × faster", us.nanos(), us.Allocs, peer.times(us)),
			fmt.Sprintf("%.1f µs, %.0f allocs", peer.nanos()/1e3, peer.Allocs))
	}
	for _, name := range []string{oneToken, manyTokens, cryptoOnly} {
		if alone, both := r.result(scaling, name), r.result(scaling, name+parallel); alone != nil {
			line("two cores, "+name, "≥ 1.7 × one", fmt.Sprintf("%.2f ×", alone.times(both)), "")
		}
	}
	for _, alg := range algorithms {
		name, asked := alg+", "+neverSeen, "1.10"
		if alg == "RS256" || alg == "PS256" {
			asked = "1.20"
		}
		us, peer, base := r.result(name, ours), r.result(name, "keyfunc"), r.result(name, cryptoOnly)
		if us != nil {
			line("first sight, "+alg, "≤ "+asked+" × crypto, ≤ 30 allocs",
				fmt.Sprintf("%.2f ×, %.0f allocs, crypto's %.0f included", us.times(base), us.Allocs, base.Allocs),
				fmt.Sprintf("%.2f ×, %.0f allocs", peer.times(base), peer.Allocs))
		}
	}
	if us, peer := r.result("RS256, "+garbageToken, ours), r.result("RS256, "+garbageToken, "keyfunc"); us != nil {
		line("garbage", "≤ 100 ns, ≤ 2 allocs", fmt.Sprintf("%.0f ns, %.0f allocs", us.nanos(), us.Allocs),
			fmt.Sprintf("%.0f ns, %.0f allocs", peer.nanos(), peer.Allocs))
	}
	for _, echo := range []struct{ name, asked string }{
		{"gRPC, TCP, unary", "≤ 1.05 × no auth, ≤ 5 allocs more"},
		{"Connect, h2c, unary", "≤ 1.03 × no auth"},
	} {
		us, peer, base := r.result(echo.name, ours), r.result(echo.name, withPeer), r.result(echo.name, noAuth)
		if us != nil {
			line(echo.name+", 16 callers", echo.asked,
				fmt.Sprintf("%.3f ×, %+.1f allocs", us.times(base), us.Allocs-base.Allocs),
				fmt.Sprintf("%.2f ×", peer.times(base)))
		}
	}
	const upload = "gRPC, TCP, upload"
	for _, guard := range []struct{ name, asked string }{
		{ours, "≤ +0.8 µs, ≤ +2 allocs"},
		{withoutExpiry, "+0"},
	} {
		if us, base := r.result(upload, guard.name), r.result(upload, noAuth); us != nil {
			line(upload+", a message, "+guard.name, guard.asked,
				fmt.Sprintf("%+.2f µs, %+.1f allocs", us.minus(base)/1e3, us.Allocs-base.Allocs), "")
		}
	}
	if r.Remembered > 0 {
		line("10 000 remembered tokens", "≤ 40 MB", fmt.Sprintf("%.1f MB, %.1f kB each",
			r.Remembered*10_000/1e6, r.Remembered/1e3), "")
	}
}
