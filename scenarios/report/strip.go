package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"eventflow/scenarios/history"
)

// mostMarks is how many requests the strip draws. More would lie on top of each
// other; those that were not ok are drawn first.
const mostMarks = 10000

// strip is every request as a mark: a lane for each kind, later ones further
// right, slower ones higher up.
type strip struct {
	Lanes []stripLane
	Drawn int
	All   int
	Top   time.Duration // the wait at the upper edge
}

// stripLane is the marks of one kind, by outcome.
type stripLane struct {
	Kind   history.Kind
	Tall   bool
	Counts [3]int
	Paths  []template.HTML
}

// kinds in the order of the lanes: what a buyer came for stands on top.
func kinds() []history.Kind {
	return []history.Kind{history.Purchase, history.Lock, history.Extend, history.Release, history.Status, history.Seats, history.Events,
		history.Event, history.Cold, history.Enter, history.Register, history.Login, history.Forge}
}

func newStrip(h history.History, a axis) strip {
	s := strip{All: len(h.Ops), Top: time.Second}
	byKind := map[history.Kind][3][]*history.Op{}
	for i := range h.Ops {
		o := &h.Ops[i]
		lists := byKind[o.Kind]
		place := slices.Index(outcomeList(), o.Known())
		if place < 0 {
			continue
		}
		lists[place] = append(lists[place], o)
		byKind[o.Kind] = lists
		for !o.Open() && o.Latency() > s.Top && s.Top < time.Hour {
			s.Top *= 10
		}
	}
	s.draw(byKind, a)
	return s
}

func outcomeList() []history.Outcome { o := outcomes(); return o[:] }

func (s *strip) draw(byKind map[history.Kind][3][]*history.Op, a axis) {
	share := s.share(byKind)
	for _, k := range kinds() {
		lists, ok := byKind[k]
		if !ok {
			continue
		}
		l := stripLane{Kind: k, Tall: k == history.Purchase || k == history.Lock}
		for i, ops := range lists {
			l.Counts[i] = len(ops)
			ops = thin(ops, int(math.Ceil(share[i]*float64(len(ops)))))
			s.Drawn += len(ops)
			l.Paths = append(l.Paths, s.marks(ops, outcomes()[i], a)...)
		}
		s.Lanes = append(s.Lanes, l)
	}
}

// share is which part of each outcome is drawn: all that was not ok, if there is
// room for it, and as much of the rest as fits.
func (s *strip) share(byKind map[history.Kind][3][]*history.Op) (share [3]float64) {
	var n [3]int
	for _, lists := range byKind {
		for i, ops := range lists {
			n[i] += len(ops)
		}
	}
	// A lane's part is rounded up, so that a kind with one request is seen: leave
	// room for that.
	room := float64(mostMarks - 3*len(kinds()))
	for _, i := range []int{2, 1, 0} {
		if n[i] == 0 {
			continue
		}
		share[i] = min(1, room/float64(n[i]))
		room -= share[i] * float64(n[i])
	}
	return share
}

// marks draw the ops of one outcome. A stroke keeps its thickness when a drawing
// is stretched, a circle does not keep its shape: so a dot is a stroke of no
// length with a round end, an open circle a dot with a hole, and a refusal a
// small upright stroke.
func (s *strip) marks(ops []*history.Op, outcome history.Outcome, a axis) []template.HTML {
	if len(ops) == 0 {
		return nil
	}
	form := "h.01"
	if outcome == history.Refused {
		form = "v12"
	}
	var d strings.Builder
	for _, o := range ops {
		y := s.y(o)
		if outcome == history.Refused {
			y -= 6
		}
		fmt.Fprintf(&d, "M%s %s%s", unit(a.at(o.Call)), unit(y), form)
	}
	paths := []template.HTML{template.HTML(fmt.Sprintf(`<path class="mark %s" d="%s"/>`, outcome, d.String()))}
	if outcome == history.Unknown {
		paths = append(paths, template.HTML(fmt.Sprintf(`<path class="hole" d="%s"/>`, d.String())))
	}
	return paths
}

// y is how far down the op's mark stands: by its wait, logarithmic from 1 ms. One
// that was never answered waited longest of all.
func (s *strip) y(o *history.Op) float64 {
	wait := o.Latency()
	if o.Open() {
		wait = s.Top
	}
	share := math.Log10(max(millis(wait), 1)) / math.Log10(millis(s.Top))
	return 8 + (high-16)*(1-min(share, 1))
}
