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
	plotWidth  = 1080
	labelWidth = 320
	barWidth   = 360
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
