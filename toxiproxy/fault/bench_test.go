package fault_test

import (
	"testing"
	"time"
)

// BenchmarkHop is what a link costs that has no fault: a round trip through its
// proxy with the neutral toxics in place, over the same round trip without. The
// two take turns, so that whatever else the host does hurts both.
//
// Read the ratio and the difference; the absolute times are the host's.
func BenchmarkHop(b *testing.B) {
	l := newLab(b)
	direct, hop := dial(l.upstreams["redis"]), l.client("one_redis")
	defer direct.close()
	var spent [2]time.Duration
	for b.Loop() {
		for n, c := range []*client{direct, hop} {
			start := time.Now()
			if err := c.expect("PING", "+PONG"); err != nil {
				b.Fatal(err)
			}
			spent[n] += time.Since(start)
		}
	}
	perOp := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(b.N) }
	b.ReportMetric(perOp(spent[0]), "direct-ns/op")
	b.ReportMetric(perOp(spent[1]), "hop-ns/op")
	b.ReportMetric(perOp(spent[1])/perOp(spent[0]), "hop/direct")
	b.ReportMetric(perOp(spent[1]-spent[0])/1000, "added-us/op")
}

// BenchmarkApplyAndHeal is what a drill pays for a cut of every link and its
// heal, both proved.
func BenchmarkApplyAndHeal(b *testing.B) {
	l := newLab(b)
	for b.Loop() {
		l.cutAndHeal()
	}
}
