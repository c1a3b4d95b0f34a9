package report

import (
	"slices"
	"strconv"
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// steady is the kinds that were asked for and never failed once the first fault had
// begun.
func steady(h history.History, n invariant.Numbers) []history.Kind {
	if len(h.Faults) == 0 {
		return nil
	}
	return slices.DeleteFunc(kinds(), func(k history.Kind) bool {
		asked := slices.ContainsFunc(n.Service, func(s invariant.Service) bool { return s.Kind == k })
		return !asked || slices.ContainsFunc(n.Trouble, func(t invariant.Trouble) bool { return t.Kind == k })
	})
}

// staleness is how old what the cache showed was, in one phase.
type staleness struct {
	Phase         string
	Reads         int
	P50, P99, Max string // seconds, as the answers said
}

func stalenesses(h history.History) []staleness {
	ages := map[string][]time.Duration{}
	for i := range h.Ops {
		if o := &h.Ops[i]; o.Outcome == history.OK && o.Source == "cache" {
			phase := h.PhaseOf(*o)
			ages[phase] = append(ages[phase], o.Age)
		}
	}
	var list []staleness
	for _, name := range phaseNames(h) {
		if ds := ages[name]; len(ds) > 0 {
			q := func(share float64) string {
				return strconv.FormatFloat(history.Quantile(ds, share).Seconds(), 'f', -1, 64)
			}
			list = append(list, staleness{Phase: name, Reads: len(ds), P50: q(0.5), P99: q(0.99), Max: q(1)})
		}
	}
	return list
}

// phaseNames are the names of the phases, each once, and "" for what fell between
// them.
func phaseNames(h history.History) []string {
	seen := map[string]bool{}
	var list []string
	for _, p := range h.Phases {
		if !seen[p.Name] {
			seen[p.Name] = true
			list = append(list, p.Name)
		}
	}
	return append(list, "")
}
