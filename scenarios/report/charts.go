package report

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// charts are the page's drawings, from what buyers asked to what the stores held.
func charts(h history.History, a axis) []chart {
	byGroup := map[group][]bucket{}
	var list []chart
	for _, g := range groups() {
		byGroup[g] = bucketed(h, a, func(k history.Kind) bool { return groupOf(k) == g })
		list = append(list, throughput(a, g, byGroup[g]))
	}
	purchases := bucketed(h, a, func(k history.Kind) bool { return k == history.Purchase })
	return append(list,
		latency(a, "latency_reads", byGroup[reads]), latency(a, "latency_purchases", purchases), errorShares(a, byGroup),
		watched(h, a, "queue", "messages", "mine", invariant.QueueTotal, invariant.QueueReady),
		watched(h, a, "rows", "rows", "mine", "ledger_rows"))
}

// perStep is a line with one value for each step of the axis.
func perStep(a axis, key, class string, ys []float64) curve {
	l := curve{Key: "series." + key, Class: class, Y: ys}
	for i := range ys {
		l.X = append(l.X, a.middle(i))
		l.At = append(l.At, a.Step*time.Duration(i)+a.Step/2)
	}
	return l
}

func throughput(a axis, g group, list []bucket) chart {
	var lines []curve
	for i, o := range outcomes() {
		lines = append(lines, perStep(a, string(o), string(o), values(list, rate(i, a.Step))))
	}
	return newChart(a, string(g), "per_second", lines...).stacked()
}

func latency(a axis, key string, list []bucket) chart {
	return newChart(a, key, "ms",
		perStep(a, "p99", "p99", values(list, quantile(0.99))),
		perStep(a, "p50", "p50", values(list, quantile(0.5)))).logarithmic()
}

func errorShares(a axis, byGroup map[group][]bucket) chart {
	var lines []curve
	for _, g := range groups() {
		lines = append(lines, perStep(a, string(g), "group-"+string(g), values(byGroup[g], failedShare)))
	}
	return newChart(a, "errors", "percent", lines...).percents()
}

// watched is a series of samples, under the first of the names that was seen.
func watched(h history.History, a axis, key, unit, class string, names ...string) chart {
	at, ys := sampled(h, 2*mostSteps, names...)
	l := curve{Key: "series." + key, Class: class, At: at, Y: ys}
	for _, d := range at {
		l.X = append(l.X, a.at(d))
	}
	return newChart(a, key, unit, l)
}
