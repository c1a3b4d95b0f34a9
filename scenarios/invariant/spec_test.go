package invariant_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

func TestASpecTravelsAsText(t *testing.T) {
	raw, err := json.Marshal(spec())
	require.NoError(t, err)
	require.Contains(t, string(raw), `"within":"300ms"`)
	require.Contains(t, string(raw), `"no_hang":{"purchase":"3s","seats":"1s"}`)
	var got invariant.Spec
	require.NoError(t, json.Unmarshal(raw, &got))
	require.Equal(t, spec(), got)
	require.ErrorContains(t, json.Unmarshal([]byte(`{"lease_slack":"soon"}`), &got), "duration")
}

func TestASpecThatCannotBeJudgedIsRefused(t *testing.T) {
	require.NoError(t, spec().Validate())
	for want, change := range map[string]func(*invariant.Spec){
		"no witnesses":                      func(s *invariant.Spec) { s.Witnesses = nil },
		"phase and kind must be named":      func(s *invariant.Spec) { s.Bounds[0].Phase = "" },
		`unknown limit "often"`:             func(s *invariant.Spec) { s.Bounds[0].Limit = "often" },
		"ratio 1.5 is not a share":          func(s *invariant.Spec) { s.Bounds[0].Ratio = 1.5 },
		"bound 1 (warm reads): holds":       func(s *invariant.Spec) { s.Bounds[0].Ratio = 0 },
		"bound 2 (never an account): holds": func(s *invariant.Spec) { s.Bounds[1].Ratio = 1 },
		"within goes with at_least":         func(s *invariant.Spec) { s.Bounds[1].Within = 1 },
		"min_ops must be at least 1":        func(s *invariant.Spec) { s.Bounds[0].MinOps = 0 },
		"no_hang seats: 0s is no limit":     func(s *invariant.Spec) { s.NoHang[history.Seats] = 0 },
		"recovery : kind must be named":     func(s *invariant.Spec) { s.Recovery[0].Kind = "" },
		"bounds nothing":                    func(s *invariant.Spec) { s.Recovery[0].First, s.Recovery[0].Last = 0, 0 },
		"recovery seats: min_ops":           func(s *invariant.Spec) { s.Recovery[0].MinOps = 0 },
		"min must be at least 1":            func(s *invariant.Spec) { s.Witnesses[0].Min = 0 },
		`unknown measure "luck"`:            func(s *invariant.Spec) { s.Witnesses[0].Measure = "luck" },
		"stale: bounds nothing":             func(s *invariant.Spec) { *s.Stale = invariant.Stale{} },
		"stale: outage needs a source":      func(s *invariant.Spec) { s.Stale.Source = nil },
		"isolation 1: phase and kind":       func(s *invariant.Spec) { s.Isolation[0].Kind = "" },
		"isolation 1: a phase is not":       func(s *invariant.Spec) { s.Isolation[0].Phase = history.Baseline },
		"isolation 1: factor":               func(s *invariant.Spec) { s.Isolation[0].Factor = 0.5 },
		"retries: bounds nothing":           func(s *invariant.Spec) { *s.Retries = invariant.Retries{} },
		"retries: a bound must not":         func(s *invariant.Spec) { s.Retries.MaxRatio = -1 },
		`no invariant is called "Luck"`:     func(s *invariant.Spec) { s.Examine = []string{"Luck"} },
		"series must be named":              func(s *invariant.Spec) { s.Witnesses[3].Series = "" },
	} {
		t.Run(want, func(t *testing.T) {
			s := spec()
			change(&s)
			require.ErrorContains(t, s.Validate(), want)
		})
	}
}

func TestMatch(t *testing.T) {
	o := history.Op{Outcome: history.OK, Code: 200, Source: "cache", Claim: "none", Problem: "p", Node: "app-1", Age: time.Second}
	require.True(t, invariant.Match{}.Matches(o))
	require.True(t, invariant.Match{Code: []int{201, 200}, MaxAge: invariant.Duration(time.Second)}.Matches(o))
	require.True(t, invariant.Match{Outcome: []history.Outcome{history.Unknown}}.Matches(history.Op{}), "an open op is unknown")
	for name, m := range map[string]invariant.Match{
		"outcome": {Outcome: []history.Outcome{history.Refused}}, "code": {Code: []int{503}}, "source": {Source: []string{"database"}},
		"claim": {Claim: []string{"unknown"}}, "problem": {Problem: []string{"q"}}, "node": {Node: []string{"app-2"}},
		"age": {MaxAge: invariant.Duration(time.Millisecond)},
	} {
		require.False(t, m.Matches(o), name)
	}
}

// TestEveryWitnessCanBeMissed raises each witness's demand above what any green
// history has.
func TestEveryWitnessCanBeMissed(t *testing.T) {
	h := rapid.Custom(drawGreen).Example(1)
	for i, w := range spec().Witnesses {
		s := spec()
		s.Witnesses[i].Min = 1e9
		require.Equal(t, []string{invariant.NonVacuity}, flipped(invariant.JudgeBy(h, s)), w.Name)
		s.Witnesses[i].Min, s.Witnesses[i].Phase = 1, "never was"
		require.Equal(t, []string{invariant.NonVacuity}, flipped(invariant.JudgeBy(h, s)), w.Name)
	}
}

func TestABoundOnAPhaseThatWasNotIsInvalid(t *testing.T) {
	s := spec()
	s.Bounds[0].Phase = "never was"
	require.Equal(t, []string{invariant.Availability}, flipped(invariant.JudgeBy(rapid.Custom(drawGreen).Example(1), s)))
	s = spec()
	s.NoHang[history.Login] = 1
	require.Equal(t, []string{invariant.NoHang}, flipped(invariant.JudgeBy(rapid.Custom(drawGreen).Example(1), s)))
}

// TestWhatIsAnsweredAfterTheHealIsNoBreachOfNever: an op that was called under
// the fault may rightly succeed once healing began.
func TestWhatIsAnsweredAfterTheHealIsNoBreachOfNever(t *testing.T) {
	h := rapid.Custom(drawGreen).Example(1)
	insert(&h, 19900*ms, 400*ms, history.Op{Kind: history.Register, Outcome: history.OK, Code: 201})
	require.Empty(t, invariant.Judge(h).Failed())
	insert(&h, 19000*ms, 400*ms, history.Op{Kind: history.Register, Outcome: history.OK, Code: 201})
	require.Equal(t, []string{invariant.Availability}, flipped(invariant.Judge(h)))
}

func TestNumbers(t *testing.T) {
	n := invariant.Judge(rapid.Custom(drawGreen).Example(1)).Numbers
	require.True(t, n.Audited)
	require.Equal(t, int64(9), *n.QueuedPeak)
	require.Equal(t, n.Ops, n.OK+n.Refused+n.Unknown)
	require.Equal(t, 40, n.CacheReads)
	require.Equal(t, 12, n.CacheReadsFault)
	require.GreaterOrEqual(t, n.UnknownPurchases, 2)
	require.GreaterOrEqual(t, n.Recovered, 2)
	require.Equal(t, 1, n.Rejected)
	require.Zero(t, *n.RecoveryMS)
	ops := 0
	for _, s := range n.Service {
		ops += s.Ops
		require.InDelta(t, float64(s.Served)/float64(s.Ops), s.Availability, 1e-9)
		require.True(t, s.P50MS <= s.P99MS && s.P99MS <= s.MaxMS)
	}
	require.Equal(t, n.Ops, ops)
}

func TestRecoveryTimeIsTheLastFailure(t *testing.T) {
	h := rapid.Custom(drawGreen).Example(1)
	insert(&h, 21400*ms, 100*ms, history.Op{Kind: history.Seats, Outcome: history.Refused, Code: 503})
	r := invariant.Judge(h)
	require.Equal(t, invariant.Pass, r.Verdict)
	require.GreaterOrEqual(t, *r.Numbers.RecoveryMS, 1100.0)
	insert(&h, 22*time.Second, 100*ms, history.Op{Kind: history.Extend, Outcome: history.Unknown, Code: 504, LockID: "x"})
	h.Ops = append([]history.Op(nil), h.Ops...)
	for i := range h.Ops {
		if h.Ops[i].Kind == history.Extend && h.Ops[i].LockID != "x" {
			h.Ops[i].Outcome, h.Ops[i].Code = history.Refused, 410
		}
	}
	require.Nil(t, invariant.Judge(h).Numbers.RecoveryMS, "a kind that failed and never succeeded has not recovered")
}

// TestTheFiguresOfThePlainHistory pins what each witness and each number counts.
func TestTheFiguresOfThePlainHistory(t *testing.T) {
	r := invariant.Judge(plain())
	for i, want := range []int64{1, 9300, 1, 8, 9, 3, 2, 1, 8, 1} {
		w := spec().Witnesses[i]
		require.Equal(t, want, r.Of(invariant.NonVacuity)[i+1].Counts["seen"], w.Name)
	}
	n := r.Numbers
	require.Equal(t, []int{2, 1, 1, 0}, []int{n.Accepted, n.AcceptedBaseline, n.AcceptedFault, n.AcceptedRecover})
	require.Equal(t, []int{2, 3, 1, 3, 2}, []int{n.Persisted, n.Confirmed, n.Rejected, n.UnknownPurchases, n.Recovered})
}

func TestTroubleAndStaleness(t *testing.T) {
	h := plain()
	insert(&h, 12*time.Second, 100*ms, history.Op{Kind: history.Login, Outcome: history.Refused, Code: 503})
	insert(&h, 21*time.Second, 400*ms, history.Op{Kind: history.Login, Outcome: history.Unknown})
	insert(&h, 22*time.Second, ms, history.Op{Kind: history.Login, Outcome: history.OK, Code: 200})
	insert(&h, 12*time.Second, ms, history.Op{Kind: history.Seats, Outcome: history.OK, Code: 200, Source: "cache", Age: 7 * time.Second})
	n := invariant.Judge(h).Numbers
	i := slices.IndexFunc(n.Trouble, func(x invariant.Trouble) bool { return x.Kind == history.Login })
	require.Equal(t, 2, n.Trouble[i].Failed)
	require.InDelta(t, 1900, *n.Trouble[i].FirstErrorMS, 0.1)
	require.InDelta(t, 1000, *n.Trouble[i].RecoveredMS, 0.1)
	require.InDelta(t, 7000, n.Staleness.MaxMS, 0)
	require.InDelta(t, 7000, n.StalenessFault.MaxMS, 0)
	require.Equal(t, n.CacheReads, n.Staleness.Reads)
	require.Equal(t, n.CacheReadsFault, n.StalenessFault.Reads)
	require.Nil(t, n.Amplification, "fewer than fifty ops in any window say nothing")
}

func TestARiseIsCountedFromTheLowestEarlierValue(t *testing.T) {
	h := plain()
	for i, x := range []float64{8, 8, 8, 8, 8, 6, 9, 12, 3, 5} {
		h.Samples[i].Values["queue_ready"] = x
	}
	s := spec()
	s.Witnesses[3].Phase = "cut"
	got := invariant.JudgeBy(h, s).Of(invariant.NonVacuity)
	require.Equal(t, int64(6), got[4].Counts["seen"], "from 6 to 12")
	require.Equal(t, int64(12), got[5].Counts["seen"])
}

// TestEvidenceNamesTheOffenders, and nothing that is in order.
func TestEvidenceNamesTheOffenders(t *testing.T) {
	h := plain()
	insert(&h, 15*time.Second, ms, history.Op{Kind: history.Register, Outcome: history.OK, Code: 201, Node: "app-2"})
	f := invariant.Judge(h).Failed()[0]
	require.Len(t, f.Evidence, 1)
	require.Contains(t, f.Evidence[0], "register at 15.000s: ok (201 app-2)")

	h = plain()
	insert(&h, 25*time.Second, ms, history.Op{Kind: history.Seats, Outcome: history.Refused, Code: 503})
	f = invariant.Judge(h).Failed()[0]
	require.Len(t, f.Evidence, 1)
	require.Contains(t, f.Evidence[0], "last failure: op")

	h = plain()
	mutants[slices.IndexFunc(mutants, func(m mutant) bool { return m.flips == invariant.AcceptConflict })].change(&h)
	recount(&h)
	require.Contains(t, invariant.Judge(h).Failed()[0].Evidence[0], "in favour of tx-lock-w")
}

func TestTheFirstSuccessIsNotUndoneByALaterFailure(t *testing.T) {
	h := plain()
	insert(&h, 25*time.Second, ms, history.Op{Kind: history.Seats, Outcome: history.Refused, Code: 503})
	s := spec()
	s.Recovery[0].Last = 0
	require.Empty(t, invariant.JudgeBy(h, s).Failed())
}

func TestFaultsAreCountedByWhatTheyBreak(t *testing.T) {
	h, s := plain(), spec()
	w := len(s.Witnesses) - 1
	s.Witnesses[w].Layer = history.ProcessLayer
	require.Equal(t, []string{invariant.NonVacuity}, flipped(invariant.JudgeBy(h, s)))
	h.Faults[0].Layer = history.ProcessLayer
	require.Empty(t, invariant.JudgeBy(h, s).Failed())
	s.Witnesses[w].Fault = "kill"
	require.Equal(t, []string{invariant.NonVacuity}, flipped(invariant.JudgeBy(h, s)))
}

func TestUpdatesAreCountedOnceCommitted(t *testing.T) {
	h, s := plain(), spec()
	w := len(s.Witnesses) - 1
	s.Witnesses[w] = invariant.Witness{Name: "updates", Measure: invariant.CountUpdates, Phase: "cut", Min: 2}
	require.Empty(t, invariant.JudgeBy(h, s).Failed())
	h.Updates[1].Return = 0
	require.Equal(t, []string{invariant.NonVacuity}, flipped(invariant.JudgeBy(h, s)))
}

func TestUnknownPurchasesAreCountedByTheirPhase(t *testing.T) {
	s := spec()
	for phase, want := range map[string]int64{history.Baseline: 1, "cut": 2, history.Recover: 0} {
		s.Witnesses[5].Phase = phase
		require.Equal(t, want, invariant.JudgeBy(plain(), s).Of(invariant.NonVacuity)[6].Counts["seen"], phase)
	}
}
