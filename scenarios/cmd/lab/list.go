package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"eventflow/scenarios"
	"eventflow/scenarios/lab"
)

func listCommand() *cobra.Command {
	var asJSON, spanish bool
	c := &cobra.Command{
		Use:   "list",
		Short: "the scenarios, each with its claim",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if asJSON {
				enc := json.NewEncoder(c.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(scenarios.All())
			}
			for _, s := range scenarios.All() {
				fmt.Fprintf(c.OutOrStdout(), "%-26s %-5s %3.0fs  %s\n", s.Name, tier(s), s.Duration().Seconds(), claim(s, spanish))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "the whole scenarios as JSON")
	c.Flags().BoolVar(&spanish, "es", false, "claims in Spanish")
	return c
}

// tier says when the scenario is played: for every change, or every night.
func tier(s lab.Scenario) string {
	if s.Gate {
		return "gate"
	}
	return "night"
}

func claim(s lab.Scenario, spanish bool) string {
	if spanish {
		return s.Claim.ES
	}
	return s.Claim.EN
}

// choose finds the scenarios of these names, in the catalogue's order.
func choose(names []string) ([]lab.Scenario, error) {
	wanted := map[string]bool{}
	for _, n := range names {
		wanted[n] = true
	}
	var chosen []lab.Scenario
	for _, s := range scenarios.All() {
		if wanted["all"] || wanted["gate"] && s.Gate || wanted[s.Name] {
			chosen = append(chosen, s)
			delete(wanted, s.Name)
		}
	}
	delete(wanted, "all")
	delete(wanted, "gate")
	for n := range wanted {
		return nil, usage("no scenario is called %q%s; the scenarios are %s", n, didYouMean(n), strings.Join(scenarioNames(), ", "))
	}
	return chosen, nil
}

func scenarioNames() []string {
	var names []string
	for _, s := range scenarios.All() {
		names = append(names, s.Name)
	}
	return names
}

// didYouMean proposes the scenario that shares the longest run of letters with
// the name, if that run is long enough to be more than chance.
func didYouMean(name string) string {
	best, shared := "", 3
	for _, candidate := range scenarioNames() {
		if n := longestShared(name, candidate); n > shared {
			best, shared = candidate, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

func longestShared(a, b string) int {
	longest := 0
	for i := range a {
		for j := i + longest + 1; j <= len(a) && strings.Contains(b, a[i:j]); j++ {
			longest = j - i
		}
	}
	return longest
}

// noArgs refuses arguments where none are taken, as a mistake of usage.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage("lab %s takes no arguments, got %q; see `lab %s --help`", c.Name(), args, c.Name())
}
