package main

import (
	"fmt"
	"strings"
)

// panels returns what the plot shows, or an error if the results lack some of it.
func (r *Report) panels() ([]panel, error) {
	var all []panel
	for _, make := range []func() (panel, error){
		r.tokenPanel, r.corePanel, r.issuerPanel, r.callPanel, r.streamPanel, r.idlePanel, r.refusalPanel,
	} {
		p, err := make()
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// A row is one bar in a panel: a contestant in a race, compared with another.
type row struct{ label, race, name, base string }

// timesPanel compares the times that contestants took.
func (r *Report) timesPanel(title string, rows []row, text func(times float64, result *Result) string) (panel, error) {
	p := panel{title: title}
	for _, row := range rows {
		result, base := r.result(row.race, row.name), r.result(row.race, row.base)
		if result == nil || base == nil {
			return p, fmt.Errorf("the results lack %s of %q", row.name, row.race)
		}
		times := result.times(base)
		p.add(row.label, text(times, result), times)
	}
	return p, nil
}

func (p *panel) add(label, text string, value float64) {
	p.bars = append(p.bars, bar{label, text, value, strings.HasPrefix(label, ours)})
	p.unit = max(p.unit, value)
}

func timeText(times float64, result *Result) string {
	return fmt.Sprintf("%.3g × · %.2f µs · %.0f allocations", times, result.nanos()/1e3, result.Allocs)
}

func (r *Report) tokenPanel() (panel, error) {
	var rows []row
	for _, p := range peers {
		label := p.name
		if p.name == ours {
			label = ours + ", first sight"
		}
		rows = append(rows, row{label, "RS256, " + neverSeen, p.name, cryptoOnly})
	}
	rows = append(rows, row{ours + ", again", "RS256, " + oneToken, ours, cryptoOnly})
	return r.timesPanel("An access token (RS256, 1.2 kB): time to verify, × its signature alone", rows, timeText)
}

// corePanel shows how many times more is done on two cores than on one.
func (r *Report) corePanel() (panel, error) {
	p := panel{title: "What two cores do, × one core"}
	for _, row := range []struct{ label, name string }{
		{cryptoOnly, cryptoOnly},
		{ours + ", one token again", oneToken},
		{ours + ", 5000 tokens again", manyTokens},
	} {
		alone, both := r.result(scaling, row.name), r.result(scaling, row.name+parallel)
		if alone == nil || both == nil {
			return p, fmt.Errorf("the results lack %s of %q", row.name, scaling)
		}
		times := alone.times(both)
		p.add(row.label, fmt.Sprintf("%.3g × · %.2f µs", times, both.nanos()/1e3), times)
	}
	return p, nil
}

func (r *Report) issuerPanel() (panel, error) {
	var rows []row
	for _, c := range crowds {
		rows = append(rows, row{ours + ", " + c.name, issuers + ", " + manyTokens, c.name, crowds[0].name})
	}
	return r.timesPanel("5000 tokens again, from many issuers in turn, × one issuer", rows, timeText)
}

func (r *Report) callPanel() (panel, error) {
	var rows []row
	for _, stack := range []struct{ name, race string }{
		{"gRPC", "gRPC, TCP, unary"}, {"connect v2", "Connect v2, h2c, unary"}, {"connect v1", "Connect, h2c, unary"},
	} {
		for _, name := range []string{noAuth, withPeer, ours} {
			rows = append(rows, row{name + ", " + stack.name, stack.race, name, noAuth})
		}
	}
	return r.timesPanel("A unary call with a token that comes again (16 callers), × no authentication", rows, timeText)
}

func (r *Report) streamPanel() (panel, error) {
	var rows []row
	for _, s := range stacks {
		for _, u := range uploads {
			rows = append(rows, row{ours + ", " + s.name + ", " + u.name, uploading + s.name + ", " + u.name, ours, noAuth})
		}
	}
	return r.timesPanel("A message received in a stream that ends with its token, × no authentication", rows, timeText)
}

func (r *Report) idlePanel() (panel, error) {
	p := panel{title: "Memory of a stream that nothing happens on, × no authentication"}
	for _, s := range stacks {
		for _, kind := range []string{"server stream", "bidi stream"} {
			name := "idle " + kind + " over " + s.name
			guarded, hasGuarded := r.figure(name + ", guarded")
			times, hasTimes := r.figure(name + ", guarded over " + noAuth)
			if !hasGuarded || !hasTimes {
				return p, fmt.Errorf("the results lack %q", name)
			}
			p.add(ours+", "+s.name+", "+kind, fmt.Sprintf("%.3g × · %.1f kB", times.Value, guarded.Value/1e3), times.Value)
		}
	}
	return p, nil
}

func (r *Report) refusalPanel() (panel, error) {
	var rows []row
	for _, name := range []string{"v1", "v1 behind middleware", "v2"} {
		rows = append(rows, row{ours + ", " + name, refusing + ", 3 MiB", name, "v1"})
	}
	title := "A call of 3 MiB without a token, refused over Connect, × connect v1's interceptor"
	return r.timesPanel(title, rows, func(times float64, result *Result) string {
		return fmt.Sprintf("%.2g × · %.0f µs · %.0f kB allocated · %.0f kB read",
			times, result.nanos()/1e3, result.Bytes/1e3, result.Read/1e3)
	})
}
