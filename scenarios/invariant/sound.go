package invariant

import (
	"fmt"
	"time"

	"eventflow/scenarios/history"
)

// grade is how much of a history can be trusted.
type grade int

const (
	unsound    grade = iota // the record contradicts itself: nothing follows from it
	unfinished              // the drill was cut short: what it shows is shown, what is missing is not missed
	whole
)

// sound judges the record itself. A drill that records badly proves nothing, in
// particular not that EventFlow is right.
func sound(h *history.History) ([]Finding, grade) {
	contradictions, gaps := contradictions(h), gaps(h)
	g := whole
	switch {
	case len(contradictions.list) > 0:
		g = unsound
	case len(gaps.list) > 0:
		g = unfinished
	}
	f := Finding{
		Invariant: Sound, Verdict: Pass, Detail: fmt.Sprintf("the record is whole: %d ops, %d faults, %d phases", len(h.Ops), len(h.Faults), len(h.Phases)),
		Counts: map[string]int64{"contradictions": contradictions.n, "gaps": gaps.n},
	}
	if g != whole {
		f.Verdict, f.Evidence = Invalid, append(contradictions.list, gaps.list...)
		f.Detail = "the record cannot be judged: " + f.Evidence[0]
	}
	return []Finding{f}, g
}

// gaps are parts that a finished drill has and this one lacks.
func gaps(h *history.History) cases {
	var c cases
	if h.Truncated {
		c.add("the journal is cut off in mid-line")
	}
	if !h.Complete {
		c.add("the drill did not reach its end")
	}
	for _, p := range h.Phases {
		if p.End == 0 {
			c.add("phase %s never ended", p.Name)
		}
	}
	for _, f := range h.Faults {
		if f.Healed == 0 {
			c.add("fault %d (%s on %s) was not healed", f.Index, f.Name, seats(f.Links))
		}
	}
	ledgerGaps(h, &c)
	return c
}

func ledgerGaps(h *history.History, c *cases) {
	if h.Ledger == nil {
		c.add("there is no ledger: nobody looked into the stores")
		return
	}
	waited(h, c)
	if healed, ok := h.Healed(); ok && h.Ledger.At < healed {
		c.add("the ledger was read at %s, before the last heal at %s", at(h.Ledger.At), at(healed))
	}
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Open() {
			c.add("op %d (%s, called at %s) never returned", o.ID, o.Kind, at(o.Call))
		} else if o.Kind == history.Purchase && o.Return > h.Ledger.At {
			c.add("op %d (purchase) returned at %s, after the ledger was read at %s", o.ID, at(o.Return), at(h.Ledger.At))
		}
	}
}

// shortestDrain is less than any drain takes: the lab looks twice, a second apart,
// and waits for minutes where something is left.
const shortestDrain = 900 * time.Millisecond

// waited looks for messages that nobody had a chance to settle: because the ledger
// was read at once, or because no consumer ever worked, not even in the calm
// before the first fault. Purchases that wait are then not lost, and it is not
// EventFlow who left them there.
func waited(h *history.History, c *cases) {
	left := h.Ledger.Ready + h.Ledger.Unacked
	if left == 0 {
		return
	}
	last, _ := h.Healed()
	accepted := false
	for i := range h.Ops {
		o := &h.Ops[i]
		last = max(last, o.Return)
		accepted = accepted || o.Kind == history.Purchase && o.Outcome == history.OK
	}
	if h.Ledger.At < last+shortestDrain {
		c.add("%d messages are left, and the ledger was read at %s, %s after the last op or heal: nobody waited for the drain", left, at(h.Ledger.At), h.Ledger.At-last)
	}
	if accepted && len(h.Ledger.Purchases) == 0 {
		c.add("%d messages are left and nothing was ever settled: no consumer was at work", left)
	}
}

// contradictions are things that no correct recorder writes.
func contradictions(h *history.History) cases {
	var c cases
	if len(h.Ops) == 0 {
		c.add("nobody came: there are no ops")
		return c
	}
	if !anyOK(h.Ops) {
		c.add("none of %d ops succeeded: there was no load to speak of", len(h.Ops))
	}
	if l := h.Ledger; l != nil && l.Rows > 0 && l.Rows != len(l.Purchases) {
		c.add("the database counted %d purchases, the ledger lists %d", l.Rows, len(l.Purchases))
	}
	clocks(h, &c)
	identities(h.Ops, &c)
	faultTimes(h.Faults, &c)
	return c
}

func anyOK(ops []history.Op) bool {
	for i := range ops {
		if ops[i].Outcome == history.OK {
			return true
		}
	}
	return false
}

// clocks looks for time running backwards: within an op, and between ops, which
// are numbered in the order in which they were called.
func clocks(h *history.History, c *cases) {
	for i := range h.Ops {
		o := &h.Ops[i]
		if !o.Open() && o.Return < o.Call {
			c.add("op %d returned at %s, before it was called at %s", o.ID, at(o.Return), at(o.Call))
		}
		if i > 0 && o.Call < h.Ops[i-1].Call {
			c.add("the clock went back: op %d was called at %s, op %d before it at %s", o.ID, at(o.Call), h.Ops[i-1].ID, at(h.Ops[i-1].Call))
		}
	}
	for _, p := range h.Phases {
		if p.End != 0 && p.End < p.Start {
			c.add("phase %s ended at %s, before it started at %s", p.Name, at(p.End), at(p.Start))
		}
	}
}

// identities looks for ids used twice, for two ops at once in one process, and
// for ops that cannot be told from others.
func identities(ops []history.Op, c *cases) {
	twice(ops, c)
	last := make(map[int]*history.Op)
	for i := range ops {
		o := &ops[i]
		if prev := last[o.Process]; prev != nil && (prev.Open() || prev.Return > o.Call) {
			c.add("process %d called op %d at %s while its op %d was open", o.Process, o.ID, at(o.Call), prev.ID)
		}
		last[o.Process] = o
		anonymous(o, c)
	}
}

// twice looks for ids given out twice. A recorder's ids rise, and then there are
// none; to note a million of them would be half the work of judging.
func twice(ops []history.Op, c *cases) {
	if rising(ops) {
		return
	}
	seen := make(map[int64]bool, len(ops))
	for i := range ops {
		if seen[ops[i].ID] {
			c.add("op id %d was given out twice", ops[i].ID)
		}
		seen[ops[i].ID] = true
	}
}

func rising(ops []history.Op) bool {
	for i := 1; i < len(ops); i++ {
		if ops[i].ID <= ops[i-1].ID {
			return false
		}
	}
	return true
}

func anonymous(o *history.Op, c *cases) {
	switch {
	case o.Kind == history.Purchase && o.Transaction == "":
		c.add("op %d is a purchase without a transaction", o.ID)
	case o.Kind == history.Lock && o.Outcome == history.OK && (o.LockID == "" || len(o.Seats) == 0):
		c.add("op %d locked seats, and the record does not say which or by what lock", o.ID)
	}
}

func faultTimes(faults []history.Fault, c *cases) {
	seen := map[int]bool{}
	for _, f := range faults {
		if seen[f.Index] {
			c.add("fault %d was recorded twice", f.Index)
		}
		seen[f.Index] = true
		if f.Healed != 0 && (f.InForce < f.Start || f.HealAt < f.InForce || f.Healed < f.HealAt) {
			c.add("fault %d: start %s, in force %s, heal %s, healed %s are out of order", f.Index, at(f.Start), at(f.InForce), at(f.HealAt), at(f.Healed))
		}
	}
}
