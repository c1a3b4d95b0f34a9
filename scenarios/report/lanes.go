package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"eventflow/scenarios/history"
)

// lane is one row over the charts: a fault and when it was in force. A fault that
// comes and goes, as when links flap, keeps its lane.
type lane struct {
	Label string
	Bands []band
	Left  float64 // where the label stands, in percent; from the right if Right
	Right bool
	Room  float64 // how long the label may be, in percent
}

// mostLanes is how many faults get a lane: more would push the charts off the
// screen. All of them stand in the table of faults.
const mostLanes = 12

// lanes are the rows of the faults, and how many were left out.
func lanes(h history.History, a axis) (list []lane, more int) {
	place := map[string]int{}
	for _, f := range h.Faults {
		label := faultLabel(f)
		key := label + strings.Join(f.Links, " ")
		i, ok := place[key]
		switch {
		case !ok && len(list) == mostLanes:
			more++
			continue
		case !ok:
			i = len(list)
			place[key] = i
			list = append(list, a.labelled(label, f))
		}
		list[i].Bands = append(list[i].Bands, a.bands(f)...)
	}
	for i := range list {
		list[i].Bands = joined(list[i].Bands)
	}
	return list, more
}

// labelled is a fault's lane without its bands. The label begins where the fault
// does, or ends where it ends: where there is more room.
func (a axis) labelled(label string, f history.Fault) lane {
	from, to := a.percent(f.Start), a.percent(max(f.Healed, f.HealAt, f.Start))
	if to >= 100-from {
		return lane{Label: label, Left: 100 - to, Right: true, Room: to}
	}
	return lane{Label: label, Left: from, Room: 100 - from}
}

// shades are the bands of all faults, for the ground of the charts.
func shades(h history.History, a axis) []band {
	var list []band
	for _, f := range h.Faults {
		list = append(list, a.bands(f)...)
	}
	return joined(list)
}

// faultLabel names a fault in a few words: "cut postgres (5)".
func faultLabel(f history.Fault) string {
	name := f.Name
	if f.Layer != "" && f.Layer != history.LinkLayer {
		return strings.TrimSpace(name + " " + f.Service)
	}
	return strings.TrimSpace(name + " " + linksLabel(f.Links))
}

// linksLabel names one or two links in full, more by the few services at one end
// of them, and very many by their number.
func linksLabel(links []string) string {
	if len(links) <= 2 {
		return strings.Join(links, " ")
	}
	const few = 3
	var froms, tos []string
	for _, l := range links {
		from, to := ends(l)
		froms, tos = appendNew(froms, from), appendNew(tos, to)
	}
	switch {
	case len(tos) <= few && len(tos) <= len(froms):
		return fmt.Sprintf("→ %s (%d)", strings.Join(tos, ", "), len(links))
	case len(froms) <= few:
		return fmt.Sprintf("%s → (%d)", strings.Join(froms, ", "), len(links))
	}
	return fmt.Sprintf("%s … (%d)", links[0], len(links))
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// ends of a link, which is named after them: app-1_postgres.
func ends(link string) (from, to string) {
	from, to, _ = strings.Cut(link, "_")
	return from, to
}

// stretch is a phase of the drill on the axis.
type stretch struct {
	Name        string  // empty: after the last phase, while queues drain and stores are read
	X           float64 // where it begins, in units of the drawing
	Left, Width float64 // percent
}

func stretches(h history.History, a axis) []stretch {
	var list []stretch
	var last time.Duration
	for _, p := range h.Phases {
		end := p.End
		if end == 0 {
			end = a.End
		}
		left := a.percent(p.Start)
		list = append(list, stretch{p.Name, a.at(p.Start), left, max(a.percent(end)-left, 0)})
		last = max(last, end)
	}
	if after := a.percent(last); len(list) > 0 && h.Ledger != nil && after < 100 {
		list = append(list, stretch{"", a.at(last), after, 100 - after})
	}
	return list
}
