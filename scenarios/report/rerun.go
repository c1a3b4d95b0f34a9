package report

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"eventflow/scenarios/history"
)

// Rerun is the command that plays the drill again, from the repository's root.
func Rerun(m history.Meta) string {
	if m.Mutant != "" {
		return "bin/lab mutants " + shell(m.Mutant)
	}
	command := fmt.Sprintf("bin/lab run %s --seed %d", shell(m.Scenario), m.Seed)
	if m.Stack != "" && m.Stack != "native" {
		command += " --stack " + shell(m.Stack)
	}
	if control(m) {
		command += " --no-faults"
	}
	return command
}

// control says whether the faults of the scenario were left out: the spec wants
// faults to have been felt, and the plan has none.
func control(m history.Meta) bool {
	var plan struct {
		Phases []struct {
			Faults, Processes, Tampers []json.RawMessage
		}
	}
	var spec struct{ Witnesses []struct{ Measure string } }
	if json.Unmarshal(m.Plan, &plan) != nil || json.Unmarshal(m.Spec, &spec) != nil {
		return false
	}
	for _, p := range plan.Phases {
		if len(p.Faults)+len(p.Processes)+len(p.Tampers) > 0 {
			return false
		}
	}
	for _, w := range spec.Witnesses {
		if w.Measure == "faults" || w.Measure == "fault_ms" {
			return true
		}
	}
	return false
}

// journalIn is how commands name the journal in a drill's folder. A path that holds
// on this machine only would mislead whoever reads the page elsewhere.
func journalIn(dir string) string {
	if !filepath.IsLocal(dir) {
		return JournalFile
	}
	return filepath.ToSlash(filepath.Join(dir, JournalFile))
}

var harmless = regexp.MustCompile(`^[A-Za-z0-9_./:=@-]+$`)

// shell quotes a word where a shell would take it apart.
func shell(word string) string {
	if harmless.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
