package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A Race is a comparison whose contestants took turns.
type Race struct {
	Name    string   `json:"name"`
	Results []Result `json:"results"`
}

// A Figure is what was measured without a race, such as memory or a count.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// Measured is what one subject, or all of them, had to show.
type Measured struct {
	Races   []Race   `json:"races"`
	Figures []Figure `json:"figures"`
}

// A Report is everything one run has measured, and where.
type Report struct {
	Date     string            `json:"date"`
	Machine  string            `json:"machine"`
	Go       string            `json:"go"`
	Versions map[string]string `json:"versions"`
	Rounds   int               `json:"rounds"`
	Measured
}

func newReport(rounds int) *Report {
	return &Report{
		Date:     time.Now().UTC().Format(time.DateOnly),
		Machine:  fmt.Sprintf("%s, %d cores, %s/%s", cpu(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH),
		Go:       runtime.Version(),
		Versions: versions(),
		Rounds:   rounds,
	}
}

func cpu() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // elsewhere the model stays unknown
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}

// versions returns the peers' and the frameworks' versions.
func versions() map[string]string {
	modules := []string{
		"google.golang.org/grpc", "connectrpc.com/connect", "connectrpc.com/connect/v2", "github.com/golang-jwt/jwt/v5",
	}
	for _, p := range peers {
		modules = append(modules, p.module)
	}
	found := make(map[string]string)
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		for _, module := range modules {
			if dep.Path == module && dep.Replace == nil {
				found[module] = dep.Version
			}
		}
	}
	return found
}

// result returns what a contestant in a race took, or nil if it wasn't run.
func (r *Report) result(race, name string) *Result {
	for i := range r.Races {
		if r.Races[i].Name != race {
			continue
		}
		for j := range r.Races[i].Results {
			if r.Races[i].Results[j].Name == name {
				return &r.Races[i].Results[j]
			}
		}
	}
	return nil
}

func (r *Report) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s, %s\n", r.Date, r.Machine, r.Go)
	fmt.Fprintf(w, "Medians of %d rounds; × is the median of the ratios to the first line, round by round.\n", r.Rounds)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, race := range r.Races {
		reads := slices.ContainsFunc(race.Results, func(r Result) bool { return r.Read > 0 }) // it was measured
		fmt.Fprintf(table, "\n%s\tns\t×\tallocs\tbytes\tread\t\n", race.Name)
		for _, result := range race.Results {
			read := ""
			if reads {
				read = grouped(result.Read)
			}
			fmt.Fprintf(table, "%s\t%s\t%.3g\t%.1f\t%.0f\t%s\t\n", result.Name,
				grouped(result.nanos()), result.times(&race.Results[0]), result.Allocs, result.Bytes, read)
		}
	}
	if len(r.Figures) > 0 {
		fmt.Fprintf(table, "\nfigures\t\t\t\t\t\t\n")
	}
	for _, f := range r.Figures {
		fmt.Fprintf(table, "%s\t%.4g %s\t\t\t\t\t\n", f.Name, f.Value, f.Unit)
	}
	return table.Flush()
}

// figure returns what was measured under a name, or false if it wasn't.
func (r *Report) figure(name string) (Figure, bool) {
	i := slices.IndexFunc(r.Figures, func(f Figure) bool { return f.Name == name })
	if i < 0 {
		return Figure{}, false
	}
	return r.Figures[i], true
}

// grouped writes a number with a space between thousands.
func grouped(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}
