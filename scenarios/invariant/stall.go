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

// blameless turns a missed deadline into an invalid finding where the machine
// itself stood still: EventFlow and the lab share it, and a process that was not
// run cannot be late by its own fault. What may never happen stays broken.
func (v *view) blameless(f Finding, from, to time.Duration) Finding {
	worst := v.worstStall(from, to)
	if f.Verdict != Broken || worst < stallLimit {
		return f
	}
	f.Verdict = Invalid
	f.Detail += fmt.Sprintf("; but the machine stood still for %s at the time, so nothing follows: play it again on a machine with less other work", worst)
	return f
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
