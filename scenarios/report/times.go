package report

import (
	"strconv"
	"time"

	"eventflow/scenarios/history"
)

// comeback is how one kind of request failed and came back. Empty: never seen.
type comeback struct {
	Kind         history.Kind
	FirstFailure string // seconds from the first fault's start
	FirstOK      string // seconds from the last heal
	LastFailure  string // seconds from the last heal; empty: none after it
	Failed       bool
}

// comebacks is a row for each kind; nil if nothing was broken or nothing healed.
func comebacks(h history.History) []comeback {
	healed, ok := h.Healed()
	if !ok {
		return nil
	}
	began := h.Faults[0].Start
	for _, f := range h.Faults {
		began = min(began, f.Start)
	}
	var list []comeback
	for _, k := range kinds() {
		ops := h.Select(func(o history.Op) bool { return o.Kind == k && o.Call >= began })
		if len(ops) > 0 {
			list = append(list, comebackOf(k, ops, began, healed))
		}
	}
	return list
}

func comebackOf(k history.Kind, ops []history.Op, began, healed time.Duration) comeback {
	c := comeback{Kind: k}
	for _, o := range ops {
		switch {
		case !o.Served():
			if !c.Failed {
				c.Failed, c.FirstFailure = true, seconds(max(o.Return, o.Call)-began, 2)
			}
			if o.Call >= healed {
				c.LastFailure = seconds(max(o.Return, o.Call)-healed, 2)
			}
		case o.Call >= healed && c.FirstOK == "":
			c.FirstOK = seconds(o.Return-healed, 2)
		}
	}
	return c
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
