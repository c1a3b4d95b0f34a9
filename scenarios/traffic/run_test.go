package traffic

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"eventflow/scenarios/history"

	"github.com/stretchr/testify/require"
)

// runFor plays the sale for d and returns what was recorded.
func runFor(t *testing.T, f *fakeShop, s Sale, d time.Duration) ([]history.Op, Stats) {
	t.Helper()
	notes := newNotebook()
	shop := Open(f.URL, notes)
	defer shop.Close()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	stats, err := shop.Run(ctx, s)
	require.NoError(t, err)
	require.Zero(t, notes.Open(), "no op is left open")
	return notes.ops(t), stats
}

// playUntil plays the sale until the numbers say what the test waits for.
func playUntil(t *testing.T, f *fakeShop, s Sale, seen func(Stats) bool) (history.History, Stats) {
	t.Helper()
	notes := newNotebook()
	shop := Open(f.URL, notes)
	defer shop.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go closeDoors(ctx, cancel, shop, seen)
	stats, err := shop.Run(ctx, s)
	require.NoError(t, err)
	require.True(t, seen(stats), "what the test waits for never came: %v", stats)
	require.Zero(t, notes.Open(), "no op is left open")
	return notes.read(t), stats
}

// atLeast waits for n ops of the kind that ended so.
func atLeast(n int, kind history.Kind, outcome history.Outcome) func(Stats) bool {
	return func(s Stats) bool { return s.Ops[kind][string(outcome)] >= n }
}

func quickSale() Sale {
	return Sale{Event: 7, Seats: 60, Buyers: 30, Readers: 50, Registers: 5, HotSeats: 3, HotShare: 0.6, RegisterShare: 0.3,
		PurchaseShare: 0.7, AbandonShare: 0.2, ExtendShare: 0.4, Seed: 3,
		Think: 5 * time.Millisecond, Backoff: 10 * time.Millisecond}
}

func TestSaleUsesEveryKindOfOp(t *testing.T) {
	notes := newNotebook()
	shop := Open(newFakeShop(t, nil).URL, notes)
	defer shop.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go closeDoors(ctx, cancel, shop, func(s Stats) bool { return len(missing(s)) == 0 })
	stats, err := shop.Run(ctx, quickSale())
	require.NoError(t, err)
	require.Empty(t, missing(stats), "%v", stats.Ops)
	require.Zero(t, stats.Shed())
	requireOneOpAtATime(t, notes.ops(t))
}

// closeDoors ends the sale once the numbers say what the test waits for.
func closeDoors(ctx context.Context, end func(), shop *Shop, seen func(Stats) bool) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		<-tick.C
		if seen(shop.Stats()) {
			end()
		}
	}
}

// missing names the kinds of op that no buyer has done yet, and fighting for
// seats if nobody has been refused one.
func missing(stats Stats) (out []string) {
	for _, kind := range []history.Kind{history.Enter, history.Register, history.Events, history.Seats, history.Lock,
		history.Extend, history.Release, history.Purchase, history.Status} {
		if len(stats.Ops[kind]) == 0 {
			out = append(out, string(kind))
		}
	}
	if stats.Ops[history.Lock][string(history.Refused)] == 0 {
		out = append(out, "a refused lock")
	}
	return out
}

// requireOneOpAtATime checks what makes a process a process.
func requireOneOpAtATime(t *testing.T, ops []history.Op) {
	t.Helper()
	last := map[int]history.Op{}
	for _, op := range ops {
		before, ok := last[op.Process]
		require.False(t, ok && before.Return > op.Call, "process %d has two ops open: %+v, %+v", op.Process, before, op)
		require.False(t, ok && before.Outcome == history.Unknown, "process %d goes on after an unknown outcome", op.Process)
		require.LessOrEqual(t, op.Intended, op.Call)
		last[op.Process] = op
	}
}

func TestSameSeedSameBuyers(t *testing.T) {
	names := func() map[int]string {
		ops, _ := runFor(t, newFakeShop(t, nil), quickSale(), 600*time.Millisecond)
		out := map[int]string{}
		for _, op := range only(ops, history.Enter) {
			out[op.Buyer] = "guest"
		}
		for _, op := range only(ops, history.Register) {
			out[op.Buyer] = "member"
		}
		return out
	}
	one, two := names(), names()
	both := 0
	for k, as := range one {
		if two[k] != "" {
			require.Equal(t, as, two[k], "buyer %d", k)
			both++
		}
	}
	require.Greater(t, both, 3)
}

func TestStalledShopIsMeasuredFromTheIntendedStart(t *testing.T) {
	stall := make(chan struct{})
	f := newFakeShop(t, func(_ http.ResponseWriter, r *http.Request, nth int) bool {
		if r.URL.Path == "/api/events/7/seats" && nth > 1 {
			<-stall
		}
		return false
	})
	time.AfterFunc(500*time.Millisecond, func() { close(stall) })
	s := Sale{Event: 7, Readers: 100, Timeout: 2 * time.Second}
	ops, stats := runFor(t, f, s, 400*time.Millisecond)
	reads := only(ops, history.Seats)[1:]
	slices.SortFunc(reads, func(a, b history.Op) int { return cmp.Compare(a.Intended, b.Intended) })
	require.Greater(t, len(reads), 20, "arrivals do not wait for answers")
	require.Greater(t, stats.Streams["readers"].Peak, 20)
	for i, op := range reads {
		require.Equal(t, reads[0].Intended+time.Duration(i)*10*time.Millisecond, op.Intended, "evenly spaced")
	}
	require.Greater(t, reads[0].Latency(), 400*time.Millisecond)
}

func TestArrivalsBeyondTheBoundAreShedAndCounted(t *testing.T) {
	stall := make(chan struct{})
	f := newFakeShop(t, func(_ http.ResponseWriter, _ *http.Request, nth int) bool {
		if nth > 1 {
			<-stall
		}
		return false
	})
	time.AfterFunc(300*time.Millisecond, func() { close(stall) })
	ops, stats := runFor(t, f, Sale{Event: 7, Readers: 100, MaxOpen: 5, Timeout: 2 * time.Second}, 250*time.Millisecond)
	require.Len(t, ops, 1+5, "the hall and five readers")
	require.Equal(t, 5, stats.Streams["readers"].Arrived)
	require.Greater(t, stats.Streams["readers"].Shed, 5)
	require.Greater(t, stats.Shed(), 0.5)
}

func TestRetryKeepsLockAndTransaction(t *testing.T) {
	f := newFakeShop(t, func(w http.ResponseWriter, r *http.Request, nth int) bool {
		if !isPurchase(r) || nth > 40 {
			return false
		}
		if nth%2 == 0 {
			hangUp(w)
		} else {
			refuse(w, 503, "queue_unavailable", "none")
		}
		return true
	})
	s := quickSale()
	s.Buyers, s.Readers, s.Registers, s.PurchaseShare, s.AbandonShare = 10, 0, 0, 1, 0
	ops, stats := runFor(t, f, s, time.Second)
	byBuyer := map[int][]history.Op{}
	for _, op := range only(ops, history.Purchase) {
		byBuyer[op.Buyer] = append(byBuyer[op.Buyer], op)
	}
	require.NotEmpty(t, byBuyer)
	for k, tries := range byBuyer {
		for i, op := range tries {
			require.Equal(t, tries[0].LockID, op.LockID, "buyer %d", k)
			require.Equal(t, TransactionID(op.LockID), op.Transaction)
			require.Equal(t, i, op.Attempt)
		}
	}
	require.Zero(t, stats.Left, "%+v", stats)
	requireOneOpAtATime(t, ops)
}

func TestUnansweredLockIsRepeatedAsTheSameRequest(t *testing.T) {
	f := newFakeShop(t, func(w http.ResponseWriter, r *http.Request, nth int) bool {
		if r.URL.Path != "/api/seats/lock" || nth%2 == 0 {
			return false
		}
		hangUp(w)
		return true
	})
	s := quickSale()
	s.Readers, s.Registers, s.HotShare = 0, 0, 0
	ops, _ := runFor(t, f, s, 500*time.Millisecond)
	retried := 0
	for _, op := range only(ops, history.Lock) {
		if op.Attempt > 0 {
			retried++
		}
	}
	require.Positive(t, retried)
	f.mu.Lock()
	defer f.mu.Unlock()
	require.LessOrEqual(t, len(f.locks), f.requests["POST /api/seats/lock"]/2+1, "a repeated request is one lock")
}

// The sale ends while every purchase goes unanswered; when the shop is well
// again, its buyers come back.
func TestBuyersInDoubtComeBack(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var shop *Shop
	well := func() bool { return shop.Stats().Returns > 0 } // not before the sale has ended
	f := newFakeShop(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		switch {
		case isPurchase(r) && !well():
			hangUp(w)
		case strings.HasPrefix(r.URL.Path, "/api/purchases/") && !well():
			refuse(w, 503, "outcome_unknown", "unknown")
		default:
			return false
		}
		return true
	})
	notes := newNotebook()
	s := quickSale()
	s.PurchaseShare, s.AbandonShare = 1, 0
	shop = Open(f.URL, notes)
	go closeDoors(ctx, cancel, shop, func(s Stats) bool { return s.Ops[history.Purchase][string(history.Unknown)] > 2 })
	stats, err := shop.Run(ctx, s)
	require.NoError(t, err)
	require.Positive(t, stats.Returns)
	require.Zero(t, stats.Left)
	last := map[string]history.Op{}
	for _, op := range only(notes.ops(t), history.Purchase) {
		last[op.Transaction] = op
	}
	for tx, op := range last {
		require.Equal(t, history.OK, op.Outcome, tx)
	}
}

func TestRunNeedsAHall(t *testing.T) {
	f := newFakeShop(t, nil)
	_, err := Open(f.URL, newNotebook()).Run(t.Context(), Sale{Event: 8})
	require.ErrorContains(t, err, "learn the hall of event 8")
	_, err = Open(f.URL, newNotebook()).Run(t.Context(), Sale{Event: 7, Seats: 1000})
	require.ErrorContains(t, err, "event 7 has 60")
}
