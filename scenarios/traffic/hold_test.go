package traffic

import (
	"testing"
	"time"

	"eventflow/scenarios/history"

	"github.com/stretchr/testify/require"
)

func TestHesitatingBuyersHoldTheirSeatsFirst(t *testing.T) {
	s := Sale{Event: 7, Buyers: 20, PurchaseShare: 1, HoldShare: 1, HoldFor: 300 * time.Millisecond, Think: time.Millisecond, Seed: 5}
	h, _ := playUntil(t, newFakeShop(t, nil), s, atLeast(3, history.Purchase, history.OK))
	locked := map[string]time.Duration{}
	for _, op := range only(h.Ops, history.Lock) {
		locked[op.LockID] = op.Return
	}
	for _, op := range only(h.Ops, history.Purchase) {
		require.GreaterOrEqual(t, op.Intended-locked[op.LockID], s.HoldFor, "op %d", op.ID)
	}
}

// Four hot seats, and buyers who want no others: each is refused again and again.
func TestStubbornBuyersWantTheHotBlockOnly(t *testing.T) {
	s := Sale{Event: 7, Buyers: 40, HotSeats: 4, StubbornShare: 1, PurchaseShare: 1, Think: time.Millisecond, Seed: 5}
	h, _ := playUntil(t, newFakeShop(t, nil), s, atLeast(20, history.Lock, history.Refused))
	tries := map[int]int{}
	hall := newSampler(fakeHall(), 1).next().of
	for _, op := range only(h.Ops, history.Lock) {
		tries[op.Buyer]++
		first := op.Buyer / (crowd * s.HotSeats) * s.HotSeats % (fakeSeats - kept)
		for _, seat := range op.Seats {
			require.Less(t, (hall[seat]-first+fakeSeats-kept)%(fakeSeats-kept), s.HotSeats, "buyer %d asks for %s", op.Buyer, seat)
		}
	}
	often := 0
	for _, n := range tries {
		often = max(often, n)
	}
	require.Equal(t, maxTries, often)
}
