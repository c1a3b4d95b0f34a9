package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"eventflow/scenarios/invariant"
)

// sayer puts sentences together and keeps the first error.
type sayer struct {
	words words
	text  strings.Builder
	err   error
}

func (s *sayer) say(before, key string, pairs ...any) {
	text, err := s.words.both(key, pairs...)
	if s.err == nil {
		s.err = err
	}
	s.text.WriteString(before + string(text))
}

// headline is the verdict in a sentence. Of a drill that proves nothing the figures
// are no headline: see reason.
func headline(w words, r invariant.Report) (template.HTML, error) {
	s := sayer{words: w}
	if r.Verdict == invariant.Invalid {
		s.say("", "head.nothing")
		return template.HTML(s.text.String()), s.err
	}
	s.account(r.Numbers)
	if names := brokenNames(r); len(names) > 0 {
		s.say(" ", "head.failed", "names", strings.Join(names, ", "))
	}
	return template.HTML(s.text.String()), s.err
}

// account says what became of the purchases.
func (s *sayer) account(n invariant.Numbers) {
	s.say("", "head.accepted", "n", n.Accepted)
	if n.Audited {
		s.say(", ", "head.persisted", "n", n.Persisted)
		s.say(", ", "head.lost", "n", n.Lost)
		s.say(", ", "head.twice", "n", n.Duplicated)
	} else {
		s.say(", ", "head.unread")
	}
	s.text.WriteString(".")
}

// reason says why a drill proves nothing, and what was counted all the same; empty
// for one that proved something.
func reason(w words, r invariant.Report) (template.HTML, error) {
	failed := r.Failed()
	if r.Verdict != invariant.Invalid || len(failed) == 0 {
		return "", nil
	}
	s := sayer{words: w}
	why := fmt.Sprintf(`<b>%s</b> <span lang="en">%s</span>`, template.HTMLEscapeString(failed[0].Invariant), template.HTMLEscapeString(strings.TrimSuffix(inPhase(failed[0]), ".")))
	s.say("", "head.because", "why", template.HTML(why))
	if len(failed) > 1 {
		s.say(" ", "head.others", "n", len(failed)-1)
	}
	s.text.WriteString(" ")
	s.account(r.Numbers)
	return template.HTML(s.text.String()), s.err
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
