// Command bench races this library against its peers, on tokens and in calls. It prints
// the ratios: to the cryptography that every verifier needs, and to calls without
// authentication.
//
//	go run . [-rounds 6] [-run REGEXP] [-o results.json]
//	go run . -plot results.json > plot.svg
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"

	"github.com/oidcrpc/oidcrpc/verifier/verifiertest"
)

func main() {
	rounds := flag.Int("rounds", 6, "how many `rounds` to run; what is printed are their medians")
	only := flag.String("run", "", "run only the races whose name matches this `regexp`")
	output := flag.String("o", "", "write what was measured to this `file`, too")
	plot := flag.String("plot", "", "measure nothing; plot the results in this `file` to standard output, as SVG")
	flag.Parse()
	var err error
	if *plot != "" {
		err = plotFile(os.Stdout, *plot)
	} else {
		err = run(*rounds, *only, *output)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// subjects are what is measured, in the order of the report. Each measures only what want asks
// for by name.
var subjects = []func(issuer *verifiertest.Issuer, want func(name string) bool, rounds int) (Measured, error){
	races(verifyRaces),
	races(scalingRace),
	races(issuersRaces),
	races(revocationRaces),
	races(echoRaces),
	races(refuseRaces),
	races(refuseH2CRaces),
	races(refusalRaces),
	races(proofRaces),
	races(policyRaces),
	races(uploadRaces),
	idleStreamFigures,
	expireRaces,
	rememberedBytes,
	cacheHits,
	tenantBytes,
	addedBytes,
}

// races makes a subject of one that measures nothing but races.
func races(
	run func(*verifiertest.Issuer, func(string) bool, int) ([]Race, error),
) func(*verifiertest.Issuer, func(string) bool, int) (Measured, error) {
	return func(issuer *verifiertest.Issuer, want func(string) bool, rounds int) (Measured, error) {
		races, err := run(issuer, want, rounds)
		return Measured{Races: races}, err
	}
}

func run(rounds int, only, output string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	issuer := verifiertest.NewIssuer(verifiertest.WithAlgorithms(algorithms...))
	report := newReport(rounds)
	for _, subject := range subjects {
		measured, err := subject(issuer, pattern.MatchString, rounds)
		if err != nil {
			return err
		}
		report.Races = append(report.Races, measured.Races...)
		report.Figures = append(report.Figures, measured.Figures...)
	}
	if err := report.print(os.Stdout); err != nil {
		return err
	}
	if output == "" {
		return nil
	}
	raw, err := json.MarshalIndent(report, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(output, append(raw, '\n'), 0o644)
}
