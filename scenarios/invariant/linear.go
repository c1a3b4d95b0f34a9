package invariant

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"eventflow/scenarios/history"
)

// The search's limits. Locks of unknown outcome fit anywhere, so each may double
// the work; beyond the cap the search would not end.
const (
	unknownCap   = 6
	seatPatience = 2 * time.Second
	patience     = 10 * time.Second
)

// lockLinear: for each seat, there is an order in which a lock store that works
// could have done everything that was asked, each op between its call and its
// return, and given these answers. It sees what the sweep of LockMutex cannot: a
// hold that outlives its lease, a refusal for a seat that nobody can have, an
// accepted purchase of a seat that was another's.
//
// Seats that LockMutex has proven are left to it. Refusals of several seats do
// not say which one was taken: LockLiveness judges them.
func lockLinear(v *view) []Finding {
	var c, late cases
	t := tally{until: time.Now().Add(patience)}
	for i := range v.locks.pages {
		p := &v.locks.pages[i]
		var mutex cases
		if overlaps(p.seat, p.holds, &mutex); mutex.n > 0 {
			continue
		}
		t.judge(v.leaseSeat(p), p, &c, &late)
	}
	f := c.finding(LockLinear, "seats with a story that no lock store could tell", "seats", t.seats)
	f[0].Counts["ops"], f[0].Counts["searched"], f[0].Counts["refusals_left"] = t.ops, t.searched, t.left
	f[0].Counts["not_examined"] = t.skipped
	if t.skipped > 0 {
		f[0].Detail += fmt.Sprintf("; %d seats not examined, more than %d locks of unknown outcome each", t.skipped, unknownCap)
	}
	if late.n > 0 {
		f = append(f, Finding{Invariant: LockLinear, Verdict: Invalid, Evidence: late.list, Counts: map[string]int64{"timed_out": late.n},
			Detail: fmt.Sprintf("%d seats could not be judged in time", late.n)})
	}
	return f
}

// tally is how the judging of seats goes on.
type tally struct {
	seats                        int
	ops, searched, left, skipped int64
	until                        time.Time
}

func (t *tally) judge(q *leaseSeat, p *seatPage, c, late *cases) {
	if t.left += int64(q.left); q.unknown > unknownCap {
		t.skipped++
		return
	}
	if len(q.ops) == 0 {
		return
	}
	t.seats++
	t.ops += int64(len(q.ops))
	stuck := q.tells()
	if stuck == nil {
		return
	}
	t.searched++
	switch q.search(min(seatPatience, time.Until(t.until))) {
	case porcupine.Illegal:
		c.add("seat %s: no order of its %d ops fits; in order of their calls the first that does not is %s, called at %s", p.seat, len(q.ops), stuck, at(stuck.call))
	case porcupine.Unknown:
		late.add("seat %s: %d ops, %d of unknown outcome", p.seat, len(q.ops), q.unknown)
	}
}

// tells tries the two orders that nearly always fit: by call, and by return. Both
// respect that an op which returned before another was called came first, so if
// one fits there is nothing to search. If neither does, the answer is the op at
// which the first gives up.
func (q *leaseSeat) tells() *leaseOp {
	stuck := q.fold()
	if stuck == nil {
		return nil
	}
	slices.SortStableFunc(q.ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	if q.fold() == nil {
		return nil
	}
	return stuck
}

func (q *leaseSeat) fold() *leaseOp {
	var s leaseState
	for i := range q.ops {
		o := q.ops[i].Input.(*leaseOp)
		ok, next := s.step(o)
		if !ok {
			return o
		}
		s = next
	}
	return nil
}

// search asks porcupine. Without time left nothing is known.
func (q *leaseSeat) search(limit time.Duration) porcupine.CheckResult {
	if limit <= 0 {
		return porcupine.Unknown
	}
	return porcupine.CheckOperationsTimeout(leaseModel(), q.ops, limit)
}

// leaseSeat is the page as the model reads it.
func (v *view) leaseSeat(p *seatPage) *leaseSeat {
	q := &leaseSeat{slack: v.slack(), tokens: make([]token, 1, len(p.lives)+1)}
	q.tokens[0].cut = forever
	for _, life := range p.lives {
		q.read(v, life)
	}
	if q.unknown > unknownCap {
		q.forget(p)
	}
	for _, c := range p.conflicts {
		q.refusal(v, p, c)
	}
	q.wipes(v)
	slices.SortStableFunc(q.ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	return q
}

func (q *leaseSeat) add(o leaseOp) {
	o.seat = q
	q.ops = append(q.ops, porcupine.Operation{ClientId: o.token, Input: &o, Call: int64(o.call), Return: int64(o.ret)})
}

func (q *leaseSeat) read(v *view, l *lockLife) {
	q.tokens = append(q.tokens, token{lock: l.id, cut: forever})
	n := len(q.tokens) - 1
	for _, o := range l.ops {
		q.op(v, l, o, n)
	}
}

// op adds what an answered op proves, and widens the token by what an unanswered
// one may have done.
func (q *leaseSeat) op(v *view, l *lockLife, o *history.Op, n int) {
	t := &q.tokens[n]
	x := leaseOp{token: n, call: o.Call, ret: o.Return, left: o.Expires}
	outcome := o.Known()
	switch {
	case outcome == history.Refused:
		q.refused(v, l, o, x)
		return
	case outcome == history.OK && o.Kind == history.Lock:
		x.verb = took
	case o.Kind == history.Lock:
		x.verb, x.ret, x.left = tookIt, forever, v.latest(o)
		q.unknown++
	case outcome == history.OK && o.Kind == history.Extend:
		x.verb = kept
	case o.Kind == history.Extend:
		t.floor = max(t.floor, v.latest(o))
		return
	case outcome == history.OK && o.Kind == history.Release:
		x.verb, x.soft = gave, len(l.releases) > 1
	case o.Kind == history.Release:
		t.cut = min(t.cut, o.Call)
		return
	default:
		if x.verb, x.soft = bought, !v.forGood(o.Transaction); x.soft {
			t.cut, t.endless = min(t.cut, o.Call), true
		}
		if outcome != history.OK {
			t.endless = true
			return
		}
	}
	q.add(x)
}

// arrival is how long after its sender gave up a request may still be obeyed on a
// healthy way: the shop's own limits are a few seconds. One that was sent into a
// fault may be held there until the heal.
const arrival = 5 * time.Second

// latest is the last instant of a hold that an op of unknown outcome may have
// made: it arrives at the latest then, and gets at most what any answer told.
func (v *view) latest(o *history.Op) time.Duration {
	if o.Open() || v.locks.longest == 0 {
		return forever
	}
	arrives := o.Return
	for _, f := range v.h.Faults {
		switch {
		case f.Start > arrives || f.Healed != 0 && f.Healed < o.Call:
		case f.Healed == 0:
			return forever
		default:
			arrives = max(arrives, f.Healed)
		}
	}
	return arrives + arrival + v.locks.longest + v.slack()
}

// refused: a purchase that was refused for want of a queue gives the buyer a
// minimum of time back, and an answer "it is over" is a claim like any other. Of
// several seats, any one may be over.
func (q *leaseSeat) refused(v *view, l *lockLife, o *history.Op, x leaseOp) {
	t := &q.tokens[x.token]
	switch {
	case o.Kind == history.Purchase && o.Code >= 500:
		t.floor = max(t.floor, o.Return+v.holdFloor()+q.slack)
	case o.Code == 410 && len(l.seats) == 1 && o.Return < v.firstAmnesia():
		x.verb = gone
		q.add(x)
	}
}

// refusal: somebody else must have the seat. Once a store has lost its memory, a
// seat may be taken by what was settled meanwhile.
func (q *leaseSeat) refusal(v *view, p *seatPage, c conflict) {
	switch {
	case len(c.op.Seats) != 1:
		return
	case c.op.Return >= v.firstAmnesia() || q.haunted(c.op):
		q.left++
		return
	}
	x := leaseOp{verb: taken, call: c.op.Call, ret: c.op.Return}
	if c.asker != nil {
		x.token = 1 + slices.Index(p.lives, c.asker.life)
	}
	q.add(x)
}

// forget leaves out locks that nobody ever saw granted, and notes when they may
// have had the seat: a refusal at such a time may be theirs. What is left accuses
// nobody wrongly.
func (q *leaseSeat) forget(p *seatPage) {
	q.ops = slices.DeleteFunc(q.ops, func(op porcupine.Operation) bool {
		o := op.Input.(*leaseOp)
		ghost := o.verb == tookIt && len(p.lives[o.token-1].grants) == 0
		if ghost {
			q.unknown--
			q.ghosts = append(q.ghosts, span{o.call, o.left})
		}
		return ghost
	})
}

func (q *leaseSeat) haunted(o *history.Op) bool {
	return slices.ContainsFunc(q.ghosts, func(g span) bool { return g.from <= o.Return && o.Call <= g.to })
}

// wipes adds the faults in which the store forgets: any hold may be lost at any
// time while one lasted, and again.
func (q *leaseSeat) wipes(v *view) {
	for _, f := range v.h.Faults {
		if !contains(v.spec.Amnesia, f.Name) {
			continue
		}
		end := f.Healed
		if end == 0 {
			end = forever
		}
		for range 2 {
			q.add(leaseOp{verb: wiped, call: f.Start, ret: end})
		}
	}
}

// firstAmnesia is when the store first may have lost its memory.
func (v *view) firstAmnesia() time.Duration {
	first := forever
	for _, f := range v.h.Faults {
		if contains(v.spec.Amnesia, f.Name) {
			first = min(first, f.Start)
		}
	}
	return first
}

// Visualize draws the first seat whose locks no lock store could have granted so,
// as a page of HTML that needs nothing else. It says whether there was such a
// seat; if not, nothing is written. Errors are w's.
func Visualize(h history.History, w io.Writer) (bool, error) {
	spec, err := specOf(h.Meta)
	if err != nil {
		return false, fmt.Errorf("visualize locks: %w", err)
	}
	v := newView(&h, spec, false)
	until := time.Now().Add(patience)
	for i := range v.locks.pages {
		q := v.leaseSeat(&v.locks.pages[i])
		if q.unknown > unknownCap || q.tells() == nil || time.Now().After(until) {
			continue
		}
		result, info := porcupine.CheckOperationsVerbose(leaseModel(), q.lanes(), seatPatience)
		if result == porcupine.Illegal {
			if err := porcupine.Visualize(leaseModel(), info, w); err != nil {
				return true, fmt.Errorf("visualize locks of seat %s: %w", v.locks.pages[i].seat, err)
			}
			return true, nil
		}
	}
	return false, nil
}

// lanes spreads ops that overlap over lanes of their own, as the picture wants it.
func (q *leaseSeat) lanes() []porcupine.Operation {
	slices.SortStableFunc(q.ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var busy []int64
	for i := range q.ops {
		op := &q.ops[i]
		lane := slices.IndexFunc(busy, func(end int64) bool { return end < op.Call })
		if lane < 0 {
			lane, busy = len(busy), append(busy, 0)
		}
		busy[lane], op.ClientId = op.Return, lane
	}
	return q.ops
}
