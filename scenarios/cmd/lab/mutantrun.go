package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/mutants"
)

// mutantDrain is how long a mutant may take to become quiet. One that loses
// purchases never is, and a sound EventFlow needs a tenth of it.
const mutantDrain = 15 * time.Second

// fate is what became of a mutant.
type fate string

const (
	killed    fate = "killed"     // by an invariant that it names
	survived  fate = "SURVIVED"   // nothing was noticed
	elsewhere fate = "other"      // something else was noticed: as bad as nothing, since the scenario does not see this bug
	noProof   fate = "no proof"   // the drill proved nothing
	notPlayed fate = "not played" // the drill could not be carried out
)

// trial is one mutant with its drill.
type trial struct {
	Mutant   string        `json:"mutant"`
	ID       string        `json:"id"`
	Scenario string        `json:"scenario"`
	Wanted   []string      `json:"wanted"` // at least one of these invariants broken
	Fate     fate          `json:"fate"`
	Broken   []string      `json:"broken,omitempty"` // the invariants that were broken
	Evidence string        `json:"evidence,omitempty"`
	Again    bool          `json:"again,omitempty"` // played twice: the first drill proved nothing
	Took     time.Duration `json:"took_ns"`
	Dir      string        `json:"dir,omitempty"`
	Error    string        `json:"error,omitempty"`
}

// playMutants plays each mutant on a stack of its own and prints the matrix.
func playMutants(c *cobra.Command, chosen []mutants.Mutant, f mutantFlags) error {
	if err := knownKind(f.stack); err != nil {
		return err
	}
	if f.stack == onRunning {
		return usage("mutants are built from source: they run on a stack of their own, --stack native or docker, and not on one that is up")
	}
	ctx, out := c.Context(), newPrinter(c)
	controls, err := playControls(ctx, chosen, f, out)
	if err != nil {
		return err
	}
	var trials []trial
	for i, m := range chosen {
		out.line("\n%d of %d  %s (%s)\n  %s", i+1, len(chosen), out.paint(bold, m.Name), m.ID, lesson(m, f.spanish))
		t := try(ctx, m, f, out)
		trials = append(trials, t)
		out.line("  %s", t.row(out))
		if ctx.Err() != nil {
			break
		}
	}
	if err := writeMatrix(matrix{Trials: trials, Controls: controls}, f.artifacts, out); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return verdictError(merged(controls).Merge(fateOf(trials)))
}

// playControls plays the mutants' scenarios on EventFlow as it is: a scenario that
// fails there kills every mutant, and proves nothing by it.
func playControls(ctx context.Context, chosen []mutants.Mutant, f mutantFlags, out *printer) ([]lab.Result, error) {
	if !f.control {
		return nil, nil
	}
	var names []string
	for _, m := range chosen {
		names = append(names, m.Scenario)
	}
	sound, err := choose(names)
	if err != nil {
		return nil, err
	}
	out.line("first the scenarios on a sound EventFlow: %d drills", len(sound))
	var results []lab.Result
	for _, group := range byNeeds(sound) {
		played, err := playGroup(ctx, group, runFlags{stackFlags: stackFlags{kind: f.stack}, artifacts: f.artifacts, again: 1}, out)
		results = append(results, played...)
		if err != nil {
			return results, err
		}
	}
	return results, nil
}

// try plays a mutant, once more if its drill proved nothing.
func try(ctx context.Context, m mutants.Mutant, f mutantFlags, out *printer) trial {
	t := tryOnce(ctx, m, f, out)
	if (t.Fate == noProof || t.Fate == notPlayed) && ctx.Err() == nil {
		out.line("  %s; it is played once more", t.row(out))
		t = tryOnce(ctx, m, f, out)
		t.Again = true
	}
	return t
}

func tryOnce(ctx context.Context, m mutants.Mutant, f mutantFlags, out *printer) trial {
	began := time.Now()
	t := trial{Mutant: m.Name, ID: m.ID, Scenario: m.Scenario, Wanted: m.Anomaly, Fate: notPlayed}
	res, err := playMutant(ctx, m, f, out)
	t.Took, t.Dir = time.Since(began), res.Dir
	if err != nil {
		t.Error = err.Error()
	}
	if res.Report.Verdict != "" {
		t.judge(res.Report)
	}
	return t
}

func playMutant(ctx context.Context, m mutants.Mutant, f mutantFlags, out *printer) (res lab.Result, err error) {
	s, err := drillFor(m)
	if err != nil {
		return res, err
	}
	out.move("  building and starting EventFlow with the bug")
	bench, err := raise(ctx, f.stack, plan{needs: s.Needs.With(m.Needs), mutant: m.Name}, out)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, bench.close(ctx)) }()
	l := bench.lab(f.artifacts, out)
	l.DrainFor = mutantDrain
	l.Watch = func(e lab.Event) { out.move(fmt.Sprintf("  %5.1f s  %-9s %s", e.Elapsed.Seconds(), e.Step, e.Text)) }
	return l.Run(ctx, s)
}

// judge compares what was found with what the mutant has to be found by.
func (t *trial) judge(r invariant.Report) {
	for _, f := range r.Failed() {
		if f.Verdict != invariant.Broken || slices.Contains(t.Broken, f.Invariant) {
			continue
		}
		t.Broken = append(t.Broken, f.Invariant)
		if slices.Contains(t.Wanted, f.Invariant) && t.Evidence == "" {
			t.Evidence = f.Invariant + ": " + f.Detail
		}
	}
	switch {
	case t.Evidence != "":
		t.Fate = killed
	case len(t.Broken) > 0:
		t.Fate = elsewhere
	case r.Verdict == invariant.Pass:
		t.Fate = survived
	default:
		t.Fate = noProof
		t.Error = strings.TrimSpace(t.Error + " " + why(r))
	}
}

// why is the first thing that kept a drill from proving anything.
func why(r invariant.Report) string {
	for _, f := range r.Failed() {
		return f.Invariant + ": " + f.Detail
	}
	return ""
}

// row is the trial in one line.
func (t trial) row(out *printer) string {
	colour := map[fate]string{killed: green, survived: red, elsewhere: red}[t.Fate]
	if colour == "" {
		colour = yellow
	}
	text := fmt.Sprintf("%s · %s · %s · %.0f s", t.Mutant, t.Scenario, out.paint(colour, t.says()), t.Took.Seconds())
	for _, more := range []string{t.Evidence, t.Error} {
		if more != "" {
			text += "\n    " + strings.ReplaceAll(more, "\n", "\n    ")
		}
	}
	return text
}

// says is the trial's fate in words.
func (t trial) says() string {
	switch t.Fate {
	case killed:
		return "killed by " + strings.Join(wanted(t.Broken, t.Wanted), ", ")
	case elsewhere:
		return fmt.Sprintf("survived: %s broken, not %s", strings.Join(t.Broken, ", "), strings.Join(t.Wanted, " or "))
	case survived:
		return "SURVIVED"
	case noProof:
		return "invalid: the drill proved nothing"
	}
	return "not carried out"
}

func wanted(broken, wanted []string) []string {
	return slices.DeleteFunc(slices.Clone(broken), func(b string) bool { return !slices.Contains(wanted, b) })
}

// fateOf is what all trials together are worth: one survivor is a broken test.
func fateOf(trials []trial) invariant.Verdict {
	v := invariant.Pass
	for _, t := range trials {
		switch t.Fate {
		case killed:
		case survived, elsewhere:
			v = v.Merge(invariant.Broken)
		default:
			v = v.Merge(invariant.Invalid)
		}
	}
	return v
}
