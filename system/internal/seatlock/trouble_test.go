package seatlock_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/servertest"
	"eventflow/system/internal/ticket"
)

func TestLostExecReplyIsUnknown(t *testing.T) {
	f := start(t, seatlock.Options{})
	way := newLoser(t, f.server.Addr, "exec")
	far := seatlock.New(open(t, way.addr), seatlock.Options{})
	w := want("ana", 1, "A-1")

	way.armed.Store(true)
	_, err := far.Lock(t.Context(), w)
	require.ErrorIs(t, err, ticket.ErrUnknown)
	require.NotErrorIs(t, err, ticket.ErrUnavailable)
	assert.Equal(t, ticket.Held, f.state(t, 1, "A-1"), "Redis obeyed")
	way.armed.Store(false)
	_, err = far.Lock(t.Context(), w)
	require.NoError(t, err, "the same request has the same lock")

	way.armed.Store(true)
	_, err = far.BeginPurchase(t.Context(), w.ID, "ana", "app-1")
	require.ErrorIs(t, err, ticket.ErrUnknown)
	way.armed.Store(false)
	a, err := far.BeginPurchase(t.Context(), w.ID, "ana", "app-1")
	require.NoError(t, err)
	assert.True(t, a.Joined, "the lost attempt counts")
	returned, err := far.Refused(t.Context(), a)
	require.NoError(t, err)
	assert.False(t, returned)
}

func TestLostWatchReplyIsNothing(t *testing.T) {
	f := start(t, seatlock.Options{})
	way := newLoser(t, f.server.Addr, "watch")
	way.armed.Store(true)
	_, err := seatlock.New(open(t, way.addr), seatlock.Options{}).Lock(t.Context(), want("ana", 1, "A-1"))
	require.ErrorIs(t, err, ticket.ErrUnavailable)
	require.NotErrorIs(t, err, ticket.ErrUnknown)
	assert.Equal(t, ticket.Free, f.state(t, 1, "A-1"))
}

func TestLostMemoryClosesTheShop(t *testing.T) {
	f := start(t, seatlock.Options{})
	ctx := t.Context()
	w := want("ana", 1, "A-1")
	f.lock(t, w)
	require.NoError(t, f.rdb.FlushAll(ctx).Err())

	_, err := f.locks.Lock(ctx, want("bob", 1, "A-1"))
	require.ErrorIs(t, err, ticket.ErrUnavailable)
	_, err = f.locks.BeginPurchase(ctx, w.ID, "ana", "app-1")
	require.ErrorIs(t, err, ticket.ErrUnavailable)
	_, err = f.locks.Seats(ctx, 1, []string{"A-1"})
	require.ErrorIs(t, err, ticket.ErrUnavailable)
	_, err = f.locks.Purchase(ctx, ticket.TransactionID(w.ID))
	require.ErrorIs(t, err, ticket.ErrUnavailable, "a missing record proves nothing now")
	_, err = f.locks.PurchasesOf(ctx, "ana")
	require.ErrorIs(t, err, ticket.ErrUnavailable)
	epoch, err := f.locks.Epoch(ctx)
	require.NoError(t, err)
	assert.Empty(t, epoch)

	require.NoError(t, f.locks.Rebuild(ctx, []seatlock.Sold{{Event: 1, Seat: "A-2", Transaction: "t"}}))
	_, err = f.locks.Lock(ctx, want("bob", 1, "A-2"))
	require.ErrorIs(t, err, ticket.ErrSeatTaken)
	f.lock(t, want("bob", 1, "A-1"))
	_, err = f.locks.Extend(ctx, w.ID, "ana")
	require.ErrorIs(t, err, ticket.ErrNoLock)
	first, err := f.locks.Epoch(ctx)
	require.NoError(t, err)
	require.NoError(t, f.locks.Rebuild(ctx, nil))
	second, err := f.locks.Epoch(ctx)
	require.NoError(t, err)
	assert.Equal(t, first, second, "an epoch lasts until memory is lost")
}

func TestMemoryLostBetweenWatchAndExec(t *testing.T) {
	f := start(t, seatlock.Options{})
	// Everybody loses the epoch while locks are under way: none may slip through.
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_, _ = f.locks.Lock(t.Context(), want("ana", 2, "B-"+time.Now().Format("150405.000000")))
			}
		}
	}()
	for range 20 {
		require.NoError(t, f.rdb.FlushAll(t.Context()).Err())
		keys, err := f.rdb.Keys(t.Context(), "seat:*").Result()
		require.NoError(t, err)
		require.Empty(t, keys, "a seat was locked without an epoch")
		require.NoError(t, f.locks.Rebuild(t.Context(), nil))
	}
	close(stop)
	<-done
}

func TestGoneRedisIsQuickAndCertain(t *testing.T) {
	f := start(t, seatlock.Options{})
	link := servertest.NewLink(t, f.server.Addr)
	locks := seatlock.New(open(t, link.Addr), seatlock.Options{})
	_, err := locks.Lock(t.Context(), want("ana", 1, "A-1"))
	require.NoError(t, err)
	for name, fault := range map[string]func(){"cut": func() { link.Cut(t) }, "hang": link.Hang} {
		t.Run(name, func(t *testing.T) {
			fault()
			for range 8 {
				begun := time.Now()
				_, err := locks.Lock(t.Context(), want("ana", 1, "A-9"))
				require.ErrorIs(t, err, ticket.ErrUnavailable)
				require.NotErrorIs(t, err, ticket.ErrUnknown)
				assert.Less(t, time.Since(begun), 700*time.Millisecond)
			}
			begun := time.Now()
			_, err := locks.Seats(t.Context(), 1, []string{"A-9"})
			require.ErrorIs(t, err, ticket.ErrUnavailable)
			assert.Less(t, time.Since(begun), 20*time.Millisecond, "the breaker is open")
			link.Heal(t)
			require.Eventually(t, func() bool {
				_, err = locks.Epoch(t.Context())
				return err == nil
			}, 3*time.Second, 20*time.Millisecond, "it closes again")
		})
	}
}
