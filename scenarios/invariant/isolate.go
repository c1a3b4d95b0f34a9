package invariant

import (
	"fmt"
	"time"

	"eventflow/scenarios/history"
)

const (
	defaultFactor  = 1.5
	defaultComfort = 20 * time.Millisecond
)

// isolation compares the waits of ops that a fault must not touch with those of
// the baseline. The 99th percentile of few ops is the worst of them, so each side
// needs enough.
func isolation(v *view) []Finding {
	var fs []Finding
	for _, p := range v.spec.Isolation {
		fs = append(fs, v.isolated(p))
	}
	return fs
}

func (v *view) isolated(p Isolated) Finding {
	f := Finding{Invariant: Isolation, Phase: p.Phase, Verdict: Invalid}
	var waits [2][]time.Duration
	for i, phase := range []string{p.baseline(), p.Phase} {
		from, to, ok := v.h.Window(phase)
		if !ok {
			f.Detail = fmt.Sprintf("%s: phase %s did not take place", p.Kind, phase)
			return f
		}
		if waits[i] = v.waits(p, from, to); len(waits[i]) < p.MinOps {
			f.Detail = fmt.Sprintf("%s: only %d ops in phase %s, at least %d are needed to say anything", p.Kind, len(waits[i]), phase, p.MinOps)
			return f
		}
	}
	calm, hurt := history.Quantile(waits[0], 0.99), history.Quantile(waits[1], 0.99)
	limit := p.limit(calm)
	f.Counts = map[string]int64{"ops": int64(len(waits[1])), "baseline_ms": calm.Milliseconds(), "p99_ms": hurt.Milliseconds(), "limit_ms": limit.Milliseconds()}
	f.Verdict = Pass
	f.Detail = fmt.Sprintf("%s: 99 %% within %s, in the baseline within %s (limit %s)", p.Kind, hurt.Round(time.Millisecond/10), calm.Round(time.Millisecond/10), limit.Round(time.Millisecond/10))
	if hurt > limit {
		f.Verdict = Broken
	}
	from, to, _ := v.h.Window(p.Phase)
	return v.blameless(f, from, to)
}

// waits is how long the ops called between two instants waited. One that never
// returned has no end to count.
func (v *view) waits(p Isolated, from, to time.Duration) []time.Duration {
	var ds []time.Duration
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		if o.Kind == p.Kind && o.Call >= from && o.Call < to && !o.Open() && p.Among.Matches(*o) {
			ds = append(ds, o.Latency())
		}
	}
	return ds
}

func (p Isolated) limit(calm time.Duration) time.Duration {
	factor, floor := p.Factor, p.Floor.D()
	if factor == 0 {
		factor = defaultFactor
	}
	if floor == 0 {
		floor = defaultComfort
	}
	return time.Duration(factor*float64(calm)) + floor
}
