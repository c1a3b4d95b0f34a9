package invariant

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"eventflow/scenarios/history"
)

// simulatedSlack suits the simulations: they answer to the nanosecond.
const simulatedSlack = Duration(time.Millisecond)

func viewOf(h *history.History) *view {
	return newView(h, Spec{LeaseSlack: simulatedSlack, HoldFloor: 1, Amnesia: []string{"wipe"}}, true)
}

// verdicts is what the sweep and the search say of the history's only seat.
func verdicts(h history.History) (swept bool, searched porcupine.CheckResult, q *leaseSeat) {
	v := viewOf(&h)
	if len(v.locks.pages) == 0 {
		return false, porcupine.Ok, &leaseSeat{}
	}
	p := &v.locks.pages[0]
	var c cases
	overlaps(p.seat, p.holds, &c)
	q = v.leaseSeat(p)
	return c.n > 0, porcupine.CheckOperationsTimeout(leaseModel(), q.ops, 20*time.Second), q
}

// TestSimulatedLockStores: the model accuses no store that works, and each that
// does not. The sweep sees three of the four defects.
func TestSimulatedLockStores(t *testing.T) {
	for _, lost := range []float64{0, 0.02} {
		for _, d := range []defect{works, notAtomic, anyRelease, shortLease, neverLapses} {
			t.Run(fmt.Sprintf("%s, %.0f%% lost", d, 100*lost), func(t *testing.T) {
				swept, illegal := 0, 0
				for seed := range uint64(80) {
					sweep, search, q := verdicts(simulate(d, lost, seed))
					require.NotEqual(t, porcupine.Unknown, search, "seed %d: %d ops, %d unknown", seed, len(q.ops), q.unknown)
					require.False(t, sweep && search == porcupine.Ok, "seed %d: the sweep proves what the search denies", seed)
					if sweep {
						swept++
					}
					if search == porcupine.Illegal {
						illegal++
					}
				}
				t.Logf("of 80 histories the sweep flags %d, the search %d", swept, illegal)
				if d == works {
					require.Zero(t, swept+illegal)
					return
				}
				if d == neverLapses && lost > 0 {
					// What was not answered may explain the refusals that give it away.
					require.GreaterOrEqual(t, illegal, 70)
				} else {
					require.Equal(t, 80, illegal)
				}
				require.Equal(t, d != neverLapses, swept > 0)
			})
		}
	}
}

// TestTheFirstLookNeverDisagreesWithTheSearch: it may only save the search work.
func TestTheFirstLookNeverDisagreesWithTheSearch(t *testing.T) {
	for seed := range uint64(40) {
		for _, d := range []defect{works, shortLease, neverLapses} {
			_, search, q := verdicts(simulate(d, 0.02, seed))
			if q.tells() == nil {
				require.Equal(t, porcupine.Ok, search, "seed %d", seed)
			}
		}
	}
}

// drawStory is any story of one seat, likely or not.
func drawStory(t *rapid.T) history.History {
	h := history.History{Complete: true, Ledger: &history.Ledger{At: time.Hour, Effects: map[string]int{}}}
	var now time.Duration
	tick := func(name string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, name)) * 100 * time.Millisecond
	}
	for i := range rapid.IntRange(1, 9).Draw(t, "ops") {
		now += tick("gap", 12)
		o := history.Op{
			ID: int64(i + 1), Process: i, Buyer: i, Event: 1, Seats: []string{"A-1"}, Call: now, Return: now + tick("lasts", 20) + 1,
			Kind:    rapid.SampledFrom([]history.Kind{history.Lock, history.Lock, history.Lock, history.Extend, history.Release, history.Purchase}).Draw(t, "kind"),
			LockID:  rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "lock"),
			Outcome: rapid.SampledFrom([]history.Outcome{history.OK, history.OK, history.OK, history.Unknown, history.Refused}).Draw(t, "outcome"),
		}
		o.Transaction = "tx-" + o.LockID
		if o.Outcome == history.OK && (o.Kind == history.Lock || o.Kind == history.Extend) {
			o.Expires = tick("left", 40) + 200*time.Millisecond
		}
		h.Ops = append(h.Ops, o)
	}
	if rapid.Bool().Draw(t, "rejected") {
		h.Ledger.Purchases = []history.PurchaseRow{{Transaction: "tx-a", Event: 1, Seats: []string{"A-1"}, Status: rejected}}
	}
	if rapid.IntRange(0, 3).Draw(t, "wipe") == 0 {
		at := tick("wipe at", 80)
		h.Faults = []history.Fault{{Index: 1, Name: "wipe", Start: at, InForce: at, HealAt: at + 300*time.Millisecond, Healed: at + 500*time.Millisecond}}
	}
	return h
}

// TestWhatTheSweepProvesTheSearchProvesToo: two judges of the same promise, made
// in two ways.
func TestWhatTheSweepProvesTheSearchProvesToo(t *testing.T) {
	proven := 0
	rapid.Check(t, func(t *rapid.T) {
		sweep, search, q := verdicts(drawStory(t))
		if sweep {
			proven++
			require.Equal(t, porcupine.Illegal, search, "%v %v", q.ops, q.tokens)
		}
	})
	require.Positive(t, proven, "no story was broken: nothing was compared")
}

func TestSeatsThatCannotBeSearchedAreCounted(t *testing.T) {
	h := simulate(works, 0, 1)
	for i := range 2 * unknownCap {
		h.Ops = append(h.Ops, history.Op{ID: int64(len(h.Ops) + 1), Kind: history.Lock, Buyer: 100 + i, LockID: fmt.Sprint("x", i), Event: 1,
			Seats: []string{"A-1"}, Call: time.Second, Return: 2 * time.Second, Outcome: history.Unknown})
	}
	for i := range 2 * unknownCap { // they were seen later, so they cannot be left out
		h.Ops = append(h.Ops, history.Op{ID: int64(len(h.Ops) + 1), Kind: history.Lock, Buyer: 100 + i, LockID: fmt.Sprint("x", i), Event: 1,
			Seats: []string{"A-1"}, Call: time.Hour, Return: time.Hour, Outcome: history.OK})
	}
	f := lockLinear(viewOf(&h))
	require.Equal(t, int64(1), f[0].Counts["not_examined"])
	require.Contains(t, f[0].Detail, "1 seats not examined")
	require.Zero(t, f[0].Counts["examined"])
}

// TestLocksNobodySawAreLeftOut, and with them the refusals that they may explain.
func TestLocksNobodySawAreLeftOut(t *testing.T) {
	h := simulate(neverLapses, 0, 1)
	for i := range 2 * unknownCap {
		h.Ops = append(h.Ops, history.Op{ID: int64(len(h.Ops) + 1), Kind: history.Lock, Buyer: 100 + i, Event: 1,
			Seats: []string{"A-1"}, Call: time.Second, Return: 2 * time.Second, Outcome: history.Unknown})
	}
	f := lockLinear(viewOf(&h))
	require.Zero(t, f[0].Counts["not_examined"])
	require.Positive(t, f[0].Counts["refusals_left"])
}

func TestNoTimeLeftIsNoPass(t *testing.T) {
	h := simulate(neverLapses, 0, 1)
	v := viewOf(&h)
	var c, late cases
	spent := tally{until: time.Now().Add(-time.Second)}
	spent.judge(v.leaseSeat(&v.locks.pages[0]), &v.locks.pages[0], &c, &late)
	require.Zero(t, c.n)
	require.Equal(t, int64(1), late.n)
}

func TestVisualize(t *testing.T) {
	var page bytes.Buffer
	spec := []byte(`{"lease_slack":"1ms","witnesses":[{"name":"ops","measure":"ops","min":1}]}`)
	h := simulate(works, 0, 1)
	h.Meta.Spec = spec
	found, err := Visualize(h, &page)
	require.NoError(t, err)
	require.False(t, found)
	require.Zero(t, page.Len())

	h = simulate(shortLease, 0, 1)
	h.Meta.Spec = spec
	found, err = Visualize(h, &page)
	require.NoError(t, err)
	require.True(t, found)
	require.Contains(t, page.String(), "<html")
	require.Contains(t, page.String(), "lock-1 for 1s")
}
