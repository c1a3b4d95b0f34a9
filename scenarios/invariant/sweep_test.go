package invariant

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"eventflow/scenarios/history"
)

// TestTheSweepFindsWhatComparingAllPairsFinds checks the sweep against the
// obvious way, which is too slow for a real history.
func TestTheSweepFindsWhatComparingAllPairsFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var holds []hold
		for range rapid.IntRange(0, 9).Draw(t, "holds") {
			from := rapid.IntRange(0, 30).Draw(t, "from")
			holds = append(holds, hold{
				lock: fmt.Sprint(rapid.IntRange(1, 4).Draw(t, "lock")),
				from: time.Duration(from), to: time.Duration(from + rapid.IntRange(1, 9).Draw(t, "length")),
			})
		}
		pairs := false
		for i, a := range holds {
			for _, b := range holds[:i] {
				pairs = pairs || a.lock != b.lock && a.from < b.to && b.from < a.to
			}
		}
		var c cases
		overlaps(seat{1, "A-1"}, holds, &c)
		require.Equal(t, pairs, c.n > 0)
	})
}

func TestAJudgeThatPanicsProvesNothing(t *testing.T) {
	h := history.History{
		Meta: history.Meta{Spec: []byte(`{}`)}, Ops: []history.Op{{ID: 1, Outcome: history.OK, Kind: history.Events, Code: 200}},
		Ledger: &history.Ledger{}, Complete: true,
	}
	boom := check{name: "Boom", run: func(*view) []Finding { panic("boom") }}
	fine := check{name: "Fine", run: func(*view) []Finding { return []Finding{{Invariant: "Fine", Verdict: Pass}} }}
	r := judge(h, Spec{}, []check{boom, fine})
	require.Equal(t, Invalid, r.Verdict)
	require.Len(t, r.Of("Fine"), 1, "the other judges go on")
	require.Contains(t, r.Of("Boom")[0].Detail, "boom")

	bad := check{name: "Bad", run: func(*view) []Finding { return []Finding{{Invariant: "Bad", Verdict: Broken}} }}
	require.Equal(t, Broken, judge(h, Spec{}, []check{boom, bad}).Verdict)
	require.Equal(t, "Bad", judge(h, Spec{}, []check{boom, bad}).Failed()[0].Invariant, "broken comes first")
}

func TestMerge(t *testing.T) {
	order := []Verdict{Pass, Invalid, Broken}
	for i, v := range order {
		for j, w := range order {
			require.Equal(t, order[max(i, j)], v.Merge(w))
		}
	}
}
