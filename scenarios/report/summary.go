package report

import (
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"eventflow/scenarios/invariant"
)

// mostSummary is how long a summary may get, in bytes. A CI service takes 1 MiB a
// step, and nobody reads a twentieth of that.
const mostSummary = 60 << 10

// WriteSummary writes summary.md, the page that a CI run shows: a table of all
// drills, then each one that did not pass with its evidence, its files and the
// command that plays it again, then the witnesses of those that did. Links are
// relative to the folder that the drills' folders lie in.
func WriteSummary(w io.Writer, drills []Drill) error {
	var b strings.Builder
	b.WriteString("### EventFlow's drills\n\n")
	b.WriteString(tally(drills) + "\n\n")
	markdownTable(&b, drills)
	left := 0
	for _, d := range drills {
		if d.Report.Verdict == invariant.Pass {
			continue
		}
		var one strings.Builder
		failure(&one, d)
		if b.Len()+one.Len() > mostSummary {
			left++
			continue
		}
		b.WriteString(one.String())
	}
	if left > 0 {
		fmt.Fprintf(&b, "\n%d more did not pass; the reports have them.\n", left)
	}
	if proof := witnesses(drills); b.Len()+len(proof) <= mostSummary {
		b.WriteString(proof)
	}
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
		r[0] = linked(d, r[0], PageFile)
		if d.History.Meta.Mutant != "" {
			r[0] += " (planted bug: " + cell(d.History.Meta.Mutant) + ")"
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

// linked makes text a link to a file of the drill, if the drill has a folder.
func linked(d Drill, text, file string) string {
	if d.Dir == "" {
		return text
	}
	return fmt.Sprintf("[%s](%s)", text, (&url.URL{Path: "./" + filepath.Base(d.Dir) + "/" + file}).String())
}

// cell keeps text from ending its cell or its line, and from being taken for HTML.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;").Replace(text)
}

func failure(b *strings.Builder, d Drill) {
	m := d.History.Meta
	fmt.Fprintf(b, "\n#### %s: %s\n\n", cell(m.Scenario), d.Report.Verdict)
	fmt.Fprintf(b, "> %s\n\n", cell(m.Claim))
	if m.Mutant != "" {
		fmt.Fprintf(b, "A bug was planted in EventFlow on purpose: **%s**.\n\n", cell(m.Mutant))
	}
	for _, f := range d.Report.Failed() {
		fmt.Fprintf(b, "- **%s** %s (%s)\n", f.Invariant, cell(inPhase(f)), f.Verdict)
		if len(f.Evidence) > 0 {
			var cases strings.Builder
			evidence(&cases, f, len(f.Evidence), "  ")
			fence := fenceFor(cases.String())
			fmt.Fprintf(b, "\n  %stext\n%s  %s\n", fence, cases.String(), fence)
		}
	}
	again(b, d)
}

// again says how to play the drill again, and where its files are.
func again(b *strings.Builder, d Drill) {
	fmt.Fprintf(b, "\nAgain: `%s`", strings.ReplaceAll(Rerun(d.History.Meta), "`", "'"))
	if d.Dir != "" {
		var files []string
		for _, name := range []string{PageFile, JournalFile, WhyFile, ResultFile} {
			files = append(files, linked(d, name, name))
		}
		fmt.Fprintf(b, " · Files: %s in `%s`", strings.Join(files, ", "), filepath.Base(d.Dir))
	}
	b.WriteString("\n")
}

// fenceFor is a fence that no line of the text can close.
func fenceFor(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence
}

// witnesses are those of the drills that passed, folded away.
func witnesses(drills []Drill) string {
	var b strings.Builder
	for _, d := range drills {
		if d.Report.Verdict != invariant.Pass {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("\n<details><summary>Witnesses of the drills that passed</summary>\n")
		}
		fmt.Fprintf(&b, "\n**%s**: %s\n\n", cell(d.History.Meta.Scenario), cell(d.History.Meta.Claim))
		for _, f := range d.Report.Of(invariant.NonVacuity) {
			fmt.Fprintf(&b, "- %s\n", cell(inPhase(f)))
		}
	}
	if b.Len() > 0 {
		b.WriteString("\n</details>\n")
	}
	return b.String()
}
