package invariant

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"eventflow/scenarios/history"
)

// TestAnswersOfAHealedShopBreakNoPromise: a read that was asked just before the
// heal and answered from the database just after it is not counted; one that was
// answered so before the heal is, and so is one that came too late.
func TestAnswersOfAHealedShopBreakNoPromise(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	op := func(id int64, call, back int, source string) history.Op {
		return history.Op{ID: id, Kind: history.Seats, Intended: ms(call), Call: ms(call), Return: ms(back), Outcome: history.OK, Code: 200, Source: source}
	}
	promise := Bound{Name: "warm reads", Phase: "cut", Kind: history.Seats, Want: Match{Source: []string{"cache"}},
		Limit: AtLeast, Ratio: 0.999, Within: Duration(ms(300)), MinOps: 1}
	cases := []struct {
		name string
		last history.Op
		want Verdict
		ops  int64
	}{
		{"answered by the healed shop", op(2, 950, 1100, "database"), Pass, 1},
		{"answered otherwise while the fault was in force", op(2, 800, 900, "database"), Broken, 2},
		{"answered as promised after the heal", op(2, 950, 1100, "cache"), Pass, 2},
		{"answered by the healed shop, and too late", op(2, 950, 1400, "database"), Broken, 2},
		{"answered as promised, and too late", op(2, 950, 1400, "cache"), Broken, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := &view{h: &history.History{
				Phases: []history.Phase{{Name: "cut", Start: 1, End: ms(1000)}},
				Ops:    []history.Op{op(1, 100, 110, "cache"), c.last},
			}}
			f := v.bound(promise)
			assert.Equal(t, c.want, f.Verdict, f.Detail)
			assert.Equal(t, c.ops, f.Counts["ops"])
		})
	}
}

// TestMeddlingWithDataTakesNoSourceAway: the updates of an event are a fault of its
// store, by record. They must not excuse the age of what is shown.
func TestMeddlingWithDataTakesNoSourceAway(t *testing.T) {
	s := Stale{Source: []string{"postgres"}}
	cut := history.Fault{Name: "cut", Layer: history.LinkLayer, Links: []string{"app-1_postgres"}}
	assert.True(t, s.hits(&cut))
	updates := history.Fault{Name: "update-event", Layer: history.DataLayer, Service: "postgres", Links: []string{"app-1_postgres"}}
	assert.False(t, s.hits(&updates))
}

// TestACounterThatRisesTooFast: the limit is on what rises within a second, and a
// series that nobody sampled proves nothing.
func TestACounterThatRisesTooFast(t *testing.T) {
	sample := func(s, reads float64) history.Sample {
		return history.Sample{At: time.Duration(s * float64(time.Second)), Values: map[string]float64{"store_reads": reads}}
	}
	v := &view{h: &history.History{Samples: []history.Sample{sample(1, 0), sample(1.5, 10), sample(2, 30), sample(2.5, 90), sample(3, 100)}}}
	assert.Equal(t, Pass, v.rate("store_reads", 80).Verdict)
	assert.Equal(t, Broken, v.rate("store_reads", 79).Verdict)
	assert.Equal(t, Invalid, v.rate("reads", 80).Verdict)
}
