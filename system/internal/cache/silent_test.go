package cache_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/system/internal/cache"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/servertest"
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
	assert.Less(t, time.Duration(longest.Load()), 300*time.Millisecond)
}
