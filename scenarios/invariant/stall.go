package invariant

import (
	"fmt"
	"time"

	"eventflow/scenarios/history"
)

// LabLate is the series in which the lab writes how late its own clock woke it,
// in milliseconds: the worst since the sample before.
const LabLate = "lab_late_ms"

// stallLimit is how late the lab may wake before deadlines that were missed at
// the time are nobody's fault. A sound machine under a drill's load wakes it
// within 20 ms; half the shortest deadline that scenarios promise is 150 ms.
const stallLimit = 150 * time.Millisecond

// ForeignCPU is the series in which the lab writes how much of the whole machine's
// processor, in percent, was used by work that is neither its own nor the
// stack's, since the sample before.
const ForeignCPU = "foreign_cpu"

// foreignLimit is how much of the machine others may take, over a second, before
// missed deadlines prove nothing: a drill's own load is about a third, and what is
// left must not be less than that.
const (
	foreignLimit = 50.0
	foreignSpan  = time.Second
)

// blameless turns a missed deadline into an invalid finding where the machine
// itself stood still: EventFlow and the lab share it, and a process that was not
// run cannot be late by its own fault. What may never happen stays broken.
func (v *view) blameless(f Finding, from, to time.Duration) Finding {
	if f.Verdict != Broken {
		return f
	}
	switch stall, foreign := v.worstStall(from, to), v.worstForeign(from, to); {
	case stall >= stallLimit:
		f.Verdict = Invalid
		f.Detail += fmt.Sprintf("; but the machine stood still for %s at the time, so nothing follows: play it again on a machine with less other work", stall)
	case foreign >= foreignLimit:
		f.Verdict = Invalid
		f.Detail += fmt.Sprintf("; but other work took %.0f %% of the machine at the time, so nothing follows: play it again on a machine with less other work", foreign)
	}
	return f
}

// worstForeign is the highest mean of foreign work over foreignSpan, of the spans
// that touch from..to.
func (v *view) worstForeign(from, to time.Duration) (worst float64) {
	var span []history.Sample
	var sum float64
	for _, s := range v.h.Samples {
		percent, ok := s.Values[ForeignCPU]
		if !ok {
			continue
		}
		span, sum = append(span, s), sum+percent
		for s.At-span[0].At >= foreignSpan {
			if span[0].At <= to && s.At >= from {
				worst = max(worst, sum/float64(len(span)))
			}
			sum -= span[0].Values[ForeignCPU]
			span = span[1:]
		}
	}
	return worst
}

// worstStall is the longest that the lab was late between from and to. A sample
// speaks for the time since the one before it.
func (v *view) worstStall(from, to time.Duration) (worst time.Duration) {
	var before history.Sample
	for _, s := range v.h.Samples {
		if s.At >= from && before.At <= to {
			worst = max(worst, time.Duration(s.Values[LabLate])*time.Millisecond)
		}
		before = s
	}
	return worst
}
