package cache_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/system/internal/cache"
	"eventflow/system/internal/ticket"
)

// oneEvent is a shelf with something on sale.
type oneEvent struct{ *shelf }

func (s oneEvent) Events(ctx context.Context) ([]ticket.Event, error) {
	if _, err := s.answer(ctx); err != nil {
		return nil, err
	}
	return []ticket.Event{hall(7).Event}, nil
}

// TestAnOutageFindsCopiesThatNobodyAskedFor: what was kept warm is served by
// another node although the store has gone before the first reader came.
func TestAnOutageFindsCopiesThatNobodyAskedFor(t *testing.T) {
	f := start(t)
	f.store.set([]string{"A-1"}, nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- cache.New(f.rdb, oneEvent{f.store}, cache.Options{}).KeepWarm(ctx) }()
	require.Eventually(t, func() bool {
		n, err := f.rdb.Exists(t.Context(), "cache:hall:7", "cache:sold:7").Result()
		return err == nil && n == 2
	}, 5*time.Second, 5*time.Millisecond)
	stop()
	assert.ErrorIs(t, <-ended, context.Canceled)

	f.store.set(nil, errDown)
	node := cache.New(f.rdb, oneEvent{f.store}, cache.Options{Fresh: time.Nanosecond})
	halls, err := node.Hall(t.Context(), 7)
	require.NoError(t, err)
	assert.Equal(t, cache.Stale, halls.Result)
	assert.Len(t, halls.Value.Sections, 1)
	sold, err := node.Sold(t.Context(), 7)
	require.NoError(t, err)
	assert.Equal(t, []string{"A-1"}, sold.Value)
}
