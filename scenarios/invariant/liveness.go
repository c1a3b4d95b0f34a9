package invariant

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"eventflow/scenarios/history"
)

// lockLiveness: what keeps a seat from buyers must have a reason.
//
// After the drain, as the lock store tells it: a hold without a time limit belongs
// to a purchase that is not decided yet; a purchase that is decided holds nothing;
// no hold lasts longer than any that was ever promised. What is undecided, though
// accepted, is the business of NoLoss.
//
// While it went on, as the buyers tell it: a lock of several seats that was
// refused because one is taken must be explained by somebody's possible hold on
// one of them, or one that ended a moment ago. Refusals of a single seat are
// judged by LockLinear, more sharply.
func lockLiveness(v *view) []Finding {
	var c cases
	asked := v.refusals(&c)
	if v.ledger.Held == nil && asked == 0 {
		return v.unexamined(LockLiveness, "nobody read the lock store, and no lock of several seats was refused")
	}
	for i := range v.ledger.Held {
		if why := v.overdue(&v.ledger.Held[i]); why != "" {
			c.add("seat %s: %s", v.ledger.Held[i].Seat, why)
		}
	}
	return c.finding(LockLiveness, "seats kept from buyers by what is over", "holds left and refusals", len(v.ledger.Held)+asked)
}

// overdue says why the hold should not be there; empty: it may.
func (v *view) overdue(s *history.SeatHold) string {
	if s.State == "sold" {
		return ""
	}
	life := v.locks.byID[s.Lock]
	id := ""
	if life != nil {
		id = life.transaction()
	}
	status, p := v.status(id), v.intents[id]
	longest := max(v.locks.longest, v.holdFloor()) + v.slack()
	switch {
	case status == confirmed || status == rejected:
		return fmt.Sprintf("lock %s still has it (%s), and its purchase %s is %s", s.Lock, s.State, id, status)
	case s.State == "confirmed" || s.State == "rejected" || s.State == "released":
		return fmt.Sprintf("lock %s is %s and still has it", s.Lock, s.State)
	case s.TTL < 0 && (p == nil || p.ok+p.unknown == 0):
		return fmt.Sprintf("lock %s has it without a time limit, and nobody is buying it", s.Lock)
	case v.locks.longest > 0 && s.TTL > longest:
		return fmt.Sprintf("lock %s has it for another %s, and nobody was promised more than %s", s.Lock, s.TTL, longest)
	}
	return ""
}

func (l *lockLife) transaction() string {
	for _, o := range l.ops {
		if o.Transaction != "" {
			return o.Transaction
		}
	}
	return ""
}

// refusals judges those of several seats.
func (v *view) refusals(c *cases) (n int) {
	possible := map[seat]*spans{}
	forgets := v.firstAmnesia()
	for _, x := range v.locks.conflicts {
		if len(x.op.Seats) < 2 || x.op.Return >= forgets {
			continue
		}
		n++
		if !v.explained(x, possible) {
			c.add("seats %s: %s, and nobody can have had one of them", seats(x.op.Seats), told(x.op))
		}
	}
	return n
}

func (v *view) explained(x conflict, possible map[seat]*spans) bool {
	for _, name := range x.op.Seats {
		s := seat{x.op.Event, name}
		if possible[s] == nil {
			possible[s] = v.spans(s)
		}
		if possible[s].meet(x.op.Call-v.slack()-time.Second, x.op.Return) {
			return true
		}
	}
	return false
}

// span is a stretch of time in which a lock may have had a seat.
type span struct{ from, to time.Duration }

// spans is a seat's, by their start; to is the latest end of all up to it.
type spans []span

// meet says whether some span has a part between from and to.
func (s spans) meet(from, to time.Duration) bool {
	i, _ := slices.BinarySearchFunc(s, to+1, func(x span, t time.Duration) int { return cmp.Compare(x.from, t) })
	return i > 0 && s[i-1].to >= from
}

func (v *view) spans(s seat) *spans {
	var list spans
	if i, ok := v.locks.bySeat[s]; ok {
		for _, life := range v.locks.pages[i].lives {
			list = append(list, v.may(life)...)
		}
	}
	slices.SortFunc(list, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var latest time.Duration
	for i := range list {
		latest = max(latest, list[i].to)
		list[i].to = latest
	}
	return &list
}

// may is when the lock may have had its seats: from the call of each grant to the
// end of its lease or to the return of a release that was granted later; without
// end where a purchase, or anything of unknown outcome, may have made it last.
func (v *view) may(l *lockLife) []span {
	var list []span
	for _, o := range l.ops {
		switch {
		case o.Known() == history.Unknown, o.Kind == history.Purchase && (o.Outcome == history.OK || o.Code >= 500):
			list = append(list, span{o.Call, forever})
		case o.Outcome == history.OK && (o.Kind == history.Lock || o.Kind == history.Extend):
			end := o.Return + o.Expires + v.slack()
			for _, r := range l.releases {
				if r.Outcome == history.OK && r.Call >= o.Return {
					end = min(end, r.Return)
				}
			}
			list = append(list, span{o.Call, end})
		}
	}
	return list
}
