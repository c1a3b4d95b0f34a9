package invariant

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"eventflow/scenarios/history"
)

const (
	defaultWindow = 5 * time.Second
	defaultIntent = 50
)

// retryBudget: trouble must not multiply itself. It compares what the nodes served
// with what buyers asked, and counts connections, window by window.
func retryBudget(v *view) []Finding {
	r := v.spec.Retries
	if r == nil {
		return nil
	}
	var fs []Finding
	if r.MaxRatio > 0 {
		fs = append(fs, v.amplified(r))
	}
	if r.MaxConnects > 0 {
		fs = append(fs, v.connects(r))
	}
	for _, name := range slices.Sorted(maps.Keys(r.MaxRates)) {
		fs = append(fs, v.rate(name, r.MaxRates[name]))
	}
	return fs
}

// amplification is how many requests the nodes served between two samples, and
// how many ops were under way at some time between them. An op counts in every
// window that it touches: the nodes may have served it in any of them.
type amplification struct {
	from, to time.Duration
	requests float64
	ops      int
}

func (a amplification) ratio() float64 { return a.requests / float64(a.ops) }

func (v *view) amplified(r *Retries) Finding {
	var c cases
	var worst float64
	n := 0
	for _, a := range v.amplifications(r.window(), r.minOps()) {
		n++
		worst = max(worst, a.ratio())
		if a.ratio() > r.MaxRatio {
			c.add("%s to %s: %.0f requests for %d ops, %.2f each", at(a.from), at(a.to), a.requests, a.ops, a.ratio())
		}
	}
	f := c.finding(RetryBudget, fmt.Sprintf("windows with more than %.3g requests an op", r.MaxRatio), "windows", n)[0]
	if f.Counts["worst_percent"] = int64(100 * worst); n == 0 {
		f.Verdict, f.Detail = Invalid, "nobody counted the nodes' requests over a whole window"
	}
	return f
}

func (r *Retries) window() time.Duration {
	if r.Window > 0 {
		return r.Window.D()
	}
	return defaultWindow
}

func (r *Retries) minOps() int {
	if r.MinOps > 0 {
		return r.MinOps
	}
	return defaultIntent
}

// amplifications is the windows with at least so many ops, each from a sample to
// the first that is a window later.
func (v *view) amplifications(window time.Duration, atLeast int) []amplification {
	calls, returns := v.edges()
	var list []amplification
	for i, j := range windows(v.h.Samples, window) {
		a, b := v.h.Samples[i], v.h.Samples[j]
		requests, ok := rise(a, b, RequestsOf)
		called, _ := slices.BinarySearch(calls, b.At+1)
		over, _ := slices.BinarySearch(returns, a.At)
		if n := called - over; ok && n >= atLeast {
			list = append(list, amplification{a.At, b.At, requests, n})
		}
	}
	return list
}

// edges is when the ops were called and when they returned, each in order.
func (v *view) edges() (calls, returns []time.Duration) {
	for i := range v.h.Ops {
		calls = append(calls, v.h.Ops[i].Call)
		if !v.h.Ops[i].Open() {
			returns = append(returns, v.h.Ops[i].Return)
		}
	}
	slices.Sort(calls)
	slices.Sort(returns)
	return calls, returns
}

// windows pairs each sample with the first that is a window later.
func windows(samples []history.Sample, window time.Duration) func(func(int, int) bool) {
	return func(yield func(int, int) bool) {
		j := 0
		for i := range samples {
			for j < len(samples) && samples[j].At < samples[i].At+window {
				j++
			}
			if j == len(samples) || !yield(i, j) {
				return
			}
		}
	}
}

// rise sums by how much the counters with that prefix rose. Those that one of the
// samples lacks are left out.
func rise(a, b history.Sample, prefix string) (sum float64, ok bool) {
	for name, x := range a.Values {
		if y, both := b.Values[name]; both && strings.HasPrefix(name, prefix) {
			ok, sum = true, sum+max(0, y-x)
		}
	}
	return sum, ok
}

func (v *view) connects(r *Retries) Finding {
	var c cases
	var worst float64
	n := 0
	for i, j := range windows(v.h.Samples, time.Second) {
		a, b := v.h.Samples[i], v.h.Samples[j]
		for name := range a.Values {
			link, ok := strings.CutPrefix(name, AcceptedOf)
			if _, both := b.Values[name]; !ok || !both {
				continue
			}
			n++
			rate := (b.Values[name] - a.Values[name]) / (b.At - a.At).Seconds()
			if worst = max(worst, rate); rate > r.MaxConnects {
				c.add("%s to %s: link %s accepted %.1f connections a second", at(a.At), at(b.At), link, rate)
			}
		}
	}
	slices.Sort(c.list)
	f := c.finding(RetryBudget, fmt.Sprintf("storms of more than %.3g connections a second", r.MaxConnects), "seconds of links", n)[0]
	if f.Counts["worst"] = int64(worst); n == 0 {
		f.Verdict, f.Detail = Invalid, "nobody counted the links' connections"
	}
	return f
}

// rate judges how fast one counter rose.
func (v *view) rate(name string, limit float64) Finding {
	var c cases
	var worst float64
	n := 0
	for i, j := range windows(v.h.Samples, time.Second) {
		a, b := v.h.Samples[i], v.h.Samples[j]
		x, before := a.Values[name]
		y, after := b.Values[name]
		if !before || !after {
			continue
		}
		n++
		rate := (y - x) / (b.At - a.At).Seconds()
		if worst = max(worst, rate); rate > limit {
			c.add("%s to %s: %s rose by %.1f a second", at(a.At), at(b.At), name, rate)
		}
	}
	f := c.finding(RetryBudget, fmt.Sprintf("rises of %s by more than %.4g in one", name, limit), "seconds", n)[0]
	if f.Counts["worst"] = int64(worst); n == 0 {
		f.Verdict, f.Detail = Invalid, "nobody counted "+name
	}
	return f
}
