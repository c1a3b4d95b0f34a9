package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
)

// matrix is every mutant that was played against the scenario that had to notice.
type matrix struct {
	Trials   []trial
	Controls []lab.Result // the scenarios on a sound EventFlow; empty: not played
}

// The matrix in the artifacts' folder.
const (
	matrixTable = "mutants.md"
	matrixData  = "mutants.json"
)

// writeMatrix prints the matrix and writes it beside the drills.
func writeMatrix(m matrix, dir string, out *printer) error {
	out.line("")
	out.line("%s", m.text(out))
	annotateTrials(out, m.Trials)
	data, err := json.MarshalIndent(m.document(), "", "  ")
	if err != nil {
		return fmt.Errorf("encode the matrix: %w", err)
	}
	err = errors.Join(
		os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, matrixData), append(data, '\n'), 0o644),
		os.WriteFile(filepath.Join(dir, matrixTable), []byte(m.markdown()), 0o644),
	)
	if err != nil {
		return fmt.Errorf("write the matrix: %w", err)
	}
	out.line("artifacts: %s", filepath.Join(dir, matrixTable))
	return nil
}

// text is the matrix for a terminal. Colours come after the columns are set, since
// they have no width.
func (m matrix) text(out *printer) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MUTANT\tSCENARIO\tVERDICT\tTIME")
	for _, t := range m.Trials {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.0f s\n", t.Mutant, t.Scenario, t.says(), t.Took.Seconds())
	}
	_ = w.Flush() // into memory
	fmt.Fprintf(&b, "\n%s", m.sentence())
	for _, word := range []string{"SURVIVED", "survived:"} {
		b2 := strings.ReplaceAll(b.String(), word, out.paint(red, word))
		b.Reset()
		b.WriteString(b2)
	}
	return b.String()
}

// sentence is the matrix in one line.
func (m matrix) sentence() string {
	dead := 0
	for _, t := range m.Trials {
		if t.Fate == killed {
			dead++
		}
	}
	text := fmt.Sprintf("%d of %d mutants killed by the anomaly that they name", dead, len(m.Trials))
	if len(m.Controls) == 0 {
		return text + "; their scenarios were not played on a sound EventFlow"
	}
	sound := 0
	for _, r := range m.Controls {
		if r.Report.Verdict == invariant.Pass {
			sound++
		}
	}
	return text + fmt.Sprintf("; %d of %d scenarios pass on a sound EventFlow", sound, len(m.Controls))
}

func (m matrix) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Mutants\n\n%s.\n\n", m.sentence())
	b.WriteString("| | Mutant | Scenario | Must break | Verdict | Evidence | Time |\n|---|---|---|---|---|---|---|\n")
	for _, t := range m.Trials {
		mark := "❌"
		if t.Fate == killed {
			mark = "✅"
		}
		fmt.Fprintf(&b, "| %s | %s (%s) | %s | %s | %s | %s | %.0f s |\n", mark, t.Mutant, t.ID, t.Scenario,
			strings.Join(t.Wanted, " or "), inCell(t.says()), inCell(t.Evidence+t.Error), t.Took.Seconds())
	}
	if len(m.Controls) > 0 {
		b.WriteString("\n## The same scenarios on a sound EventFlow\n\n| Scenario | Verdict |\n|---|---|\n")
		for _, r := range m.Controls {
			fmt.Fprintf(&b, "| %s | %s |\n", r.History.Meta.Scenario, r.Report.Verdict)
		}
	}
	return b.String()
}

// inCell keeps a text within one cell of a table.
func inCell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}

type control struct {
	Scenario string            `json:"scenario"`
	Verdict  invariant.Verdict `json:"verdict"`
	Dir      string            `json:"dir"`
}

func (m matrix) document() any {
	controls := []control{}
	for _, r := range m.Controls {
		controls = append(controls, control{r.History.Meta.Scenario, r.Report.Verdict, r.Dir})
	}
	return map[string]any{"summary": m.sentence(), "mutants": m.Trials, "controls": controls}
}
