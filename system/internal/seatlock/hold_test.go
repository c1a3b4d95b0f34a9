package seatlock_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/ticket"
)

func TestLock(t *testing.T) {
	f := start(t, seatlock.Options{})
	ctx := t.Context()

	t.Run("takes all seats or none", func(t *testing.T) {
		f.lock(t, want("ana", 1, "A-1", "A-2"))
		_, err := f.locks.Lock(ctx, want("bob", 1, "A-3", "A-2"))
		var taken *seatlock.SeatsTaken
		require.ErrorAs(t, err, &taken)
		require.ErrorIs(t, err, ticket.ErrSeatTaken)
		assert.Equal(t, []string{"A-2"}, taken.Seats)
		assert.Equal(t, ticket.Free, f.state(t, 1, "A-3"))
		assert.Equal(t, ticket.Held, f.state(t, 1, "A-1"))
	})
	t.Run("repeated is the same lock", func(t *testing.T) {
		w := want("ana", 2, "A-1")
		first := f.lock(t, w)
		again := f.lock(t, w)
		assert.WithinDuration(t, first.ExpiresAt, again.ExpiresAt, 50*time.Millisecond)
		assert.InDelta(t, seatlock.DefaultTTL.Seconds(), time.Until(again.ExpiresAt).Seconds(), 1)
	})
	t.Run("an id is one buyer's and one wish's", func(t *testing.T) {
		w := want("ana", 3, "A-1")
		f.lock(t, w)
		other := w
		other.User = "bob"
		_, err := f.locks.Lock(ctx, other)
		require.ErrorIs(t, err, ticket.ErrInvalid)
		other = w
		other.Seats = []string{"A-2"}
		_, err = f.locks.Lock(ctx, other)
		require.ErrorIs(t, err, ticket.ErrInvalid)
	})
	t.Run("a lapsed or released one can be had again", func(t *testing.T) {
		w := want("ana", 4, "A-1")
		f.lock(t, w)
		f.lapse(t, 4, "A-1")
		f.lock(t, w)
		require.NoError(t, f.locks.Release(ctx, w.ID, "ana"))
		f.lock(t, w)
		assert.Equal(t, ticket.Held, f.state(t, 4, "A-1"))
	})
	t.Run("one that was bought with is used up", func(t *testing.T) {
		w := want("ana", 5, "A-1")
		f.lock(t, w)
		f.begin(t, w)
		_, err := f.locks.Lock(ctx, w)
		require.ErrorIs(t, err, ticket.ErrLockInUse)
	})
}

func TestOneOwnerInARace(t *testing.T) {
	f := start(t, seatlock.Options{})
	var won, lost atomic.Int64
	var all sync.WaitGroup
	gun := make(chan struct{})
	for range 200 {
		all.Go(func() {
			<-gun
			w := want(uuid.NewString(), 7, "A-1", "A-2")
			for {
				_, err := f.locks.Lock(t.Context(), w)
				switch {
				case err == nil:
					won.Add(1)
				case errors.Is(err, ticket.ErrSeatTaken):
					lost.Add(1)
				case errors.Is(err, ticket.ErrUnavailable): // 200 callers wait for 32 connections
					continue
				default:
					t.Errorf("lock: %v", err)
				}
				return
			}
		})
	}
	close(gun)
	all.Wait()
	assert.EqualValues(t, 1, won.Load())
	assert.EqualValues(t, 199, lost.Load())
}

func TestExtendAndRelease(t *testing.T) {
	f := start(t, seatlock.Options{TTL: time.Minute, MaxHold: 90 * time.Second})
	ctx := t.Context()
	w := want("ana", 1, "A-1")
	_, err := f.locks.Extend(ctx, w.ID, "ana")
	require.ErrorIs(t, err, ticket.ErrNoLock)
	f.lock(t, w)
	_, err = f.locks.Extend(ctx, w.ID, "bob")
	require.ErrorIs(t, err, ticket.ErrNotOwner)
	require.ErrorIs(t, f.locks.Release(ctx, w.ID, "bob"), ticket.ErrNotOwner)

	// As if it had been locked 50 s ago: 40 s are left to the limit.
	now, err := f.rdb.Time(ctx).Result()
	require.NoError(t, err)
	require.NoError(t, f.rdb.HSet(ctx, "lock:"+w.ID, "created", now.Add(-50*time.Second).UnixMilli(), "expires", now.Add(10*time.Second).UnixMilli()).Err())
	got, err := f.locks.Extend(ctx, w.ID, "ana")
	require.NoError(t, err)
	assert.InDelta(t, 40, time.Until(got.ExpiresAt).Seconds(), 1)
	left, err := f.rdb.PTTL(ctx, seatKey(1, "A-1")).Result()
	require.NoError(t, err)
	assert.InDelta(t, 40, left.Seconds(), 1, "the seat's own time is what counts")

	f.lapse(t, 1, "A-1")
	_, err = f.locks.Extend(ctx, w.ID, "ana")
	require.ErrorIs(t, err, ticket.ErrLockLapsed)
	f.lock(t, w)
	require.NoError(t, f.locks.Release(ctx, w.ID, "ana"))
	require.NoError(t, f.locks.Release(ctx, w.ID, "ana"), "twice is once")
	assert.Equal(t, ticket.Free, f.state(t, 1, "A-1"))
	_, err = f.locks.Extend(ctx, w.ID, "ana")
	require.ErrorIs(t, err, ticket.ErrLockLapsed)
}

func TestTheNodesClockDecidesNothing(t *testing.T) {
	f := start(t, seatlock.Options{})
	late := seatlock.New(f.rdb, seatlock.Options{Now: func() time.Time { return time.Now().Add(time.Hour) }})
	w := want("ana", 1, "A-1")
	f.lock(t, w)
	_, err := late.Lock(t.Context(), want("bob", 1, "A-1"))
	require.ErrorIs(t, err, ticket.ErrSeatTaken)
	got, err := late.Extend(t.Context(), w.ID, "ana")
	require.NoError(t, err)
	assert.InDelta(t, 3600+600, time.Until(got.ExpiresAt).Seconds(), 1, "dates are the asked node's")
}

func TestRedisLetsLocksLapse(t *testing.T) {
	f := start(t, seatlock.Options{TTL: 120 * time.Millisecond})
	w := want("ana", 1, "A-1")
	f.lock(t, w)
	require.Eventually(t, func() bool { return f.state(t, 1, "A-1") == ticket.Free }, 3*time.Second, 10*time.Millisecond)
	_, err := f.locks.BeginPurchase(t.Context(), w.ID, "ana", "app-1")
	require.ErrorIs(t, err, ticket.ErrLockLapsed, "though nobody took the seat")
	require.ErrorIs(t, f.locks.Release(t.Context(), w.ID, "ana"), ticket.ErrLockLapsed)
}
