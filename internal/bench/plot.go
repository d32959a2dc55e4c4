package main

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"os"
	"slices"
	"strings"
)

// plotFile draws the results in a file as SVG.
func plotFile(w io.Writer, path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var report Report
	if err := json.Unmarshal(raw, &report); err != nil {
		return err
	}
	panels, err := report.panels()
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, draw(panels, report.footer()))
	return err
}

// A panel is a group of bars with one unit.
type panel struct {
	title string
	unit  float64 // how much a full width is
	bars  []bar
}

type bar struct {
	label, text string
	value       float64
	ours        bool
}

func (r *Report) panels() ([]panel, error) {
	tokens := panel{title: "An access token (RS256, 1.2 kB): time to verify, × its signature alone"}
	calls := panel{title: "A unary call with a token that comes again (16 callers), × no authentication"}
	refusals := panel{title: "A call of 3 MiB without a token, refused over Connect, × connect v1's interceptor"}
	add := func(p *panel, label, race, name, base string) error {
		result, alone := r.result(race, name), r.result(race, base)
		if result == nil || alone == nil {
			return fmt.Errorf("the results lack %s of %q", name, race)
		}
		times := result.times(alone)
		text := fmt.Sprintf("%.3g × · %.2f µs · %.0f allocations", times, result.nanos()/1e3, result.Allocs)
		if p == &refusals {
			text = fmt.Sprintf("%.2g × · %.0f µs · %.0f kB allocated · %.0f kB read",
				times, result.nanos()/1e3, result.Bytes/1e3, result.Read/1e3)
		}
		if p.bars = append(p.bars, bar{label, text, times, strings.HasPrefix(label, ours)}); times > p.unit {
			p.unit = times
		}
		return nil
	}
	for _, p := range peers {
		label := p.name
		if p.name == ours {
			label = ours + ", first sight"
		}
		if err := add(&tokens, label, "RS256, "+neverSeen, p.name, cryptoOnly); err != nil {
			return nil, err
		}
	}
	if err := add(&tokens, ours+", again", "RS256, "+oneToken, ours, cryptoOnly); err != nil {
		return nil, err
	}
	for _, stack := range []struct{ name, race string }{
		{"gRPC", "gRPC, TCP, unary"}, {"connect v2", "Connect v2, h2c, unary"}, {"connect v1", "Connect, h2c, unary"},
	} {
		for _, name := range []string{noAuth, withPeer, ours} {
			if err := add(&calls, name+", "+stack.name, stack.race, name, noAuth); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range []string{"v1", "v1 behind middleware", "v2"} {
		if err := add(&refusals, ours+", "+name, refusing+", 3 MiB", name, "v1"); err != nil {
			return nil, err
		}
	}
	return []panel{tokens, calls, refusals}, nil
}

func (r *Report) footer() []string {
	lines := []string{
		fmt.Sprintf("%s · %s · %s · medians of %d rounds", r.Date, r.Machine, r.Go, r.Rounds),
	}
	var versions []string
	for module, version := range r.Versions {
		versions = append(versions, strings.TrimPrefix(module, "github.com/")+" "+version)
	}
	slices.Sort(versions)
	for chunk := range slices.Chunk(versions, 3) {
		lines = append(lines, strings.Join(chunk, " · "))
	}
	return lines
}

const (
	plotWidth  = 940
	labelWidth = 220
	barWidth   = 380
	lineHeight = 24
)

// draw needs no style sheet and reads well on a light and on a dark page.
func draw(panels []panel, footer []string) string {
	var body strings.Builder
	y := lineHeight
	text := func(x int, anchor, weight, fill, s string) {
		fmt.Fprintf(&body, `<text x="%d" y="%d" text-anchor="%s" font-weight="%s" fill="%s">%s</text>`+"\n",
			x, y, anchor, weight, fill, html.EscapeString(s))
	}
	const ink, faint, plain, accent = "#24292f", "#57606a", "#8c959f", "#0969da"
	for _, p := range panels {
		text(16, "start", "bold", ink, p.title)
		y += lineHeight
		for _, b := range p.bars {
			fill, weight := plain, "normal"
			if b.ours {
				fill, weight = accent, "bold"
			}
			width := max(1, b.value/p.unit*barWidth)
			text(labelWidth, "end", weight, ink, b.label)
			fmt.Fprintf(&body, `<rect x="%d" y="%d" width="%.1f" height="14" fill="%s"/>`+"\n",
				labelWidth+10, y-12, width, fill)
			text(labelWidth+int(width)+18, "start", weight, faint, b.text)
			y += lineHeight
		}
		y += lineHeight / 2
	}
	for _, line := range footer {
		text(16, "start", "normal", faint, line)
		y += lineHeight - 6
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" `+
		`font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="oidcrpc and its peers, measured">`+"\n"+
		`<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n%s</svg>\n", plotWidth, y, body.String())
}
