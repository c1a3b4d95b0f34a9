package invariant

import (
	"time"

	"eventflow/scenarios/history"
)

// troubles is when each kind that failed did so, counted from the first fault.
func (v *view) troubles() []Trouble {
	list := []Trouble{}
	if len(v.h.Faults) == 0 {
		return list
	}
	began := forever
	for _, f := range v.h.Faults {
		began = min(began, f.Start)
	}
	failed, first := map[history.Kind]int{}, map[history.Kind]time.Duration{}
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		if o.Call < began || o.Open() || o.Served() {
			continue
		}
		if since := o.Return - began; failed[o.Kind] == 0 || since < first[o.Kind] {
			first[o.Kind] = since
		}
		failed[o.Kind]++
	}
	for _, kind := range v.kinds() {
		if failed[kind] > 0 {
			list = append(list, v.trouble(kind, failed[kind], first[kind]))
		}
	}
	return list
}

func (v *view) trouble(kind history.Kind, failed int, first time.Duration) Trouble {
	began := millis(first)
	t := Trouble{Kind: kind, Failed: failed, FirstErrorMS: &began}
	if healed, ok := v.h.Healed(); ok {
		if c := v.comeback(kind, healed); c.first >= 0 {
			over := millis(c.last)
			t.RecoveredMS = &over
		}
	}
	return t
}

// ages of reads that were answered from a copy.
func (v *view) ages(underFault bool) Ages {
	var ds []time.Duration
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		if o.Outcome == history.OK && o.Source == "cache" && (!underFault || v.h.UnderFault(o.Call)) {
			ds = append(ds, o.Age)
		}
	}
	return Ages{
		Reads: len(ds), P50MS: millis(history.Quantile(ds, 0.5)),
		P99MS: millis(history.Quantile(ds, 0.99)), MaxMS: millis(history.Quantile(ds, 1)),
	}
}

// amplification is that of the worst window with enough ops to speak of one.
func (v *view) amplification() *float64 {
	var worst *float64
	for _, a := range v.amplifications(defaultWindow, defaultIntent) {
		if r := a.ratio(); worst == nil || r > *worst {
			worst = &r
		}
	}
	return worst
}
