package traffic

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"eventflow/scenarios/history"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// pressingSale is buyers who all press "buy" several times, and nobody else.
func pressingSale() Sale {
	return Sale{Event: 7, Buyers: 20, PurchaseShare: 1, PressShare: 1, Seed: 3, Think: time.Millisecond, Backoff: 10 * time.Millisecond}
}

// sets is the purchase ops by lock.
func sets(ops []history.Op) map[string][]history.Op {
	out := map[string][]history.Op{}
	for _, op := range only(ops, history.Purchase) {
		out[op.LockID] = append(out[op.LockID], op)
	}
	return out
}

func TestImpatientBuyersPressFiveTimesAtOnce(t *testing.T) {
	var mu sync.Mutex
	connections := map[string]int{}
	f := newFakeShop(t, func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		if isPurchase(r) {
			mu.Lock()
			defer mu.Unlock()
			connections[r.RemoteAddr]++
		}
		return false
	})
	s := pressingSale()
	s.Buyers = 5
	h, stats := playUntil(t, f, s, atLeast(2*presses, history.Purchase, history.OK))
	ops := h.Ops
	for lock, set := range sets(ops) {
		require.Len(t, set, presses, lock)
		attempts, processes := map[int]bool{}, map[int]bool{}
		for _, op := range set {
			attempts[op.Attempt], processes[op.Process] = true, true
			require.Equal(t, TransactionID(lock), op.Transaction)
			require.Equal(t, history.OK, op.Outcome)
			require.Equal(t, set[0].Intended, op.Intended, "meant for one moment")
		}
		require.Len(t, attempts, presses, "numbered from 0 to 4")
		require.Len(t, processes, presses, "a process has one op at a time")
	}
	for addr, n := range connections {
		require.Equal(t, 1, n, "connection %s carried several presses", addr)
	}
	require.Zero(t, stats.Left)
	requireOneOpAtATime(t, ops)
}

func TestPressThatNamesAnotherTransactionIsSeen(t *testing.T) {
	f := newFakeShop(t, func(w http.ResponseWriter, r *http.Request, nth int) bool {
		if isPurchase(r) && nth%presses == 0 {
			answerJSON(w, 202, map[string]any{"status": "ACCEPTED_ASYNC", "transaction_id": uuid.NewString()})
			return true
		}
		return false
	})
	h, _ := playUntil(t, f, pressingSale(), atLeast(2*presses, history.Purchase, history.OK))
	wrong := 0
	for _, op := range only(h.Ops, history.Purchase) {
		if op.Error != "" {
			require.Contains(t, op.Error, "breaks the contract")
			wrong++
		}
	}
	require.Positive(t, wrong)
}

// One answer of five is lost and the others are "not now": the buyer is in
// doubt, and asks again until it is known.
func TestPressInDoubtIsAskedAgain(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{} // by whom
	f := newFakeShop(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !isPurchase(r) {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		asked[r.Header.Get("Authorization")]++
		switch nth := asked[r.Header.Get("Authorization")]; {
		case nth > presses:
			return false
		case nth == 2:
			hangUp(w)
		default:
			refuse(w, 503, "queue_unavailable", "none")
		}
		return true
	})
	s := pressingSale()
	s.Buyers = 5
	h, stats := playUntil(t, f, s, atLeast(2, history.Purchase, history.OK))
	ops := h.Ops
	require.Zero(t, stats.Left)
	for lock, set := range sets(ops) {
		last := set[len(set)-1]
		require.Equal(t, history.OK, last.Outcome, lock)
		require.Greater(t, len(set), presses, lock)
		require.Equal(t, len(set)-1, last.Attempt, "retries count on from the presses")
	}
	requireOneOpAtATime(t, ops)
}

func TestOneYesOutweighsEveryOtherAnswer(t *testing.T) {
	yes, lost := history.Op{Outcome: history.OK, Code: 202}, history.Op{Outcome: history.Unknown}
	later, no := history.Op{Outcome: history.Refused, Code: 503}, history.Op{Outcome: history.Refused, Code: 409}
	for _, c := range []struct {
		told []history.Op
		want history.Op
	}{
		{[]history.Op{no, lost, yes, later}, yes},
		{[]history.Op{no, later, lost}, lost},
		{[]history.Op{no, later, no}, later},
		{[]history.Op{no, no}, no},
	} {
		got := conclude(c.told)
		require.Equal(t, len(c.told)-1, got.Attempt, "retries count on")
		require.Equal(t, c.want.Outcome, got.Outcome)
		require.Equal(t, c.want.Code, got.Code)
	}
}
