package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"eventflow/scenarios/lab"
	"eventflow/scenarios/mutants"
)

type mutantFlags struct {
	stack     string
	artifacts string
	gate      bool
	control   bool
	list      bool
	asJSON    bool
	spanish   bool
}

func mutantsCommand() *cobra.Command {
	var f mutantFlags
	c := &cobra.Command{
		Use:   "mutants [NAME...]",
		Short: "plant known bugs in EventFlow, one at a time, and see whether the drills notice",
		Long: "mutants builds EventFlow with one bug planted, plays the scenario that must notice it, and wants the named invariant broken. " +
			"A mutant that survives says that a scenario is too weak. Without names all of them are played, and every scenario once on a sound EventFlow.",
		Example:           "  lab mutants --list\n  lab mutants no-confirms ack-before-commit\n  lab mutants --gate",
		ValidArgsFunction: completeMutants,
		RunE: func(c *cobra.Command, names []string) error {
			if !c.Flags().Changed("control") {
				f.control = len(names) == 0
			}
			chosen, err := chooseMutants(names, f.gate)
			if err != nil {
				return err
			}
			if f.list {
				return listMutants(c, chosen, f)
			}
			return playMutants(c, chosen, f)
		},
	}
	c.Flags().StringVar(&f.stack, "stack", onNative, "native or docker: where EventFlow is built with the bug and runs")
	c.Flags().StringVar(&f.artifacts, "artifacts", "artifacts", "folder for journals, reports, mutants.md and mutants.json")
	c.Flags().BoolVar(&f.gate, "gate", false, "only those that every change has to kill")
	c.Flags().BoolVar(&f.control, "control", false, "play their scenarios on a sound EventFlow too; they must pass (default: if no mutant is named)")
	c.Flags().BoolVar(&f.list, "list", false, "say what the bugs are and what each teaches; play nothing")
	c.Flags().BoolVar(&f.asJSON, "json", false, "with --list: as JSON, with the edits and with the bugs that are left out")
	c.Flags().BoolVar(&f.spanish, "es", false, "lessons in Spanish")
	return c
}

func completeMutants(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, m := range mutants.All() {
		names = append(names, m.Name+"\t"+m.Lesson.EN)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// chooseMutants finds the mutants of these names or numbers; no name: all.
func chooseMutants(names []string, gate bool) ([]mutants.Mutant, error) {
	for _, n := range names {
		if _, err := findMutant(n); err != nil {
			return nil, err
		}
	}
	var chosen []mutants.Mutant
	for _, m := range mutants.All() {
		named := len(names) == 0 || slices.Contains(names, m.Name) || slices.Contains(names, m.ID)
		if named && (m.Gate || !gate) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return nil, usage("none of these mutants belongs to the gate; leave out --gate")
	}
	return chosen, nil
}

func findMutant(name string) (mutants.Mutant, error) {
	if m, ok := mutants.Find(name); ok {
		return m, nil
	}
	var names []string
	for _, m := range mutants.All() {
		names = append(names, m.Name)
	}
	return mutants.Mutant{}, usage("no mutant is called %q; the mutants are %s", name, strings.Join(names, ", "))
}

func listMutants(c *cobra.Command, chosen []mutants.Mutant, f mutantFlags) error {
	if f.asJSON {
		return writeJSON(c, map[string]any{"mutants": chosen, "left_out": mutants.Excluded()})
	}
	out := newPrinter(c)
	for _, m := range chosen {
		out.line("%-4s %s", m.ID, out.paint(bold, m.Name))
		out.line("     %s", lesson(m, f.spanish))
		out.line("     must be noticed by %s: %s", m.Scenario, strings.Join(m.Anomaly, " or "))
	}
	return nil
}

func lesson(m mutants.Mutant, spanish bool) string {
	if spanish {
		return m.Lesson.ES
	}
	return m.Lesson.EN
}

// drillFor is the scenario that must notice the mutant.
func drillFor(m mutants.Mutant) (lab.Scenario, error) {
	chosen, err := choose([]string{m.Scenario})
	if err != nil {
		return lab.Scenario{}, fmt.Errorf("mutant %s: %w", m.Name, err)
	}
	return chosen[0], nil
}
