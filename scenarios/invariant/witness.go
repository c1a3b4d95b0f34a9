package invariant

import (
	"fmt"
	"time"

	"eventflow/scenarios/history"
)

// nonVacuity asks whether the drill did what it is about. Nothing follows from
// buyers being served during a fault that no link felt. What is missing here is
// the lab's failure, not EventFlow's, so it is invalid and never broken.
func nonVacuity(v *view) []Finding {
	var fs []Finding
	for _, f := range v.h.Faults {
		fs = append(fs, bit(f))
	}
	for _, w := range v.spec.Witnesses {
		fs = append(fs, v.testify(w))
	}
	return fs
}

// bit: a fault counts when the proxies say that it is set and a probe felt it.
func bit(h history.Fault) Finding {
	what := fmt.Sprintf("fault %d, %s on %s", h.Index, h.Name, seats(h.Links))
	f := Finding{Invariant: NonVacuity, Phase: h.Phase, Verdict: Invalid}
	switch {
	case h.Error != "":
		f.Detail = fmt.Sprintf("%s: %s", what, h.Error)
	case h.InForce == 0 || h.ReadBack == "":
		f.Detail = what + ": the proxies never said that it was in force"
	case !h.Bit:
		f.Detail = fmt.Sprintf("%s: a probe did not feel it (%q)", what, h.Symptom)
	default:
		f.Verdict, f.Detail = Pass, fmt.Sprintf("%s: in force for %s, felt as %q", what, at(h.HealAt-h.InForce), h.Symptom)
	}
	return f
}

// felt says that a fault was in force beyond doubt.
func felt(f history.Fault) bool { return bit(f).Verdict == Pass }

func (v *view) testify(w Witness) Finding {
	seen, err := v.measure(w)
	f := Finding{
		Invariant: NonVacuity, Phase: w.Phase, Verdict: Pass,
		Detail: fmt.Sprintf("%s: %d (at least %d needed)", w.Name, seen, w.Min),
		Counts: map[string]int64{"seen": seen, "needed": w.Min},
	}
	switch {
	case err != nil:
		f.Verdict, f.Detail = Invalid, fmt.Sprintf("%s: %v", w.Name, err)
	case seen < w.Min:
		f.Verdict, f.Detail = Invalid, fmt.Sprintf("%s: only %d, at least %d needed", w.Name, seen, w.Min)
	}
	return f
}

func (v *view) measure(w Witness) (int64, error) {
	from, to, err := v.stretch(w.Phase)
	if err != nil {
		return 0, err
	}
	switch w.Measure {
	case CountOps:
		return v.countOps(w, from, to), nil
	case CountFaults, FaultMillis:
		n, lasted := v.faults(w)
		if w.Measure == CountFaults {
			return n, nil
		}
		return lasted.Milliseconds(), nil
	case SampleRise, SampleMax:
		return v.series(w, from, to)
	case CountUnknown, CountLanded:
		unknown, landed := v.unknowns(w.Phase)
		if w.Measure == CountUnknown {
			return unknown, nil
		}
		return landed, nil
	case CountRejected:
		return v.rejections(), nil
	case CountHolds:
		return v.countHolds(from, to), nil
	case CountUpdates:
		return v.updates(from, to), nil
	}
	return 0, fmt.Errorf("unknown measure %q", w.Measure)
}

// stretch is the window of a phase, or the whole history.
func (v *view) stretch(phase string) (from, to time.Duration, err error) {
	if phase == "" {
		return 0, forever, nil
	}
	from, to, ok := v.h.Window(phase)
	if !ok {
		return 0, 0, fmt.Errorf("phase %s did not take place", phase)
	}
	return from, to, nil
}

func (v *view) countOps(w Witness, from, to time.Duration) int64 {
	var n int64
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		if (w.Kind == "" || o.Kind == w.Kind) && o.Call >= from && o.Call < to && w.Match.Matches(*o) {
			n++
		}
	}
	return n
}

func (v *view) faults(w Witness) (n int64, lasted time.Duration) {
	for _, f := range v.h.Faults {
		if felt(f) && (w.Phase == "" || f.Phase == w.Phase) && (w.Layer == "" || layer(f) == w.Layer) && (w.Fault == "" || f.Name == w.Fault) {
			n++
			lasted += f.HealAt - f.InForce
		}
	}
	return n, lasted
}

// layer is what the fault broke.
func layer(f history.Fault) history.Layer {
	if f.Layer == "" {
		return history.LinkLayer
	}
	return f.Layer
}

// updates counts the committed updates between two instants.
func (v *view) updates(from, to time.Duration) int64 {
	var n int64
	for _, u := range v.h.Updates {
		if u.Return > 0 && u.Call >= from && u.Call < to {
			n++
		}
	}
	return n
}

func (v *view) series(w Witness, from, to time.Duration) (int64, error) {
	var low, high, rise float64
	n := 0
	for _, s := range v.h.Samples {
		x, ok := s.Values[w.Series]
		if !ok || s.At < from || s.At > to {
			continue
		}
		if n == 0 {
			low, high = x, x
		}
		n++
		low, high = min(low, x), max(high, x)
		rise = max(rise, x-low)
	}
	if n == 0 {
		return 0, fmt.Errorf("no samples of %s", w.Series)
	}
	if w.Measure == SampleRise {
		return int64(rise), nil
	}
	return int64(high), nil
}

// unknowns counts the purchases whose outcome no answer told, by the phase of
// their first op, and those of them that the ledger has.
func (v *view) unknowns(phase string) (unknown, landed int64) {
	for _, id := range v.order {
		p := v.intents[id]
		if p.ok > 0 || p.unknown == 0 || phase != "" && v.h.PhaseOf(*p.first) != phase {
			continue
		}
		unknown++
		if len(v.rows[id]) > 0 {
			landed++
		}
	}
	return unknown, landed
}

func (v *view) rejections() int64 {
	var n int64
	for i := range v.ledger.Purchases {
		if v.ledger.Purchases[i].Status == rejected {
			n++
		}
	}
	return n
}

func (v *view) countHolds(from, to time.Duration) int64 {
	var n int64
	for i := range v.locks.pages {
		for _, h := range v.locks.pages[i].holds {
			if h.from >= from && h.from < to {
				n++
			}
		}
	}
	return n
}
