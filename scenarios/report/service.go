package report

import (
	"slices"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// serviceTable is how buyers fared: a row for each kind of request, a column for
// each phase.
type serviceTable struct {
	Phases []string // those in which something was asked; "" between phases
	Rows   []serviceRow
	All    []invariant.Service
}

type serviceRow struct {
	Kind  history.Kind
	Cells []*invariant.Service // by phase; nil: nothing was asked
}

func newServiceTable(h history.History, n invariant.Numbers) serviceTable {
	t := serviceTable{All: n.Service}
	for _, phase := range phaseNames(h) {
		if slices.ContainsFunc(n.Service, func(s invariant.Service) bool { return s.Phase == phase }) {
			t.Phases = append(t.Phases, phase)
		}
	}
	for _, k := range kinds() {
		r := serviceRow{Kind: k, Cells: make([]*invariant.Service, len(t.Phases))}
		seen := false
		for i := range n.Service {
			s := &n.Service[i]
			if place := slices.Index(t.Phases, s.Phase); s.Kind == k && place >= 0 {
				r.Cells[place], seen = s, true
			}
		}
		if seen {
			t.Rows = append(t.Rows, r)
		}
	}
	return t
}
