package cache_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/system/internal/cache"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/servertest"
	"eventflow/system/internal/ticket"
)

// While Redis is silent every read in turn has to find that out, and each of the
// three steps of a map may be the one. Its readers must not be made to wait for it.
func TestASilentRedisKeepsNoReaderWaiting(t *testing.T) {
	f := start(t)
	link := servertest.NewLink(t, f.server.Addr)
	rdb := f.client(t, link.Addr)
	locks := seatlock.New(rdb, seatlock.Options{})
	require.NoError(t, locks.Rebuild(t.Context(), nil))
	f.store.set([]string{"A-1"}, nil)
	m := cache.NewSeatMaps(cache.New(rdb, f.store, cache.Options{}), locks)
	draw(t, m, 1)

	link.Hang()
	var longest atomic.Int64
	var readers sync.WaitGroup
	for begun := time.Now(); time.Since(begun) < 2*time.Second; time.Sleep(2 * time.Millisecond) {
		readers.Go(func() {
			asked := time.Now()
			got, err := m.Get(t.Context(), 1)
			if assert.NoError(t, err) {
				assert.Less(t, got.Age, 2*time.Second, "what is shown was true a moment ago")
			}
			took := time.Since(asked).Nanoseconds()
			for seen := longest.Load(); took > seen && !longest.CompareAndSwap(seen, took); seen = longest.Load() {
			}
		})
	}
	readers.Wait()
	// 150 ms and what a busy machine adds; who waits for Redis to be found silent waits 800.
	assert.Less(t, time.Duration(longest.Load()), 600*time.Millisecond)
}

// One read of the store that fails while Redis is gone is not asked again for a
// moment. Until then the node shows what it showed last.
func TestOneFailedReadTurnsNobodyAway(t *testing.T) {
	f := start(t)
	rdb := f.client(t, f.server.Addr)
	m := cache.NewSeatMaps(cache.New(rdb, f.store, cache.Options{Fresh: 3 * time.Second}), seatlock.New(rdb, seatlock.Options{}))
	f.server.Kill(t)
	f.store.set([]string{"A-1"}, nil)
	draw(t, m, 1)
	f.store.set(nil, errDown)
	asked := f.store.asked.Load()
	begun := time.Now()
	for f.store.asked.Load() == asked || time.Since(begun) < 500*time.Millisecond {
		require.Equal(t, 1, draw(t, m, 1).Counts["sold"])
		require.Less(t, time.Since(begun), 3*time.Second, "the store is asked again")
	}
	require.Eventually(t, func() bool {
		_, err := m.Get(t.Context(), 1)
		return errors.Is(err, ticket.ErrUnavailable)
	}, 10*time.Second, 10*time.Millisecond, "what was true too long ago is not shown")
}
