package main

import (
	"fmt"
	"os"
	"strings"

	"eventflow/scenarios/invariant"
	"eventflow/scenarios/report"
)

// onGitHub says whether this runs as a step of a GitHub workflow, which turns
// certain lines of its output into annotations of the change that is tested.
func onGitHub() bool { return os.Getenv("GITHUB_ACTIONS") == "true" }

// said is how many findings one annotation repeats: the report has them all.
const said = 3

// annotate tells GitHub of each drill that did not pass: as an error if a claim is
// broken, as a warning if nothing was proved.
func annotate(out *printer, drills []report.Drill) {
	if !onGitHub() {
		return
	}
	for _, d := range drills {
		level := map[invariant.Verdict]string{invariant.Broken: "error", invariant.Invalid: "warning"}[d.Report.Verdict]
		if level == "" {
			continue
		}
		out.line("%s", annotation(level, fmt.Sprintf("%s: %s", d.History.Meta.Scenario, d.Report.Verdict), failings(d.Report)))
	}
}

// failings are the first things that speak against a drill.
func failings(r invariant.Report) string {
	var lines []string
	failed := r.Failed()
	for i, f := range failed {
		if i == said {
			lines = append(lines, fmt.Sprintf("and %d more, in the report", len(failed)-said))
			break
		}
		lines = append(lines, f.Invariant+": "+f.Detail)
	}
	return strings.Join(lines, "\n")
}

// annotateTrials does the same for mutants: one that nobody noticed says that a
// scenario is too weak.
func annotateTrials(out *printer, trials []trial) {
	if !onGitHub() {
		return
	}
	for _, t := range trials {
		level := "error"
		switch t.Fate {
		case killed:
			continue
		case noProof, notPlayed:
			level = "warning"
		}
		out.line("%s", annotation(level, "mutant "+t.Mutant, t.Scenario+": "+t.says()))
	}
}

// annotation is a line as GitHub reads it; what would end it, or its title, is
// written in its own way.
func annotation(level, title, text string) string {
	message := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	return fmt.Sprintf("::%s title=%s::%s", level, property.Replace(title), message.Replace(text))
}
