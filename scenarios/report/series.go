package report

import (
	"math"
	"time"

	"eventflow/scenarios/history"
)

// group is a family of requests that are drawn together.
type group string

const (
	reads    group = "reads"
	buying   group = "buying"
	accounts group = "accounts"
)

func groups() []group { return []group{reads, buying, accounts} }

func groupOf(k history.Kind) group {
	switch k {
	case history.Seats, history.Events, history.Event, history.Cold, history.Status:
		return reads
	case history.Lock, history.Extend, history.Release, history.Purchase:
		return buying
	}
	return accounts
}

// bucket is what was called within one step of the axis.
type bucket struct {
	outcomes [3]int // in the order of outcomes()
	failed   int    // not served
	waits    []time.Duration
}

func outcomes() [3]history.Outcome {
	return [3]history.Outcome{history.OK, history.Refused, history.Unknown}
}

func (b *bucket) ops() int { return b.outcomes[0] + b.outcomes[1] + b.outcomes[2] }

func (b *bucket) add(o *history.Op) {
	for i, outcome := range outcomes() {
		if o.Known() == outcome {
			b.outcomes[i]++
		}
	}
	if !o.Served() {
		b.failed++
	}
	if !o.Open() {
		b.waits = append(b.waits, o.Latency())
	}
}

// bucketed sorts the ops that keep says yes to by when they were called.
func bucketed(h history.History, a axis, keep func(history.Kind) bool) []bucket {
	list := make([]bucket, a.steps)
	for i := range h.Ops {
		if keep(h.Ops[i].Kind) {
			list[a.index(h.Ops[i].Call)].add(&h.Ops[i])
		}
	}
	return list
}

// gap is a value that was not measured: a line is broken there.
func gap() float64 { return math.NaN() }

// values is one number for each bucket; no says which have none.
func values(list []bucket, of func(*bucket) float64) []float64 {
	ys := make([]float64, len(list))
	for i := range list {
		ys[i] = of(&list[i])
	}
	return ys
}

func rate(i int, step time.Duration) func(*bucket) float64 {
	return func(b *bucket) float64 { return float64(b.outcomes[i]) / step.Seconds() }
}

func quantile(q float64) func(*bucket) float64 {
	return func(b *bucket) float64 {
		if len(b.waits) == 0 {
			return gap()
		}
		return millis(history.Quantile(b.waits, q))
	}
}

func failedShare(b *bucket) float64 {
	if b.ops() == 0 {
		return gap()
	}
	return 100 * float64(b.failed) / float64(b.ops())
}

// sampled is the series of that name as it was seen: offsets and values. Of more
// than most values every so many are left out.
func sampled(h history.History, most int, names ...string) (at []time.Duration, ys []float64) {
	for _, name := range names {
		for _, s := range h.Samples {
			if y, ok := s.Values[name]; ok {
				at, ys = append(at, s.At), append(ys, y)
			}
		}
		if len(ys) > 0 {
			break
		}
	}
	return thin(at, most), thin(ys, most)
}

// thin keeps at most n of the list, evenly spread, the last one among them.
func thin[T any](list []T, n int) []T {
	if len(list) <= n {
		return list
	}
	kept := make([]T, n)
	for i := range kept {
		kept[i] = list[(i+1)*len(list)/n-1]
	}
	return kept
}
