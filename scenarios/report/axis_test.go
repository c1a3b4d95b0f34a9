package report

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

func TestTheAxisFitsTheDrill(t *testing.T) {
	for _, end := range []time.Duration{0, time.Second, 24 * time.Second, time.Minute, 10 * time.Minute, 30 * time.Hour, 5000 * time.Hour} {
		a := newAxis(history.History{Phases: []history.Phase{{End: end}}})
		assert.LessOrEqual(t, a.steps, mostSteps, "%s", end)
		assert.GreaterOrEqual(t, time.Duration(a.steps)*a.Step, a.End, "%s", end)
		assert.LessOrEqual(t, len(a.Ticks()), 10, "%s", end)
		assert.NotEmpty(t, a.Ticks(), "%s", end)
		for _, at := range []time.Duration{-time.Second, 0, end, 2 * end} {
			assert.GreaterOrEqual(t, a.index(at), 0)
			assert.Less(t, a.index(at), a.steps)
			assert.False(t, a.at(at) < 0 || a.at(at) > wide)
		}
	}
}

func TestAFaultHasItsThreeBands(t *testing.T) {
	a := newAxis(history.History{Phases: []history.Phase{{End: 10 * time.Second}}})
	second := time.Second
	assert.Equal(t, []band{{100, 100, true}, {200, 300, false}, {500, 100, true}},
		a.bands(history.Fault{Start: second, InForce: 2 * second, HealAt: 5 * second, Healed: 6 * second}))
	assert.Equal(t, []band{{100, 100, true}, {200, 800, false}}, a.bands(history.Fault{Start: second, InForce: 2 * second}), "never healed")
	assert.Equal(t, []band{{100, 900, true}}, a.bands(history.Fault{Start: second}), "never in force")
}

func TestALabelStandsWhereThereIsRoom(t *testing.T) {
	a := newAxis(history.History{Phases: []history.Phase{{End: 10 * time.Second}}})
	early := a.labelled("cut", history.Fault{Start: time.Second, Healed: 4 * time.Second})
	assert.Equal(t, lane{Label: "cut", Left: 10, Room: 90}, early)
	late := a.labelled("cut", history.Fault{Start: 7 * time.Second, Healed: 9 * time.Second})
	assert.Equal(t, lane{Label: "cut", Left: 10, Right: true, Room: 90}, late)
}

func TestVeryManyBandsAreJoined(t *testing.T) {
	var many []band
	for i := range 5000 {
		many = append(many, band{X: float64(i) / 10, Width: 0.05, Weak: i%2 == 0})
	}
	many = append(many, band{X: 900, Width: 50})
	got := joined(many)
	require.Len(t, got, 2, "the flaps, and the one far away")
	assert.InDelta(t, 499.95, got[0].X+got[0].Width, 1e-6)
	assert.Equal(t, band{X: 900, Width: 50}, got[1])
}

func TestColumnsStandOnEachOtherAndLinesBreakAtGaps(t *testing.T) {
	a := axis{End: 2 * time.Second, Step: time.Second, steps: 2}
	c := newChart(a, "reads", "per_second", perStep(a, "ok", "ok", []float64{2, 0}), perStep(a, "refused", "refused", []float64{2, 0})).stacked()
	paths := c.Paths()
	assert.Contains(t, string(paths[0]), "M30 100h440V50", "the lower half")
	assert.Contains(t, string(paths[1]), "M30 50h440V0", "the upper half")
	assert.Len(t, c.Rows(), 1, "a step without requests has no row")

	l := newChart(a, "errors", "percent", perStep(a, "reads", "x", []float64{1, gap()})).percents()
	assert.Equal(t, 1, strings.Count(string(l.Paths()[0]), "M"))
	assert.NotContains(t, string(l.Paths()[0]), "NaN")
	assert.True(t, newChart(a, "errors", "percent", perStep(a, "reads", "x", []float64{gap(), gap()})).Empty())
}

func TestTheScaleEndsAboveTheHighestValue(t *testing.T) {
	for _, y := range []float64{0, 0.3, 1, 7, 99, 101, 12345, math.Inf(1)} {
		for _, log := range []bool{false, true} {
			top := niceTop(y, log)
			assert.False(t, math.IsInf(top, 0) || top <= 0, "%v", y)
			assert.True(t, top >= y || math.IsInf(y, 1), "%v above %v", top, y)
		}
	}
}

func TestWhatWasNotOKIsDrawnFirst(t *testing.T) {
	var h history.History
	for i := range 50_000 {
		o := history.Op{ID: int64(i), Kind: history.Seats, Outcome: history.OK, Call: time.Duration(i) * time.Millisecond}
		if i%10 == 0 {
			o.Outcome = history.Unknown
		}
		o.Return = o.Call + time.Millisecond
		h.Ops = append(h.Ops, o)
	}
	s := newStrip(h, newAxis(h))
	require.Len(t, s.Lanes, 1)
	assert.LessOrEqual(t, s.Drawn, mostMarks)
	assert.Equal(t, 5000, strings.Count(string(s.Lanes[0].Paths[1]), "M"), "every unknown one")
}

func TestLinksAreNamedByTheEndTheyShare(t *testing.T) {
	assert.Equal(t, "app-2_redis", linksLabel([]string{"app-2_redis"}))
	assert.Equal(t, "→ postgres (3)", linksLabel([]string{"app-1_postgres", "auth_postgres", "consumer_postgres"}))
	assert.Equal(t, "app-2 → (3)", linksLabel([]string{"app-2_postgres", "app-2_redis", "app-2_rabbitmq"}))
	assert.Equal(t, "→ redis, postgres (3)", linksLabel([]string{"app-1_redis", "app-2_redis", "auth_postgres"}))
	assert.Equal(t, "a_b … (4)", linksLabel([]string{"a_b", "c_d", "e_f", "g_h"}))
	assert.Equal(t, "wipe redis", faultLabel(history.Fault{Name: "wipe", Layer: history.ProcessLayer, Service: "redis", Links: []string{"app-1_redis"}}))
}

func TestTheCommandPlaysTheSameDrill(t *testing.T) {
	felt := []byte(`{"witnesses":[{"measure":"faults"}]}`)
	for want, m := range map[string]history.Meta{
		"bin/lab run postgres-cut --seed 7":                 {Scenario: "postgres-cut", Seed: 7, Stack: "native", Spec: felt, Plan: []byte(`{"phases":[{"faults":[{}]}]}`)},
		"bin/lab run postgres-cut --seed 7 --stack running": {Scenario: "postgres-cut", Seed: 7, Stack: "running"},
		"bin/lab run postgres-cut --seed 7 --no-faults":     {Scenario: "postgres-cut", Seed: 7, Spec: felt, Plan: []byte(`{"phases":[{}]}`)},
		"bin/lab mutants ack-early":                         {Scenario: "postgres-cut", Mutant: "ack-early"},
		`bin/lab run 'a b'\''; rm' --seed 0`:                {Scenario: "a b'; rm"},
	} {
		assert.Equal(t, want, Rerun(m))
	}
}

func TestThinKeepsTheLastAndTheOrder(t *testing.T) {
	assert.Equal(t, []int{1, 2, 3}, thin([]int{1, 2, 3}, 5))
	assert.Equal(t, []int{2, 4, 6}, thin([]int{1, 2, 3, 4, 5, 6}, 3))
	assert.Empty(t, thin([]int{1}, 0))
}

func TestWhatWasAskedForAndNeverFailedIsSteady(t *testing.T) {
	h := history.History{Faults: []history.Fault{{Name: "cut"}}}
	n := invariant.Numbers{
		Service: []invariant.Service{{Kind: history.Seats}, {Kind: history.Lock}},
		Trouble: []invariant.Trouble{{Kind: history.Lock, Failed: 1}},
	}
	assert.Equal(t, []history.Kind{history.Seats}, steady(h, n))
	assert.Empty(t, steady(history.History{}, n), "nothing was broken: that it did not fail says nothing")
}
