package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/machine"
	"eventflow/scenarios/report"
	"eventflow/toxiproxy/topology"
)

type runFlags struct {
	stackFlags
	artifacts string
	seed      uint64
	noFaults  bool
	again     int
}

func runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run SCENARIO... | gate | all",
		Short: "play scenarios and judge them; the exit code is the verdict",
		Example: "  lab run gate   # what every change has to pass\n  lab run all\n  lab run postgres-cut redis-cut --seed 7\n" +
			"  lab run postgres-cut --stack docker    # on containers of its own\n" +
			"  lab run postgres-cut --stack running   # on the stack that `lab up` or `docker compose up` started\n" +
			"  lab run postgres-cut --shop http://shop.test:8888 --toxiproxy ...   # on any other",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("lab run needs a scenario, `gate` or `all`; the scenarios are %s", strings.Join(scenarioNames(), ", "))
			}
			return nil
		},
		RunE: func(c *cobra.Command, names []string) error {
			if err := f.settle(c); err != nil {
				return err
			}
			return playAll(c, names, f)
		},
	}
	f.stackFlags.register(c)
	c.Flags().StringVar(&f.artifacts, "artifacts", "artifacts", "folder for journals, reports and logs")
	c.Flags().Uint64Var(&f.seed, "seed", 0, "seed of every random choice (0: each scenario's own)")
	c.Flags().IntVar(&f.again, "again", 0, "how often a drill that proved nothing is played again; a broken one never is")
	c.Flags().BoolVar(&f.noFaults, "no-faults", false, "control run: the same sale on whole links; scenarios must then turn invalid")
	return c
}

// playAll plays the scenarios one after the other. Those that need the same
// EventFlow share a stack. A broken claim does not stop the others; a drill that
// could not be carried out does, since the next would meet the same stack.
func playAll(c *cobra.Command, names []string, f runFlags) error {
	ctx, out := c.Context(), newPrinter(c)
	chosen, err := choose(names)
	if err != nil {
		return err
	}
	if chosen, err = playable(chosen, names, f.kind, out); err != nil {
		return err
	}
	for i := range chosen {
		chosen[i] = prepare(chosen[i], f) // first: a control run needs another EventFlow
	}
	var results []lab.Result
	for _, group := range byNeeds(chosen) {
		played, err := playGroup(ctx, group, f, out)
		results = append(results, played...)
		if err != nil {
			return errors.Join(err, conclude(results, f, out))
		}
	}
	if err := conclude(results, f, out); err != nil {
		return err
	}
	return verdictError(merged(results))
}

// playable leaves out what a stack that is up already cannot play: scenarios that
// want EventFlow set up otherwise, or break services. Asked for by name, they are
// a mistake.
func playable(chosen []lab.Scenario, names []string, kind string, out *printer) ([]lab.Scenario, error) {
	if kind != onRunning {
		return chosen, nil
	}
	var left []lab.Scenario
	for _, s := range chosen {
		switch why := s.OwnStack(); {
		case why == "":
			left = append(left, s)
		case slices.Contains(names, s.Name):
			return nil, usage("%s needs a stack of its own: %s; play it without --stack running", s.Name, why)
		default:
			out.line("%s is left out: %s", s.Name, why)
		}
	}
	return left, nil
}

// byNeeds puts scenarios that need the same EventFlow together, in the order in
// which each kind first appears.
func byNeeds(chosen []lab.Scenario) (groups [][]lab.Scenario) {
	place := map[string]int{}
	for _, s := range chosen {
		key := fmt.Sprintf("%v", s.Needs) // maps print in the order of their keys
		i, seen := place[key]
		if !seen {
			i, place[key] = len(groups), len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], s)
	}
	return groups
}

// playGroup brings up the EventFlow that the scenarios need, and plays them on it.
func playGroup(ctx context.Context, group []lab.Scenario, f runFlags, out *printer) (results []lab.Result, err error) {
	bench, err := f.stackFlags.open(ctx, group[0].Needs, out)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bench.close(ctx)) }()
	l := bench.lab(f.artifacts, out)
	for _, s := range group {
		res, err := playUntilProved(ctx, l, s, f.again, out)
		if res.Report.Verdict != "" {
			results = append(results, res)
		}
		if err != nil {
			return results, fmt.Errorf("scenario %s could not be carried out: %w", s.Name, err)
		}
	}
	return results, nil
}

func prepare(s lab.Scenario, f runFlags) lab.Scenario {
	if f.seed != 0 {
		s.Sale.Seed = f.seed
	}
	if f.noFaults {
		return s.WithoutFaults()
	}
	return s
}

// playUntilProved plays the scenario again while its drill is invalid, at most so
// often, and says so: a machine that stood still has refuted nothing and proved
// nothing. A broken claim is never played again, and every drill keeps its
// artifacts.
func playUntilProved(ctx context.Context, l *lab.Lab, s lab.Scenario, again int, out *printer) (lab.Result, error) {
	for {
		res, err := playOne(ctx, l, s, out)
		if err != nil || res.Report.Verdict != invariant.Invalid || again <= 0 {
			return res, err
		}
		again--
		out.line("  it proved nothing: playing it again")
	}
}

func playOne(ctx context.Context, l *lab.Lab, s lab.Scenario, out *printer) (lab.Result, error) {
	out.scenario(s)
	began := time.Now()
	res, err := l.Run(ctx, s)
	out.verdict(res, time.Since(began), err)
	if err != nil && ctx.Err() == nil {
		err = environment(err)
	}
	return res, err
}

// conclude writes what covers all drills of this run and prints the table.
func conclude(results []lab.Result, f runFlags, out *printer) error {
	if len(results) == 0 {
		return nil
	}
	var drills []report.Drill
	for _, r := range results {
		drills = append(drills, report.Drill{History: r.History, Report: r.Report, Dir: r.Dir})
	}
	out.table(drills)
	annotate(out, drills)
	if err := report.WriteRun(f.artifacts, drills); err != nil {
		return fmt.Errorf("write reports of the run: %w", err)
	}
	out.line("artifacts: %s", filepath.Join(f.artifacts, report.SummaryFile))
	return nil
}

func merged(results []lab.Result) invariant.Verdict {
	v := invariant.Pass
	for _, r := range results {
		v = v.Merge(r.Report.Verdict)
	}
	return v
}

// lab is the engine on this bench's stack.
func (b *bench) lab(artifacts string, out *printer) *lab.Lab {
	return &lab.Lab{
		Map: topology.EventFlow(), Endpoints: b.endpoints, Artifacts: artifacts,
		Watch: out.event, Logs: b.logs, Exits: b.exits, Restart: b.restart, Processes: b.processes, Machine: b.meter(),
	}
}

// meter tells the drill's own work from other people's, where the system lets it.
func (b *bench) meter() *machine.Meter {
	if b.owners == nil {
		return nil
	}
	m, err := machine.NewMeter(b.owners)
	if err != nil {
		return nil // a drill without it is as good, on a machine without other work
	}
	return m
}
