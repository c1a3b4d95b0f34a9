package history

import (
	"math"
	"slices"
	"time"
)

// Known says what may be concluded of the op: its outcome, and Unknown while it
// has none.
func (o Op) Known() Outcome {
	if o.Outcome == "" {
		return Unknown
	}
	return o.Outcome
}

// Open says that the journal ended before the op did.
func (o Op) Open() bool { return o.Outcome == "" }

// Served says that the shop did its work: it granted what was asked or turned it
// down by its own rules (a taken seat, a wrong password). An error of the shop's,
// a timeout and a busy answer are not service.
func (o Op) Served() bool {
	switch o.Known() {
	case OK:
		return true
	case Refused:
		return o.Code >= 400 && o.Code < 500 && o.Code != 408 && o.Code != 429
	}
	return false
}

// Phase is the first phase of that name.
func (h History) Phase(name string) (Phase, bool) {
	for _, p := range h.Phases {
		if p.Name == name {
			return p, true
		}
	}
	return Phase{}, false
}

// End is the latest instant that the history speaks of.
func (h History) End() time.Duration {
	var end time.Duration
	for _, p := range h.Phases {
		end = max(end, p.Start, p.End)
	}
	for _, o := range h.Ops {
		end = max(end, o.Call, o.Return)
	}
	for _, f := range h.Faults {
		end = max(end, f.Start, f.Healed)
	}
	if h.Ledger != nil {
		end = max(end, h.Ledger.At)
	}
	return end
}

// Select is the ops for which keep says yes, in order.
func (h History) Select(keep func(Op) bool) []Op {
	var ops []Op
	for _, o := range h.Ops {
		if keep(o) {
			ops = append(ops, o)
		}
	}
	return ops
}

// During is the ops that were called in the phase.
func (h History) During(phase string) []Op {
	return h.Select(func(o Op) bool { return h.PhaseOf(o) == phase })
}

// PhaseOf names the phase in which the op was called, or nothing.
func (h History) PhaseOf(o Op) string { return h.PhaseAt(o.Call) }

// PhaseAt names the phase at that instant, or nothing.
func (h *History) PhaseAt(at time.Duration) string {
	for i := range h.Phases {
		if h.Phases[i].Contains(at) {
			return h.Phases[i].Name
		}
	}
	return ""
}

// Contains says whether at lies in the phase. A phase without end goes on for ever.
func (p Phase) Contains(at time.Duration) bool {
	return at >= p.Start && (p.End == 0 || at < p.End)
}

// Window is the stretch of the phase that its faults shape: from the moment the
// last of them was in force to the moment the first of them began to heal. While
// links are being cut and mended anything may be answered, and nothing follows
// from it. A phase without faults of its own is its own window; so is one whose
// faults were never all in force together, as when links flap.
//
// Faults of earlier phases that begin to heal inside this one split it; then the
// window is the longer piece.
func (h History) Window(phase string) (from, to time.Duration, ok bool) {
	p, ok := h.Phase(phase)
	if !ok {
		return 0, 0, false
	}
	if p.End == 0 {
		p.End = h.End()
	}
	from, to = p.Start, p.End
	for _, f := range h.Faults {
		if f.Phase != phase || f.InForce == 0 || f.Passing {
			continue
		}
		from = max(from, f.InForce)
		if f.HealAt > 0 {
			to = min(to, f.HealAt)
		}
	}
	if from >= to {
		return p.Start, p.End, true
	}
	from, to = h.calm(phase, from, to)
	return from, to, true
}

// calm cuts from..to at the heals of other phases' faults and keeps the longest
// piece.
func (h History) calm(phase string, from, to time.Duration) (time.Duration, time.Duration) {
	for _, f := range h.Faults {
		if f.Phase == phase || f.Passing || f.HealAt <= from && f.Healed <= from || f.HealAt == 0 || f.HealAt >= to {
			continue
		}
		if after := max(f.Healed, f.HealAt); to-after > f.HealAt-from {
			from = after
		} else {
			to = f.HealAt
		}
	}
	return from, to
}

// Healed is when the last fault was proven healed. ok is false when there was no
// fault, or when one was never healed.
func (h History) Healed() (at time.Duration, ok bool) {
	for _, f := range h.Faults {
		if f.Healed == 0 {
			return 0, false
		}
		at = max(at, f.Healed)
	}
	return at, len(h.Faults) > 0
}

// SinceHeal is the ops that were called after the last heal.
func (h History) SinceHeal() []Op {
	at, ok := h.Healed()
	if !ok {
		return nil
	}
	return h.Select(func(o Op) bool { return o.Call >= at })
}

// UnderFault says whether some fault was in force, and none of its links being
// mended, at that instant.
func (h History) UnderFault(at time.Duration) bool {
	for _, f := range h.Faults {
		if f.InForce > 0 && at >= f.InForce && (f.HealAt == 0 || at < f.HealAt) {
			return true
		}
	}
	return false
}

// Quantile is the q-quantile of ds by nearest rank: the smallest value that at
// least a share of q of all values does not exceed. It is always a value that
// was measured. ds is sorted in place; without values the answer is zero.
func Quantile(ds []time.Duration, q float64) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	slices.Sort(ds)
	rank := int(math.Ceil(q * float64(len(ds))))
	return ds[min(max(rank, 1), len(ds))-1]
}
