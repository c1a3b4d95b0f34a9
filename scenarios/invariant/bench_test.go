package invariant_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// crowd is a green history of about n ops: reads, and buyers who lock, buy and ask.
func crowd(n int) history.History {
	raw, err := json.Marshal(invariant.Spec{
		Bounds: []invariant.Bound{{Name: "reads", Phase: history.Baseline, Kind: history.Seats, Want: invariant.Match{Code: []int{200}},
			Limit: invariant.AtLeast, Ratio: 0.999, MinOps: 1}},
		NoHang:    map[history.Kind]invariant.Duration{history.Purchase: invariant.Duration(time.Second)},
		Witnesses: []invariant.Witness{{Name: "holds", Measure: invariant.CountHolds, Min: 1}},
	})
	if err != nil {
		panic(err)
	}
	h := history.History{
		Meta:   history.Meta{Format: history.FormatVersion, Spec: raw},
		Phases: []history.Phase{{Name: history.Baseline, End: time.Hour}},
		Ledger: &history.Ledger{At: time.Hour, Effects: map[string]int{}}, Complete: true,
	}
	s := simulation{h: h}
	for b := 0; len(s.h.Ops) < n; b++ {
		lock, seats := fmt.Sprintf("%032d", b), []string{fmt.Sprint("A-", b), fmt.Sprint("B-", b)}
		for i, o := range []history.Op{
			{Kind: history.Seats, Outcome: history.OK, Code: 200, Source: "cache"},
			lockOp(lock, seats, 600*time.Second), buyOp(lock, seats, history.OK),
			{Kind: history.Status, Outcome: history.OK, Code: 200, Transaction: tx(lock), State: "confirmed"},
		} {
			o.ID, o.Process, o.Event = int64(len(s.h.Ops)+1), b%1000, sale
			o.Call = time.Duration(len(s.h.Ops)) * time.Millisecond
			o.Intended, o.Return = o.Call, o.Call+time.Duration(i+1)*100*time.Microsecond
			s.h.Ops = append(s.h.Ops, o)
		}
		s.settle(lock, seats, "CONFIRMED", "")
	}
	return s.h
}

func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{1e5, 1e6} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := crowd(n)
			for b.Loop() {
				require.Equal(b, invariant.Pass, invariant.Judge(h).Verdict)
			}
		})
	}
}
