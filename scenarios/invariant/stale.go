package invariant

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"eventflow/scenarios/history"
)

// ageSlack is by how much a claimed age may be too small: answers count it in
// whole seconds, rounded down, and a node shows what it has just read for a moment
// more.
const ageSlack = 1250 * time.Millisecond

// staleBound: nobody is shown what was replaced longer ago than promised.
func staleBound(v *view) []Finding {
	s := v.spec.Stale
	if s == nil {
		return nil
	}
	var fs []Finding
	if s.Fresh+s.Outage > 0 {
		fs = append(fs, v.staleEvents(s))
	}
	if s.Seats > 0 {
		fs = append(fs, v.staleSeats(s))
	}
	return fs
}

// away says whether the source of the copies was away at the instant, or has been
// back for less than it takes to renew them.
func (v *view) away(s *Stale, at time.Duration) bool {
	for i := range v.h.Faults {
		f := &v.h.Faults[i]
		if at >= f.Start && (f.Healed == 0 || at < f.Healed+s.Fresh.D()) && s.hits(f) {
			return true
		}
	}
	return false
}

// hits says that the fault takes the source away. Meddling with data does not: the
// updates themselves are of that kind.
func (s *Stale) hits(f *history.Fault) bool {
	if f.Layer == history.DataLayer {
		return false
	}
	for _, source := range s.Source {
		if f.Service == source || slices.ContainsFunc(f.Links, func(link string) bool {
			return link == source || strings.HasSuffix(link, "_"+source)
		}) {
			return true
		}
	}
	return false
}

// replaced answers, for a version, when the first later one was committed.
type replaced struct {
	versions []int           // rising
	since    []time.Duration // place i: the earliest return of versions[i] and all after it
}

func newReplaced(updates []history.Update) replaced {
	list := slices.Clone(updates)
	slices.SortFunc(list, func(a, b history.Update) int { return cmp.Compare(a.Version, b.Version) })
	r := replaced{make([]int, len(list)), make([]time.Duration, len(list))}
	earliest := forever
	for i, u := range slices.Backward(list) {
		if u.Return > 0 {
			earliest = min(earliest, u.Return)
		}
		r.versions[i], r.since[i] = u.Version, earliest
	}
	return r
}

func (r replaced) at(version int) time.Duration {
	i, found := slices.BinarySearch(r.versions, version)
	if found {
		i++
	}
	if i == len(r.since) {
		return forever
	}
	return r.since[i]
}

func isEventRead(o *history.Op) bool {
	return o.Kind == history.Event && o.Outcome == history.OK
}

func (v *view) staleEvents(s *Stale) Finding {
	var c cases
	var worst time.Duration
	r, n := newReplaced(v.h.Updates), 0
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		since := r.at(o.Version)
		if !isEventRead(o) || since > o.Call {
			continue
		}
		bound := s.Fresh.D()
		if v.away(s, o.Call) {
			bound = s.Outage.D()
		}
		if bound == 0 {
			continue
		}
		n++
		if worst = max(worst, o.Call-since); o.Call-since > bound {
			c.add("%s: version %d, which was replaced at %s, %s before; %s promised", told(o), o.Version, at(since), (o.Call - since).Round(time.Millisecond), bound)
		}
	}
	f := c.finding(StaleBound, "reads older than promised", "reads of a version that had been replaced", n)[0]
	f.Counts["worst_ms"] = worst.Milliseconds()
	// With updates and none of their victims all is well: each read was up to date.
	if !slices.ContainsFunc(v.h.Updates, func(u history.Update) bool { return u.Return > 0 }) {
		f.Verdict, f.Detail = Invalid, "the event was never updated, so no read could be out of date"
	} else if !v.readsAfterUpdate() {
		f.Verdict, f.Detail = Invalid, "nobody read the event after an update"
	}
	return f
}

func (v *view) readsAfterUpdate() bool {
	first := newReplaced(v.h.Updates).at(-1)
	for i := range v.h.Ops {
		if o := &v.h.Ops[i]; isEventRead(o) && o.Call > first {
			return true
		}
	}
	return false
}

// soldPlace is when a place of the hall was bought for good.
type soldPlace struct {
	place int
	at    time.Duration
	by    *history.Op
}

func (v *view) staleSeats(s *Stale) Finding {
	var c cases
	sold, n := v.soldPlaces(), 0
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		if o.Kind != history.Seats || o.Outcome != history.OK || len(o.Free) == 0 || v.amnesiac(o) {
			continue
		}
		bound := s.Seats.D()
		if v.away(s, o.Call) {
			bound = max(bound, s.Outage.D())
		}
		n++
		for _, x := range sold {
			if x.at+bound >= o.Call {
				break
			}
			if free(o.Free, x.place) {
				c.add("seat %s is free by %s, %s after %s", v.h.Hall[x.place], told(o), (o.Call - x.at).Round(time.Millisecond), told(x.by))
			}
		}
	}
	f := c.finding(StaleBound, "seats shown free after they were bought", "seat maps", n)[0]
	if f.Counts["sold"] = int64(len(sold)); n == 0 || len(sold) == 0 {
		f.Verdict, f.Detail = Invalid, fmt.Sprintf("%d seat maps were noted and %d seats bought: nothing to compare", n, len(sold))
	}
	return f
}

func free(bits []byte, place int) bool {
	return place/8 < len(bits) && bits[place/8]&(1<<(place%8)) != 0
}

// soldPlaces is the seats of purchases that were accepted and not rejected, in the
// order in which they were.
func (v *view) soldPlaces() []soldPlace {
	place := make(map[string]int, len(v.h.Hall))
	for i, name := range v.h.Hall {
		place[name] = i
	}
	var list []soldPlace
	for _, id := range v.order {
		p := v.intents[id]
		if !v.forGood(id) {
			continue
		}
		for _, name := range p.seats {
			if i, ok := place[name]; ok {
				list = append(list, soldPlace{i, p.accepted.Return, p.accepted})
			}
		}
	}
	slices.SortFunc(list, func(a, b soldPlace) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.place, b.place)) })
	return list
}

// amnesiac says that the read overlaps a time in which the lock store had lost its
// memory: what is sold and still in the queue may then look free.
func (v *view) amnesiac(o *history.Op) bool {
	for _, f := range v.h.Faults {
		if contains(v.spec.Amnesia, f.Name) && o.Return >= f.Start && (f.Healed == 0 || o.Call <= f.Healed) {
			return true
		}
	}
	return false
}

// noTimeTravel: what is shown was written before it was shown, and is at least as
// young as it says: a copy cannot be younger than the update that it misses. The
// age is judged only where the spec speaks of it.
func noTimeTravel(v *view) []Finding {
	if len(v.h.Updates) == 0 {
		return v.unexamined(NoTimeTravel, "the event was never updated")
	}
	var c cases
	calls := map[int]time.Duration{0: 0}
	for _, u := range v.h.Updates {
		calls[u.Version] = u.Call
	}
	r, n := newReplaced(v.h.Updates), 0
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		if !isEventRead(o) {
			continue
		}
		n++
		call, written := calls[o.Version]
		switch missed := o.Call - r.at(o.Version); {
		case !written:
			c.add("%s: version %d, which nobody wrote", told(o), o.Version)
		case call > o.Return:
			c.add("%s: version %d, which was only written at %s", told(o), o.Version, at(call))
		case v.spec.Stale != nil && missed > o.Age+ageSlack:
			c.add("%s: says that it is %s old (%s), and misses an update of %s ago", told(o), o.Age, o.Source, missed.Round(time.Millisecond))
		}
	}
	return c.finding(NoTimeTravel, "reads that cannot be", "reads of the event", n)
}
