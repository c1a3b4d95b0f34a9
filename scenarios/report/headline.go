package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"eventflow/scenarios/invariant"
)

// headline is the verdict in a sentence.
func headline(w words, r invariant.Report) (template.HTML, error) {
	var b strings.Builder
	var err error
	say := func(before, key string, pairs ...any) {
		text, e := w.both(key, pairs...)
		if err == nil {
			err = e
		}
		b.WriteString(before + string(text))
	}
	n := r.Numbers
	if r.Verdict == invariant.Invalid {
		if failed := r.Failed(); len(failed) > 0 {
			why := fmt.Sprintf(`<span lang="en">%s</span>`, template.HTMLEscapeString(strings.TrimSuffix(inPhase(failed[0]), ".")))
			say("", "head.because", "why", template.HTML(why))
			b.WriteString(" ")
		}
	}
	say("", "head.accepted", "n", n.Accepted)
	if n.Audited {
		say(", ", "head.persisted", "n", n.Persisted)
		say(", ", "head.lost", "n", n.Lost)
		say(", ", "head.twice", "n", n.Duplicated)
	} else {
		say(", ", "head.unread")
	}
	b.WriteString(".")
	if names := brokenNames(r); len(names) > 0 {
		say(" ", "head.failed", "names", strings.Join(names, ", "))
	}
	return template.HTML(b.String()), err
}

// brokenNames are the invariants that were broken, each once.
func brokenNames(r invariant.Report) []string {
	var names []string
	for _, f := range r.Findings {
		if f.Verdict == invariant.Broken && !slices.Contains(names, f.Invariant) {
			names = append(names, f.Invariant)
		}
	}
	return names
}

// tile is a figure with its name.
type tile struct {
	Key   string
	Value string
	Unit  string
	Bad   bool // it should be zero, and is not
	Dim   bool // not known
}

func tiles(n invariant.Numbers) []tile {
	audited := func(key string, v int, zero bool) tile {
		if !n.Audited {
			return tile{Key: key, Value: "–", Dim: true}
		}
		return tile{Key: key, Value: grouped(v), Bad: zero && v > 0}
	}
	list := []tile{
		{Key: "accepted", Value: grouped(n.Accepted)}, {Key: "fault", Value: grouped(n.AcceptedFault)},
		audited("persisted", n.Persisted, false), audited("lost", n.Lost, true), audited("twice", n.Duplicated, true), audited("phantoms", n.Phantoms, true),
		audited("confirmed", n.Confirmed, false), audited("rejected", n.Rejected, false),
		audited("unknown", n.UnknownPurchases, false), audited("recovered", n.Recovered, false),
		{Key: "queued", Value: "–", Dim: true}, {Key: "recovery", Value: "–", Dim: true},
	}
	if n.QueuedPeak != nil {
		list[10] = tile{Key: "queued", Value: grouped(*n.QueuedPeak)}
	}
	if n.RecoveryMS != nil {
		list[11] = tile{Key: "recovery", Value: fmt.Sprintf("%.2f", *n.RecoveryMS/1000), Unit: "s"}
	}
	return list
}
