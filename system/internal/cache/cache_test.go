package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/system/internal/cache"
	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/servertest"
	"eventflow/system/internal/ticket"
)

// shelf is a store whose answers a test decides.
type shelf struct {
	asked atomic.Int64
	mu    sync.Mutex
	sold  []string
	err   error
	gate  chan struct{} // reads wait for it when set
}

func (s *shelf) set(sold []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sold, s.err = sold, err
}

func (s *shelf) hold(gate chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = gate
}

// answer reads first and waits afterwards, as a slow network does.
func (s *shelf) answer(ctx context.Context) ([]string, error) {
	s.asked.Add(1)
	s.mu.Lock()
	sold, err, gate := s.sold, s.err, s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ticket.Unavailable("postgres", ctx.Err())
		}
	}
	return sold, err
}

func (s *shelf) Events(ctx context.Context) ([]ticket.Event, error) {
	if _, err := s.answer(ctx); err != nil {
		return nil, err
	}
	return nil, nil // an empty shop
}

func (s *shelf) Hall(ctx context.Context, event int) (ticket.Hall, error) {
	_, err := s.answer(ctx)
	return hall(event), err
}

func (s *shelf) SoldSeats(ctx context.Context, _ int) ([]string, error) { return s.answer(ctx) }

func hall(event int) ticket.Hall {
	return ticket.Hall{Event: ticket.Event{ID: event, Seats: 3}, Sections: []ticket.Section{
		{Name: "Stalls", PriceCents: 100, Rows: []ticket.Row{{Name: "A", Seats: []string{"A-1", "A-2", "A-3"}}}}}}
}

var errDown = errors.New("the store is down")

type fixture struct {
	server *servertest.Redis
	rdb    *redis.Client
	store  *shelf
}

func start(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{server: servertest.StartRedis(t), store: &shelf{}}
	f.rdb = f.client(t, f.server.Addr)
	return f
}

func (f *fixture) client(t *testing.T, addr string) *redis.Client {
	t.Helper()
	rdb := redisconn.Open(redisconn.Options{Addr: addr})
	t.Cleanup(func() { _ = rdb.Close() }) // the server may be gone by then
	return rdb
}

// node is another node's cache: its own memory, the same Redis.
func (f *fixture) node(o cache.Options) *cache.Cache {
	if o.Keep == 0 {
		o.Keep = time.Nanosecond
	}
	return cache.New(f.rdb, f.store, o)
}

func TestMissThenHitThenRefresh(t *testing.T) {
	f := start(t)
	c := f.node(cache.Options{Fresh: 200 * time.Millisecond})
	f.store.set([]string{"A-1"}, nil)
	got, err := c.Sold(t.Context(), 1)
	require.NoError(t, err)
	assert.Equal(t, cache.Miss, got.Result)
	got, err = f.node(cache.Options{}).Sold(t.Context(), 1)
	require.NoError(t, err)
	assert.Equal(t, cache.Hit, got.Result, "another node shares the copy")
	assert.Equal(t, []string{"A-1"}, got.Value)
	assert.EqualValues(t, 1, f.store.asked.Load())
	f.store.set([]string{"A-1", "A-2"}, nil)
	require.Eventually(t, func() bool {
		got, err = c.Sold(t.Context(), 1)
		return err == nil && got.Result == cache.Miss && len(got.Value) == 2
	}, 2*time.Second, 10*time.Millisecond)
	ttl, err := f.rdb.TTL(t.Context(), "cache:sold:1").Result()
	require.NoError(t, err)
	assert.Negative(t, ttl, "a copy outlives every outage")
}

func TestNothingSoldIsAnAnswerButAnEmptyShopIsNotKept(t *testing.T) {
	f := start(t)
	c := f.node(cache.Options{})
	for want := range 2 {
		got, err := c.Sold(t.Context(), 1)
		require.NoError(t, err)
		assert.Equal(t, []cache.Result{cache.Miss, cache.Hit}[want], got.Result)
	}
	for range 2 {
		got, err := c.Events(t.Context())
		require.NoError(t, err)
		assert.Equal(t, cache.Miss, got.Result)
	}
}

func TestStaleWhileTheStoreIsGone(t *testing.T) {
	f := start(t)
	c := f.node(cache.Options{Fresh: 50 * time.Millisecond, Backoff: 300 * time.Millisecond})
	f.store.set([]string{"A-1"}, nil)
	_, err := c.Sold(t.Context(), 1)
	require.NoError(t, err)
	f.store.set(nil, errDown)
	var got cache.Read[[]string]
	require.Eventually(t, func() bool {
		got, err = c.Sold(t.Context(), 1)
		return err == nil && got.Result == cache.Stale
	}, 2*time.Second, 5*time.Millisecond)
	assert.Equal(t, []string{"A-1"}, got.Value)
	assert.GreaterOrEqual(t, got.Age, 50*time.Millisecond)

	before := f.store.asked.Load()
	for range 50 {
		got, err = c.Sold(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, []string{"A-1"}, got.Value)
	}
	assert.LessOrEqual(t, f.store.asked.Load()-before, int64(2), "a failure is not repeated at once")
	_, err = c.Sold(t.Context(), 2)
	require.ErrorIs(t, err, ticket.ErrUnavailable, "without a copy there is no answer")
	n, err := f.rdb.Exists(t.Context(), "cache:sold:2").Result()
	require.NoError(t, err)
	assert.Zero(t, n, "an error is never stored")
	f.store.set([]string{"A-1", "A-3"}, nil)
	require.Eventually(t, func() bool {
		got, err = c.Sold(t.Context(), 1)
		return err == nil && len(got.Value) == 2
	}, 2*time.Second, 10*time.Millisecond, "it recovers by itself")
}

// aged waits until the copy of what was sold is so old, by Redis's clock.
func (f *fixture) aged(t *testing.T, by time.Duration) {
	t.Helper()
	require.Eventually(t, func() bool {
		stored, err := f.rdb.HGet(t.Context(), "cache:sold:1", "stored_at").Int64()
		now, clock := f.rdb.Time(t.Context()).Result()
		return err == nil && clock == nil && now.Sub(time.UnixMilli(stored)) >= by
	}, 2*time.Second, time.Millisecond)
}

func TestASlowStoreCostsAReaderItsWaitOnly(t *testing.T) {
	f := start(t)
	c := f.node(cache.Options{Fresh: time.Millisecond, Wait: 100 * time.Millisecond})
	f.store.set([]string{"A-1"}, nil)
	_, err := c.Sold(t.Context(), 1)
	require.NoError(t, err)
	f.aged(t, 2*time.Millisecond)
	gate := make(chan struct{})
	f.store.hold(gate)
	defer close(gate)
	begun := time.Now()
	var all sync.WaitGroup
	before := f.store.asked.Load()
	for range 100 {
		all.Go(func() {
			got, err := c.Sold(t.Context(), 1)
			if assert.NoError(t, err) {
				assert.Equal(t, cache.Stale, got.Result)
			}
		})
	}
	all.Wait()
	assert.Less(t, time.Since(begun), 500*time.Millisecond)
	assert.EqualValues(t, 1, f.store.asked.Load()-before, "one asks for all")
}

func TestASlowReaderNeverReplacesANewerCopy(t *testing.T) {
	f := start(t)
	slow, quick := f.node(cache.Options{Fresh: time.Millisecond}), f.node(cache.Options{Fresh: time.Millisecond})
	gate := make(chan struct{})
	f.store.set([]string{"old"}, nil)
	f.store.hold(gate)
	done := make(chan error, 1)
	go func() { _, err := slow.Sold(t.Context(), 1); done <- err }()
	require.Eventually(t, func() bool { return f.store.asked.Load() == 1 }, time.Second, time.Millisecond)
	f.store.hold(nil)
	f.store.set([]string{"new"}, nil)
	var at1 string
	require.Eventually(t, func() bool { // until Redis's clock has moved by a millisecond
		_, err := quick.Sold(t.Context(), 1)
		now, _ := f.rdb.HGet(t.Context(), "cache:sold:1", "stored_at").Result()
		moved := at1 != "" && now != at1
		at1 = now
		return err == nil && moved
	}, time.Second, 2*time.Millisecond)
	close(gate)
	require.NoError(t, <-done)
	body, err := f.rdb.HGet(t.Context(), "cache:sold:1", "body").Result()
	require.NoError(t, err)
	assert.JSONEq(t, `["new"]`, body)
}

func TestWithoutRedisTheStoreAnswersForAll(t *testing.T) {
	f := start(t)
	c := f.node(cache.Options{Keep: 100 * time.Millisecond})
	f.store.set([]string{"A-1"}, nil)
	f.server.Kill(t)
	begun := time.Now()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for time.Since(begun) < time.Second {
				got, err := c.Sold(t.Context(), 1)
				if assert.NoError(t, err) {
					assert.Contains(t, []cache.Result{cache.Direct, cache.Stale}, got.Result) // stale: the machine stood still
				}
			}
		})
	}
	all.Wait()
	// Who looked just before an answer was laid down may ask once more.
	assert.LessOrEqual(t, f.store.asked.Load(), int64(20), "ten a second and node")
	f.store.set(nil, errDown)
	require.Eventually(t, func() bool {
		_, err := c.Sold(t.Context(), 1)
		return errors.Is(err, ticket.ErrUnavailable)
	}, 4*time.Second, 10*time.Millisecond, "neither answers, and what it said last is old")
}

func TestTheStoreIsNotAskedWithoutLimit(t *testing.T) {
	f := start(t)
	c := f.node(cache.Options{Rate: 20})
	var refused int
	for i := range 100 {
		if _, err := c.Sold(t.Context(), 1000+i); errors.Is(err, ticket.ErrUnavailable) {
			refused++
		}
	}
	assert.Positive(t, refused)
	assert.Less(t, f.store.asked.Load(), int64(60))
}

func TestNoEventIsNeitherStoredNorAFailure(t *testing.T) {
	f := start(t)
	f.store.set(nil, ticket.ErrNoEvent)
	_, err := f.node(cache.Options{}).Hall(t.Context(), 5)
	require.ErrorIs(t, err, ticket.ErrNoEvent)
	f.server.Kill(t)
	_, err = f.node(cache.Options{}).Hall(t.Context(), 5)
	require.ErrorIs(t, err, ticket.ErrNoEvent)
}

// drawn is what a buyer's browser reads.
type drawn struct {
	Event      int            `json:"event_id"`
	Source     string         `json:"source"`
	Age        float64        `json:"age_seconds"`
	HoldsKnown bool           `json:"holds_known"`
	Counts     map[string]int `json:"counts"`
	Sections   []struct {
		Rows []struct {
			Seats []struct{ ID, State string } `json:"seats"`
		} `json:"rows"`
	} `json:"sections"`
}

func draw(t *testing.T, m *cache.SeatMaps, event int) (d drawn) {
	t.Helper()
	got, err := m.Get(t.Context(), event)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(got.Body(), &d))
	return d
}

func TestSeatMap(t *testing.T) {
	f := start(t)
	locks := seatlock.New(f.rdb, seatlock.Options{})
	require.NoError(t, locks.Rebuild(t.Context(), nil))
	f.store.set([]string{"A-1"}, nil)
	_, err := locks.Lock(t.Context(), ticket.Lock{ID: "l", User: "ana", Event: 1, Seats: []string{"A-2"}})
	require.NoError(t, err)
	c := f.node(cache.Options{Keep: 100 * time.Millisecond})
	m := cache.NewSeatMaps(c, locks)
	d := draw(t, m, 1)
	assert.Equal(t, map[string]int{"free": 1, "held": 1, "purchasing": 0, "sold": 1}, d.Counts)
	assert.True(t, d.HoldsKnown)
	assert.Equal(t, "database", d.Source)
	assert.Equal(t, "held", d.Sections[0].Rows[0].Seats[1].State)

	_, err = locks.BeginPurchase(t.Context(), "l", "ana", "app-1")
	require.NoError(t, err)
	assert.Equal(t, 1, draw(t, m, 1).Counts["held"], "kept for a moment")
	require.Eventually(t, func() bool { return draw(t, m, 1).Counts["purchasing"] == 1 }, time.Second, 10*time.Millisecond)
	assert.Equal(t, "cache", draw(t, m, 1).Source)

	f.server.Kill(t)
	require.Eventually(t, func() bool { return !draw(t, m, 1).HoldsKnown }, 2*time.Second, 10*time.Millisecond)
	d = draw(t, m, 1)
	assert.Equal(t, map[string]int{"free": 2, "held": 0, "purchasing": 0, "sold": 1}, d.Counts)
	f.store.set(nil, errDown)
	require.Eventually(t, func() bool {
		_, err := m.Get(t.Context(), 1)
		return errors.Is(err, ticket.ErrUnavailable)
	}, 10*time.Second, 10*time.Millisecond, "never an empty hall; the last one is shown for twice Fresh at most")
}
