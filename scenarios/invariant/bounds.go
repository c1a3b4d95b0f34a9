package invariant

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"eventflow/scenarios/history"
)

// availability judges the spec's bounds. A bound with too few ops behind it is
// invalid, never broken: three answers out of four prove nothing about a promise
// of 99.9 %.
func availability(v *view) []Finding {
	var fs []Finding
	for _, b := range v.spec.Bounds {
		fs = append(fs, v.bound(b))
	}
	return fs
}

func (v *view) bound(b Bound) Finding {
	f := Finding{Invariant: Availability, Phase: b.Phase, Verdict: Pass}
	from, to, ok := v.h.Window(b.Phase)
	if !ok {
		f.Verdict, f.Detail = Invalid, fmt.Sprintf("%s: phase %s did not take place", b.Name, b.Phase)
		return f
	}
	n, hits, against := v.tally(b, from, to)
	f.Counts = map[string]int64{"ops": int64(n), "matching": int64(hits), "needed": int64(b.MinOps)}
	share := fmt.Sprintf("%d of %d %s ops (%s)", hits, n, b.Kind, percent(hits, n))
	switch {
	case n < b.MinOps:
		f.Verdict, f.Detail = Invalid, fmt.Sprintf("%s: only %d %s ops counted, at least %d are needed to say anything", b.Name, n, b.Kind, b.MinOps)
	case b.broken(hits, n):
		f.Verdict, f.Evidence = Broken, against.list
		f.Detail = fmt.Sprintf("%s: %s, %s %.4g %% promised", b.Name, share, b.Limit.words(), 100*b.Ratio)
		if b.Limit == AtLeast {
			f = v.blameless(f, from, to)
		}
	default:
		f.Detail = fmt.Sprintf("%s: %s", b.Name, share)
	}
	return f
}

// tally counts the ops that the bound is about and those answered as it says, and
// keeps the ops that speak against it.
func (v *view) tally(b Bound, from, to time.Duration) (n, hits int, against cases) {
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		if o.Kind != b.Kind || o.Call < from || o.Call >= to || !b.Among.Matches(*o) {
			continue
		}
		if b.Limit == AtMost && (o.Open() || o.Return > to) {
			continue
		}
		hit := b.Want.Matches(*o) && b.inTime(o)
		if !hit && b.answeredHealed(o, to) {
			continue
		}
		n++
		if hit {
			hits++
		}
		if hit == (b.Limit == AtMost) {
			against.add("%s after %s", told(o), o.Latency().Round(time.Millisecond))
		}
	}
	return n, hits, against
}

func (b Bound) inTime(o *history.Op) bool {
	return b.Within == 0 || o.Latency() <= b.Within.D()
}

// answeredHealed says that the op was asked in the phase and answered, in time,
// after healing had begun: a map that then comes from the database, or an account
// that then is made, is no broken promise. One that came too late still is.
func (b Bound) answeredHealed(o *history.Op, to time.Duration) bool {
	return b.Limit == AtLeast && !o.Open() && o.Return > to && b.inTime(o)
}

func (b Bound) broken(hits, n int) bool {
	if b.Limit == AtMost {
		return float64(hits) > b.Ratio*float64(n)
	}
	return float64(hits) < b.Ratio*float64(n)
}

func (l Limit) words() string {
	if l == AtMost {
		return "at most"
	}
	return "at least"
}

func percent(part, all int) string {
	if all == 0 {
		return "none"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(part)/float64(all))
}

// noHang: every op of a kind, in any phase, is answered within its limit, counted
// from sending. Refusing fast is part of the promise.
func noHang(v *view) []Finding {
	var fs []Finding
	for _, kind := range slices.Sorted(maps.Keys(v.spec.NoHang)) {
		fs = append(fs, v.hang(kind, v.spec.NoHang[kind].D()))
	}
	return fs
}

func (v *view) hang(kind history.Kind, limit time.Duration) Finding {
	var c cases
	var longest time.Duration
	n := 0
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		if o.Kind != kind {
			continue
		}
		n++
		longest = max(longest, o.Service())
		if o.Service() > limit {
			c.add("%s took %s", told(o), o.Service().Round(time.Millisecond))
		}
	}
	f := c.finding(NoHang, fmt.Sprintf("answers after more than %s", limit), string(kind)+" ops", n)[0]
	f.Counts["longest_ms"] = longest.Milliseconds()
	if n == 0 {
		f.Verdict, f.Detail = Invalid, fmt.Sprintf("no %s op took place", kind)
	}
	return v.blameless(f, 0, v.h.End())
}
