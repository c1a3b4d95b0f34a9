package invariant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// step is an op of a story about one seat; times are in seconds.
type step struct {
	call, ret float64
	op        history.Op
}

func sec(x float64) time.Duration { return time.Duration(x * float64(time.Second)) }

var one = []string{"A-1"}

func took(call, ret float64, lock string, ttl float64) step {
	return step{call, ret, lockOp(lock, one, sec(ttl))}
}

func bought(call, ret float64, lock string, outcome history.Outcome) step {
	return step{call, ret, buyOp(lock, one, outcome)}
}

func gave(call, ret float64, lock string, outcome history.Outcome) step {
	return step{call, ret, history.Op{Kind: history.Release, LockID: lock, Outcome: outcome}}
}

func kept(call, ret float64, lock string, ttl float64) step {
	return step{call, ret, history.Op{Kind: history.Extend, LockID: lock, Outcome: history.OK, Expires: sec(ttl)}}
}

// mutex judges a story with a slack of 100 ms. rejected are locks whose purchase
// the ledger rejected.
func mutex(t *testing.T, faults []history.Fault, rejected []string, steps ...step) invariant.Finding {
	h := history.History{Faults: faults, Complete: true, Ledger: &history.Ledger{At: sec(1000), Effects: map[string]int{}}}
	for i, s := range steps {
		o := s.op
		o.Process, o.Event, o.Call, o.Intended, o.Return = i, sale, sec(s.call), sec(s.call), sec(s.ret)
		h.Ops = append(h.Ops, o)
	}
	for _, lock := range rejected {
		h.Ledger.Purchases = append(h.Ledger.Purchases, history.PurchaseRow{Transaction: tx(lock), Event: sale, Seats: one, Status: "REJECTED"})
	}
	s := invariant.Spec{
		LeaseSlack: invariant.Duration(100 * time.Millisecond), Amnesia: []string{"wipe"},
		Witnesses: []invariant.Witness{{Name: "ops", Measure: invariant.CountOps, Min: 1}},
	}
	fs := invariant.JudgeBy(renumber(h), s).Of(invariant.LockMutex)
	require.Len(t, fs, 1)
	return fs[0]
}

func TestLockMutex(t *testing.T) {
	wipe := []history.Fault{{Index: 1, Name: "wipe", Start: sec(3), InForce: sec(3), HealAt: sec(4), Healed: sec(4)}}
	for _, tc := range []struct {
		name     string
		steps    []step
		faults   []history.Fault
		rejected []string
		broken   bool
	}{
		{name: "two at once", steps: []step{took(1, 2, "a", 10), took(3, 4, "b", 10)}, broken: true},
		{name: "the second call came first", steps: []step{took(1, 5, "a", 10), took(2, 3, "b", 10)}, broken: true},
		{name: "the first is short", steps: []step{took(1, 2, "a", 60), took(2.5, 2.6, "b", 10), took(50, 51, "c", 10)}, broken: true},

		{name: "one after the other's lease", steps: []step{took(1, 2, "a", 5), took(6, 6.1, "b", 10)}},
		{name: "within the slack of the lease", steps: []step{took(1, 2, "a", 5), took(5.8, 5.95, "b", 10)}},
		{name: "just before the slack", steps: []step{took(1, 2, "a", 5), took(5.7, 5.85, "b", 10)}, broken: true},
		{name: "answered after the lease was over", steps: []step{took(1, 7, "a", 5), took(2, 3, "b", 1)}},
		{name: "the answer was late, the grant may be later", steps: []step{took(1, 2, "a", 5), took(1.5, 8, "b", 10)}},

		{name: "the same lock again", steps: []step{took(1, 2, "a", 10), took(3, 4, "a", 10)}},
		{name: "the same lock again does not hide a thief", steps: []step{took(1, 2, "a", 60), took(3, 4, "a", 10), took(20, 21, "b", 5)}, broken: true},
		{name: "a thief between two grants of one lock", steps: []step{took(1, 2, "a", 4), took(5.2, 5.3, "b", 9), took(8, 9, "a", 4)}, broken: true},

		{name: "released", steps: []step{took(1, 2, "a", 10), gave(3, 4, "a", history.OK), took(3.5, 4, "b", 10)}},
		{name: "taken before the release was sent", steps: []step{took(1, 2, "a", 10), took(2.2, 2.5, "b", 10), gave(3, 4, "a", history.OK)}, broken: true},
		{name: "released, perhaps", steps: []step{took(1, 2, "a", 10), gave(3, 4, "a", history.Unknown), took(5, 6, "b", 10)}},
		{name: "release refused", steps: []step{took(1, 2, "a", 10), gave(3, 4, "a", history.Refused), took(5, 6, "b", 10)}, broken: true},
		{name: "somebody else released", steps: []step{took(1, 2, "a", 10), gave(3, 4, "b", history.OK), took(5, 6, "c", 10)}, broken: true},
		{name: "released before, held again", steps: []step{took(1, 2, "a", 10), gave(3, 4, "a", history.OK), took(5, 6, "a", 10), took(7, 8, "b", 5)}, broken: true},
		{name: "a release that may still arrive", steps: []step{took(1, 2, "a", 10), gave(3, 4, "a", history.Unknown), took(5, 6, "a", 10), took(7, 8, "b", 5)}},

		{name: "extended", steps: []step{took(1, 2, "a", 5), kept(4, 5, "a", 10), took(9, 10, "b", 5)}, broken: true},
		{name: "extended and lapsed", steps: []step{took(1, 2, "a", 5), kept(4, 5, "a", 10), took(14, 15, "b", 5)}},
		{name: "extended, perhaps", steps: []step{
			took(1, 2, "a", 5), {4, 5, history.Op{Kind: history.Extend, LockID: "a", Outcome: history.Unknown, Expires: sec(10)}}, took(9, 10, "b", 5)}},

		{name: "accepted, long past the lease", steps: []step{took(1, 2, "a", 5), bought(3, 4, "a", history.OK), took(90, 91, "b", 5)}, broken: true},
		{name: "accepted, then released", steps: []step{took(1, 2, "a", 5), bought(3, 4, "a", history.OK), gave(5, 6, "a", history.OK), took(90, 91, "b", 5)}, broken: true},
		{name: "accepted and rejected", steps: []step{took(1, 2, "a", 60), bought(3, 4, "a", history.OK), took(5, 6, "b", 5)}, rejected: []string{"a"}},
		{name: "rejected, but taken before it was bought", steps: []step{took(1, 2, "a", 60), took(2.3, 2.5, "b", 5), bought(3, 4, "a", history.OK)}, rejected: []string{"a"}, broken: true},
		{name: "bought, perhaps", steps: []step{took(1, 2, "a", 60), bought(3, 4, "a", history.Unknown), took(5, 6, "b", 5)}},
		{name: "purchase refused", steps: []step{took(1, 2, "a", 60), bought(3, 4, "a", history.Refused), took(5, 6, "b", 5)}, broken: true},
		{name: "in doubt, then accepted", steps: []step{took(1, 2, "a", 5), bought(3, 4, "a", history.Unknown), bought(5, 6, "a", history.OK), took(90, 91, "b", 5)}, broken: true},
		{name: "in doubt is not yet accepted", steps: []step{
			took(1, 2, "a", 2), bought(3, 4, "a", history.Unknown), took(4.2, 4.3, "b", 0.5), bought(5, 6, "a", history.OK)}},

		{name: "forgotten", steps: []step{took(1, 2, "a", 60), took(5, 6, "b", 5)}, faults: wipe},
		{name: "forgotten while it was asked for", steps: []step{took(3.2, 3.5, "a", 60), took(5, 6, "b", 5)}, faults: wipe},
		{name: "taken after the wipe", steps: []step{took(5, 6, "a", 60), took(7, 8, "b", 5)}, faults: wipe, broken: true},
		{name: "taken before the wipe", steps: []step{took(1, 1.2, "a", 60), took(1.5, 2, "b", 5)}, faults: wipe, broken: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := mutex(t, tc.faults, tc.rejected, tc.steps...)
			require.Equal(t, tc.broken, f.Verdict == invariant.Broken, "%+v", f)
			require.Equal(t, tc.broken, len(f.Evidence) > 0)
		})
	}
}

func TestLocksOfOtherSeatsAndSalesDoNotMeet(t *testing.T) {
	other := took(3, 4, "b", 10)
	other.op.Seats = []string{"A-2"}
	require.Equal(t, invariant.Pass, mutex(t, nil, nil, took(1, 2, "a", 10), other).Verdict)
	shared := took(3, 4, "b", 10)
	shared.op.Seats = []string{"A-2", "A-1"}
	require.Equal(t, invariant.Broken, mutex(t, nil, nil, took(1, 2, "a", 10), shared).Verdict)
}
