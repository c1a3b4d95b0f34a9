package cache_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/system/internal/cache"
)

// Who joins a read of the store that is under way is told how old its answer is,
// and not how long he himself has waited for it.
func TestAReadUnderWayTellsItsTrueAge(t *testing.T) {
	f := start(t)
	c := f.node(cache.Options{Fresh: time.Microsecond, Wait: time.Second, Limit: 5 * time.Second})
	_, err := c.Sold(t.Context(), 1)
	require.NoError(t, err)
	gate := make(chan struct{})
	f.store.hold(gate)
	begun := waitWhile(t, c, 500*time.Millisecond)
	time.AfterFunc(10*time.Millisecond, func() { close(gate) })
	got, err := c.Sold(t.Context(), 1)
	require.NoError(t, err)
	assert.Equal(t, cache.Miss, got.Result)
	assert.Greater(t, got.Age, 500*time.Millisecond, "the store was asked %s ago", time.Since(begun))
}

// A read that was overtaken by another node's copy does not take its readers back
// in time.
func TestAnOvertakenReadIsNotShown(t *testing.T) {
	f := start(t)
	slow := f.node(cache.Options{Fresh: time.Microsecond, Wait: time.Second, Limit: 5 * time.Second})
	f.store.set([]string{"A-1"}, nil)
	_, err := slow.Sold(t.Context(), 1)
	require.NoError(t, err)
	gate := make(chan struct{})
	f.store.hold(gate)
	waitWhile(t, slow, 200*time.Millisecond)
	f.store.hold(nil)
	f.store.set([]string{"A-1", "A-2"}, nil)
	got, err := f.node(cache.Options{Fresh: time.Millisecond}).Sold(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, cache.Miss, got.Result)
	time.AfterFunc(10*time.Millisecond, func() { close(gate) })
	got, err = slow.Sold(t.Context(), 1)
	require.NoError(t, err)
	assert.Equal(t, []string{"A-1", "A-2"}, got.Value)
}

// waitWhile reads for so long while the store does not answer, and says since when
// it has been asked.
func waitWhile(t *testing.T, c *cache.Cache, d time.Duration) (begun time.Time) {
	t.Helper()
	for begun = time.Now(); time.Since(begun) < d; {
		got, err := c.Sold(t.Context(), 1)
		require.NoError(t, err)
		assert.NotEqual(t, cache.Miss, got.Result)
	}
	return begun
}
