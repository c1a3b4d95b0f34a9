package report

import (
	"fmt"
	"io"
	"strings"

	"eventflow/scenarios/invariant"
)

// WriteSummary writes summary.md, the page that a CI run shows: a table of all
// drills, then each one that did not pass with its evidence, then the witnesses
// of those that did.
func WriteSummary(w io.Writer, drills []Drill) error {
	var b strings.Builder
	b.WriteString("# EventFlow's drills\n\n")
	b.WriteString(tally(drills) + "\n\n")
	markdownTable(&b, drills)
	for _, d := range drills {
		if d.Report.Verdict != invariant.Pass {
			failure(&b, d)
		}
	}
	witnesses(&b, drills)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

func tally(drills []Drill) string {
	n := map[invariant.Verdict]int{}
	for _, d := range drills {
		n[d.Report.Verdict]++
	}
	return fmt.Sprintf("%d drills: %d pass, %d broken, %d invalid.", len(drills), n[invariant.Pass], n[invariant.Broken], n[invariant.Invalid])
}

func markdownTable(b *strings.Builder, drills []Drill) {
	b.WriteString("| " + strings.ReplaceAll(strings.Join(columns[:], " | "), "*", "\\*") + " |\n")
	b.WriteString("|---|---|" + strings.Repeat("--:|", len(columns)-2) + "\n")
	for _, d := range drills {
		r := rowOf(d)
		r[1] = mark(d.Report.Verdict)
		for i := range r {
			r[i] = cell(r[i])
		}
		b.WriteString("| " + strings.Join(r[:], " | ") + " |\n")
	}
	fmt.Fprintf(b, "\n%s\n", strings.Replace(footnote, "*", "\\*", 1))
}

// mark makes a verdict stand out without colour.
func mark(v invariant.Verdict) string {
	if v == invariant.Pass {
		return string(v)
	}
	return "**" + string(v) + "**"
}

// cell keeps text from ending its cell or its line.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}

func failure(b *strings.Builder, d Drill) {
	fmt.Fprintf(b, "\n## %s: %s\n\n", d.History.Meta.Scenario, d.Report.Verdict)
	fmt.Fprintf(b, "> %s\n\n", cell(d.History.Meta.Claim))
	for _, f := range d.Report.Failed() {
		fmt.Fprintf(b, "- **%s** %s (%s)\n", f.Invariant, cell(inPhase(f)), f.Verdict)
		if len(f.Evidence) > 0 {
			b.WriteString("\n  ```text\n")
			evidence(b, f, len(f.Evidence), "  ")
			b.WriteString("  ```\n")
		}
	}
}

func witnesses(b *strings.Builder, drills []Drill) {
	first := true
	for _, d := range drills {
		if d.Report.Verdict != invariant.Pass {
			continue
		}
		if first {
			b.WriteString("\n<details><summary>Witnesses of the drills that passed</summary>\n")
			first = false
		}
		fmt.Fprintf(b, "\n**%s**: %s\n\n", d.History.Meta.Scenario, cell(d.History.Meta.Claim))
		for _, f := range d.Report.Of(invariant.NonVacuity) {
			fmt.Fprintf(b, "- %s\n", cell(inPhase(f)))
		}
	}
	if !first {
		b.WriteString("\n</details>\n")
	}
}
