package invariant

import (
	"cmp"
	"math"
	"slices"
	"time"

	"eventflow/scenarios/history"
)

// hold is a stretch of time in which a lock certainly had a seat: at every
// instant of it, whatever the delays between buyer and store were.
type hold struct {
	lock     string
	asked    time.Duration // call of the op that granted it
	from, to time.Duration
	kept     bool // by an accepted purchase: no release can end it
}

const forever = time.Duration(math.MaxInt64)

// defaultSlack covers answers that count in whole seconds.
const defaultSlack = time.Second

// lockMutex: no two locks have the same seat at the same time.
//
// The lock store has no clock that the lab can read, so the check never uses the
// moment of a grant, only what follows from calls and returns.
//
// A hold is certain from the return of the op that granted it, because the grant
// came before its answer. It is certain until the earliest instant at which
// anything could have ended it:
//
//   - its lease. The answer said how much time is left, and the store had said so
//     no earlier than the call; so the lease cannot end before call + time left
//     (less a slack for rounding);
//   - a release with that lock id that was not refused: not before its call
//     (accepted seats cannot be released: the contract answers 409);
//   - a purchase with it that was not refused and that is not accepted for good:
//     it may be settled as rejected, or given up, and the seats freed, but not
//     before its call;
//   - a fault in which the store loses its memory: not before it began.
//
// An accepted purchase keeps its seats for ever, unless the ledger rejected it.
// An op of unknown outcome only ever shortens certainty: an unknown lock, extend
// or purchase grants nothing, an unknown release ends everything.
//
// Two certain holds that overlap are therefore a proof, not a suspicion. The
// converse is not true: the check is blind to overlaps shorter than the answers'
// delays.
func lockMutex(v *view) []Finding {
	var c cases
	n := 0
	for i := range v.locks.pages {
		p := &v.locks.pages[i]
		n += len(p.holds)
		overlaps(p.seat, p.holds, &c)
	}
	return c.finding(LockMutex, "seats held by two locks at once", "certain holds", n)
}

// overlaps sweeps one seat's holds in order of their start. Of the holds seen so
// far it needs two: the one that lasts longest, and the one that lasts longest of
// those with another lock, as a lock does not conflict with itself.
func overlaps(s seat, holds []hold, c *cases) {
	slices.SortFunc(holds, func(a, b hold) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.lock, b.lock))
	})
	var longest, other hold
	for _, h := range holds {
		against := longest
		if h.lock == longest.lock {
			against = other
		}
		if against.lock != "" && h.from < against.to {
			c.add("seat %s: lock %s has it from %s to %s, lock %s from %s to %s",
				s, against.lock, at(against.from), until(against.to), h.lock, at(h.from), until(h.to))
		}
		switch {
		case h.lock == longest.lock:
			longest.to = max(longest.to, h.to)
		case h.to > longest.to:
			longest, other = h, longest
		case h.to > other.to:
			other = h
		}
	}
}

func until(d time.Duration) string {
	if d == forever {
		return "the end"
	}
	return at(d)
}

func (v *view) slack() time.Duration {
	if v.spec.LeaseSlack > 0 {
		return v.spec.LeaseSlack.D()
	}
	return defaultSlack
}

// defaultFloor is what the shop's contract gives back at least.
const defaultFloor = 30 * time.Second

func (v *view) holdFloor() time.Duration {
	if v.spec.HoldFloor > 0 {
		return v.spec.HoldFloor.D()
	}
	return defaultFloor
}

// certain cuts each grant at whatever may have ended it.
func (l *lockLife) certain(v *view) []hold {
	var hs []hold
	for _, h := range l.grants {
		h.to = min(h.to, l.ends, l.released(h), forgotten(v, h))
		if h.from < h.to {
			hs = append(hs, h)
		}
	}
	return hs
}

// released is the earliest instant at which a release may have ended the hold. One
// that was answered before the seats were asked for did its work before; one of
// unknown outcome may still arrive.
func (l *lockLife) released(h hold) time.Duration {
	end := forever
	for _, r := range l.releases {
		if !h.kept && (r.Outcome != history.OK || r.Return > h.asked) {
			end = min(end, r.Call)
		}
	}
	return end
}

func forgotten(v *view, h hold) time.Duration {
	end := forever
	for _, f := range v.h.Faults {
		if contains(v.spec.Amnesia, f.Name) && (f.Healed == 0 || h.asked <= f.Healed) {
			end = min(end, f.Start)
		}
	}
	return end
}
