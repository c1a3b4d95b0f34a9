package report

import (
	"cmp"
	"encoding/json"
	"html/template"
	"slices"
	"strings"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// judged is one invariant with what was found about it: in full what did not
// hold, and what held.
type judged struct {
	Name    string
	Verdict invariant.Verdict
	Failed  []invariant.Finding
	Held    []invariant.Finding
}

// Rows is how many lines of a table the invariant takes.
func (j judged) Rows() int {
	if j.Folded() {
		return len(j.Failed) + 1
	}
	return len(j.Failed) + len(j.Held)
}

// mostHeld is how many findings that held are shown one by one.
const mostHeld = 3

// Folded says that what held is told as a number, and opened on demand.
func (j judged) Folded() bool {
	return len(j.Held) > mostHeld || j.Witnesses() && len(j.Held) > 0
}

// Witnesses says that what held stands in tables of its own.
func (j judged) Witnesses() bool { return j.Name == invariant.NonVacuity }

// idle says that the judge had nothing to look at, which it tells in its finding's
// first words: that is no violation, and no proof either.
func idle(f invariant.Finding) bool {
	return f.Verdict == invariant.Pass && strings.HasPrefix(f.Detail, "not judged: ")
}

// judgements are the invariants, the broken ones first, then those that leave the
// drill without proof; what was not judged comes last.
func judgements(r invariant.Report) []judged {
	list := make([]judged, 0, len(r.Findings))
	for _, name := range invariants(r) {
		j := judged{Name: name, Verdict: invariant.Pass}
		for _, f := range r.Of(name) {
			j.Verdict = j.Verdict.Merge(f.Verdict)
			if f.Verdict == invariant.Pass {
				j.Held = append(j.Held, f)
			} else {
				j.Failed = append(j.Failed, f)
			}
		}
		slices.SortStableFunc(j.Failed, func(a, b invariant.Finding) int { return cmp.Compare(rank(a.Verdict), rank(b.Verdict)) })
		list = append(list, j)
	}
	slices.SortStableFunc(list, func(a, b judged) int { return cmp.Compare(a.rank(), b.rank()) })
	return list
}

// rank puts the worst first, and what was not judged last.
func (j judged) rank() int {
	if len(j.Failed) == 0 && !slices.ContainsFunc(j.Held, func(f invariant.Finding) bool { return !idle(f) }) {
		return rank(invariant.Pass) + 1
	}
	return rank(j.Verdict)
}

// rank puts the worst verdict first.
func rank(v invariant.Verdict) int {
	return slices.Index([]invariant.Verdict{invariant.Broken, invariant.Invalid, invariant.Pass}, v)
}

// More is how many cases there are beyond those that a finding lists.
func more(f invariant.Finding) int64 {
	return max(f.Counts["violations"], int64(len(f.Evidence))) - int64(len(f.Evidence))
}

// means says what an invariant demands, in a sentence. One that is not known any
// more, as in an old journal's report, is shown by its name alone.
func means(name string) template.HTML {
	for _, info := range invariant.All() {
		if info.Name == name {
			return inBoth(info.EN, info.ES)
		}
	}
	return ""
}

// witness is one proof that the drill did what it is about.
type witness struct {
	Name, Phase   string
	Wanted, Found int64
	Verdict       invariant.Verdict
	Detail        string
}

// witnessesOf are the witnesses of the spec with what was counted of each.
func witnessesOf(m history.Meta, r invariant.Report) []witness {
	var spec struct{ Witnesses []invariant.Witness }
	names := []string{}
	if json.Unmarshal(m.Spec, &spec) == nil {
		for _, w := range spec.Witnesses {
			names = append(names, w.Name)
		}
	}
	var list []witness
	for _, f := range r.Of(invariant.NonVacuity) {
		wanted, counted := f.Counts["needed"]
		if !counted {
			continue
		}
		w := witness{Phase: f.Phase, Wanted: wanted, Found: f.Counts["seen"], Verdict: f.Verdict, Detail: f.Detail}
		// Findings come in the order of the spec; one that does not is told in its own words.
		if i := len(list); i < len(names) && strings.HasPrefix(f.Detail, names[i]) {
			w.Name = names[i]
		}
		list = append(list, w)
	}
	return list
}
