package seatlock_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/ticket"
)

func TestPurchaseHasNoTimeLimit(t *testing.T) {
	f := start(t, seatlock.Options{TTL: time.Minute})
	w := want("ana", 1, "A-1", "A-2")
	f.lock(t, w)
	_, err := f.locks.BeginPurchase(t.Context(), w.ID, "bob", "app-1")
	require.ErrorIs(t, err, ticket.ErrNotOwner)
	a := f.begin(t, w)
	assert.Equal(t, seatlock.StatePurchasing, a.State)
	assert.Equal(t, ticket.TransactionID(w.ID), a.Transaction)
	for _, key := range []string{seatKey(1, "A-1"), seatKey(1, "A-2"), "lock:" + w.ID} {
		left, err := f.rdb.PTTL(t.Context(), key).Result()
		require.NoError(t, err)
		assert.Negative(t, left, key)
	}
	assert.Equal(t, ticket.Purchasing, f.state(t, 1, "A-1"))
	_, err = f.locks.Extend(t.Context(), w.ID, "ana")
	require.ErrorIs(t, err, ticket.ErrLockInUse)
	require.ErrorIs(t, f.locks.Release(t.Context(), w.ID, "ana"), ticket.ErrLockInUse)
}

func TestAcceptedIsAnsweredAgain(t *testing.T) {
	f := start(t, seatlock.Options{})
	w := want("ana", 1, "A-1")
	f.lock(t, w)
	require.NoError(t, f.locks.Accepted(t.Context(), f.begin(t, w)))
	a := f.begin(t, w)
	assert.Equal(t, seatlock.StateAccepted, a.State)
	assert.Empty(t, a.ID)
	rec, err := f.locks.Purchase(t.Context(), a.Transaction)
	require.NoError(t, err)
	assert.Equal(t, "ana", rec.User)
	assert.Equal(t, seatlock.StateAccepted, rec.State)
}

func TestRefused(t *testing.T) {
	f := start(t, seatlock.Options{TTL: time.Minute})
	ctx := t.Context()
	refuse := func(a seatlock.Attempt) bool {
		returned, err := f.locks.Refused(ctx, a)
		require.NoError(t, err)
		return returned
	}
	t.Run("alone: the seats return with what is left", func(t *testing.T) {
		w := want("ana", 1, "A-1")
		f.lock(t, w)
		assert.True(t, refuse(f.begin(t, w)))
		left, err := f.rdb.PTTL(ctx, seatKey(1, "A-1")).Result()
		require.NoError(t, err)
		assert.InDelta(t, 60, left.Seconds(), 1)
		_, err = f.locks.Purchase(ctx, ticket.TransactionID(w.ID))
		require.ErrorIs(t, err, ticket.ErrNoPurchase)
		_, err = f.locks.Extend(ctx, w.ID, "ana")
		require.NoError(t, err)
		require.NoError(t, f.locks.Accepted(ctx, f.begin(t, w)), "and it can be bought again")
	})
	t.Run("with no time left the floor is given", func(t *testing.T) {
		w := want("ana", 2, "A-1")
		f.lock(t, w)
		a := f.begin(t, w)
		require.NoError(t, f.rdb.HSet(ctx, "lock:"+w.ID, "expires", time.Now().Add(-time.Hour).UnixMilli()).Err())
		assert.True(t, refuse(a))
		left, err := f.rdb.PTTL(ctx, seatKey(2, "A-1")).Result()
		require.NoError(t, err)
		assert.InDelta(t, seatlock.HoldFloor.Seconds(), left.Seconds(), 1)
		got, err := f.locks.Lock(ctx, w)
		require.NoError(t, err)
		assert.InDelta(t, seatlock.HoldFloor.Seconds(), time.Until(got.ExpiresAt).Seconds(), 1)
	})
	t.Run("another is open: it stays, until that one is refused too", func(t *testing.T) {
		w := want("ana", 3, "A-1")
		f.lock(t, w)
		a, b := f.begin(t, w), f.begin(t, w)
		assert.True(t, b.Joined)
		assert.False(t, refuse(a))
		assert.Equal(t, ticket.Purchasing, f.state(t, 3, "A-1"))
		assert.False(t, refuse(a), "telling it twice does not count twice")
		assert.True(t, refuse(b))
	})
	t.Run("an earlier one is unknown: it stays for ever", func(t *testing.T) {
		w := want("ana", 4, "A-1")
		f.lock(t, w)
		require.NoError(t, f.locks.Unknown(ctx, f.begin(t, w)))
		assert.False(t, refuse(f.begin(t, w)))
		assert.Equal(t, ticket.Purchasing, f.state(t, 4, "A-1"))
		require.NoError(t, f.locks.Accepted(ctx, f.begin(t, w)), "but a retry may succeed")
	})
	t.Run("an earlier one never ended: it stays", func(t *testing.T) {
		w := want("ana", 5, "A-1")
		f.lock(t, w)
		f.begin(t, w)
		assert.False(t, refuse(f.begin(t, w)))
	})
	t.Run("another was accepted: it stays accepted", func(t *testing.T) {
		w := want("ana", 6, "A-1")
		f.lock(t, w)
		a, b := f.begin(t, w), f.begin(t, w)
		require.NoError(t, f.locks.Accepted(ctx, a))
		assert.False(t, refuse(b))
		assert.Equal(t, seatlock.StateAccepted, f.begin(t, w).State)
	})
	t.Run("too many to count: it stays", func(t *testing.T) {
		w := want("ana", 7, "A-1")
		f.lock(t, w)
		var open []seatlock.Attempt
		for range 40 {
			open = append(open, f.begin(t, w))
		}
		for _, a := range open {
			assert.False(t, refuse(a))
		}
	})
}

func TestSettle(t *testing.T) {
	f := start(t, seatlock.Options{})
	ctx := t.Context()
	settle := func(w ticket.Lock, s ticket.Status) {
		for range 2 { // any number of times
			require.NoError(t, f.locks.Settle(ctx, []seatlock.Settlement{{Purchase: purchaseOf(w), Status: s, Reason: "seat_taken"}}))
		}
	}
	t.Run("confirmed", func(t *testing.T) {
		w := want("ana", 1, "A-1")
		f.lock(t, w)
		a := f.begin(t, w)
		settle(w, ticket.Confirmed)
		require.NoError(t, f.locks.Accepted(ctx, a), "the app may be slower than the consumer")
		assert.Equal(t, ticket.Sold, f.state(t, 1, "A-1"))
		assert.Equal(t, seatlock.StateConfirmed, f.begin(t, w).State)
		_, err := f.locks.Lock(ctx, want("bob", 1, "A-1"))
		require.ErrorIs(t, err, ticket.ErrSeatTaken)
	})
	t.Run("rejected frees what is still its own", func(t *testing.T) {
		w := want("ana", 2, "A-1", "A-2")
		f.lock(t, w)
		f.begin(t, w)
		require.NoError(t, f.rdb.Set(ctx, seatKey(2, "A-2"), "sold:other", 0).Err())
		settle(w, ticket.Rejected)
		assert.Equal(t, ticket.Free, f.state(t, 2, "A-1"))
		assert.Equal(t, ticket.Sold, f.state(t, 2, "A-2"))
		_, err := f.locks.BeginPurchase(ctx, w.ID, "ana", "app-1")
		require.ErrorIs(t, err, ticket.ErrRejected)
	})
	t.Run("without a record", func(t *testing.T) {
		w := want("eva", 3, "A-1")
		settle(w, ticket.Confirmed)
		list, err := f.locks.PurchasesOf(ctx, "eva")
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, w.Seats, list[0].Seats)
		assert.Equal(t, seatlock.StateConfirmed, list[0].State)
	})
	t.Run("only the ledger's words", func(t *testing.T) {
		require.Error(t, f.locks.Settle(ctx, []seatlock.Settlement{{Purchase: purchaseOf(want("ana", 9, "A-1")), Status: ticket.Queued}}))
	})
}

func TestJanitor(t *testing.T) {
	f := start(t, seatlock.Options{})
	ctx := t.Context()
	unknown, accepted := want("ana", 1, "A-1"), want("bob", 1, "A-2")
	for _, w := range []ticket.Lock{unknown, accepted} {
		f.lock(t, w)
	}
	require.NoError(t, f.locks.Unknown(ctx, f.begin(t, unknown)))
	require.NoError(t, f.locks.Accepted(ctx, f.begin(t, accepted)))
	// Begun in one millisecond they have no order.
	require.NoError(t, f.rdb.ZIncrBy(ctx, "purchasing", -1, unknown.ID).Err())
	young, err := f.locks.Pending(ctx, time.Hour)
	require.NoError(t, err)
	assert.Empty(t, young)
	list, err := f.locks.Pending(ctx, 0)
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, unknown.ID, list[0].Purchase.LockID)
	assert.Equal(t, unknown.Seats, list[0].Purchase.Seats)
	require.NoError(t, list[0].Purchase.Validate())
	now, err := f.rdb.Time(ctx).Result()
	require.NoError(t, err)
	assert.InDelta(t, now.Sub(list[0].Since).Seconds(), list[0].Age.Seconds(), 5, "by one clock")
	assert.Greater(t, list[0].Age, time.Second, "it was begun a second before the other")
	assert.True(t, list[1].Accepted)

	require.ErrorIs(t, f.locks.Abandon(ctx, list[1]), ticket.ErrLockInUse, "what was accepted is never given up")
	require.NoError(t, f.rdb.ZAdd(ctx, "purchasing", z(unknown.ID, time.Now().Add(time.Minute))).Err())
	require.ErrorIs(t, f.locks.Abandon(ctx, list[0]), ticket.ErrLockInUse, "it was tried again since")
	require.NoError(t, f.rdb.ZAdd(ctx, "purchasing", z(unknown.ID, list[0].Since)).Err())
	require.NoError(t, f.locks.Abandon(ctx, list[0]))
	assert.Equal(t, ticket.Free, f.state(t, 1, "A-1"))
	_, err = f.locks.BeginPurchase(ctx, unknown.ID, "ana", "app-1")
	require.ErrorIs(t, err, ticket.ErrLockLapsed)
	_, err = f.locks.Lock(ctx, unknown)
	require.ErrorIs(t, err, ticket.ErrLockInUse, "its transaction may still turn up")
}
