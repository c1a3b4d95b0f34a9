// Package cache answers questions about events, halls and sold seats from Redis
// first and from the store when it must: it keeps the shop readable while either
// of the two is gone, and says how old its answers are.
//
// A copy in Redis never expires, so no outage of the store outlives it; a wrong
// one cannot come from its age, only its Age can. Ages are Redis's time: nodes
// whose clocks differ agree on them.
//
// It must not know HTTP, nor how seats are locked.
package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/ticket"
)

// Store is where the truth is read.
type Store interface {
	Events(ctx context.Context) ([]ticket.Event, error)
	Hall(ctx context.Context, event int) (ticket.Hall, error)
	SoldSeats(ctx context.Context, event int) ([]string, error)
}

// Options are the limits of New; zero means default.
type Options struct {
	Fresh   time.Duration // a younger copy is served without asking the store; 2 s
	Wait    time.Duration // how long a reader with an old copy waits for a new one; 150 ms
	Backoff time.Duration // a failed read of the store is not repeated for so long, give or take a fifth; 500 ms
	Keep    time.Duration // how long a node answers from its own memory: at most 10 reads/s of each thing; 100 ms
	Limit   time.Duration // for all work behind one answer; 800 ms
	Rate    rate.Limit    // reads of the store, /s and node; 100
	Observe redisconn.Observer
	Count   func(what string, r Result) // told of every answer
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&o.Fresh, 2*time.Second)
	set(&o.Wait, 150*time.Millisecond)
	set(&o.Backoff, 500*time.Millisecond)
	set(&o.Keep, 100*time.Millisecond)
	set(&o.Limit, 800*time.Millisecond)
	if o.Rate <= 0 {
		o.Rate = 100
	}
	if o.Count == nil {
		o.Count = func(string, Result) {}
	}
	return o
}

// Result is how an answer came about.
type Result string

// The results of a read.
const (
	Hit    Result = "hit"    // a fresh copy
	Stale  Result = "stale"  // an old copy: the store did not answer in time
	Miss   Result = "miss"   // read from the store and stored
	Direct Result = "direct" // read from the store, Redis is gone
	Failed Result = "failed" // neither answered
)

// Read is a value with where it came from.
type Read[T any] struct {
	Value  T
	Result Result
	Age    time.Duration // since the store was asked for it
}

// FromStore says that the value was read from the store for this answer.
func (r Read[T]) FromStore() bool { return r.Result == Miss || r.Result == Direct }

// Cache reads through Redis. Its methods are safe for concurrent use; their
// errors are ErrNoEvent and ErrUnavailable.
type Cache struct {
	rdb    *redis.Client
	guard  *redisconn.Guard
	store  Store
	o      Options
	limit  *rate.Limiter
	reads  singleflight.Group
	loads  singleflight.Group
	failed failures

	events kind[[]ticket.Event]
	halls  kind[ticket.Hall]
	sold   kind[[]string]
}

// New reads store through rdb, a client of redisconn.Open.
func New(rdb *redis.Client, store Store, o Options) *Cache {
	o = o.withDefaults()
	return &Cache{
		rdb: rdb, guard: redisconn.NewGuard(o.Observe), store: store, o: o,
		limit:  rate.NewLimiter(o.Rate, max(1, int(o.Rate)/2)),
		failed: failures{backoff: o.Backoff},
		events: kind[[]ticket.Event]{
			what:  "events",
			load:  func(ctx context.Context, _ int) ([]ticket.Event, error) { return store.Events(ctx) },
			empty: func(v []ticket.Event) bool { return len(v) == 0 },
		},
		halls: kind[ticket.Hall]{
			what: "hall", load: store.Hall,
			empty: func(h ticket.Hall) bool { return len(h.Sections) == 0 },
		},
		// Nothing sold is where every sale begins: that empty list is an answer.
		sold: kind[[]string]{what: "sold", load: store.SoldSeats, empty: func([]string) bool { return false }},
	}
}

// Events lists what is on sale.
func (c *Cache) Events(ctx context.Context) (Read[[]ticket.Event], error) {
	return read(ctx, c, &c.events, 0)
}

// Hall gives an event with its seats, or ErrNoEvent.
func (c *Cache) Hall(ctx context.Context, event int) (Read[ticket.Hall], error) {
	return read(ctx, c, &c.halls, event)
}

// Sold names the seats that the ledger has sold, as of Age ago.
func (c *Cache) Sold(ctx context.Context, event int) (Read[[]string], error) {
	return read(ctx, c, &c.sold, event)
}

// kind is one kind of value: how it is loaded, and when it is not worth keeping.
type kind[T any] struct {
	what  string
	load  func(ctx context.Context, id int) (T, error)
	empty func(T) bool
	near  shelf[Read[T]]
}

func (k *kind[T]) key(id int) string { return "cache:" + k.what + ":" + strconv.Itoa(id) }

// kept is the copy in Redis.
type kept[T any] struct {
	value  T
	stored time.Time // Redis's clock, from before the store was asked
}

// fetch gets the copy, nil if there is none, and Redis's clock. A copy that
// cannot be read counts as none: the next one replaces it.
func fetch[T any](ctx context.Context, c *Cache, k *kind[T], id int) (*kept[T], time.Time, error) {
	var fields *redis.SliceCmd
	var clock *redis.TimeCmd
	err := c.guard.Do("cache_get", func() error {
		_, err := c.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			fields = p.HMGet(ctx, k.key(id), "stored_at", "body")
			clock = p.Time(ctx)
			return nil
		})
		return redisconn.Reading(err)
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	v := fields.Val()
	at, okAt := v[0].(string)
	body, okBody := v[1].(string)
	ms, err := strconv.ParseInt(at, 10, 64)
	found := kept[T]{stored: time.UnixMilli(ms)}
	if !okAt || !okBody || err != nil || json.Unmarshal([]byte(body), &found.value) != nil {
		return nil, clock.Val(), nil
	}
	return &found, clock.Val(), nil
}

// setIfNewer never lets a reader that was slow between asking the store and
// writing here replace a newer copy. ARGV: stored at (ms), body.
var setIfNewer = redis.NewScript(`
local at = redis.call('HGET', KEYS[1], 'stored_at')
if at and tonumber(at) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'stored_at', ARGV[1], 'body', ARGV[2])
return 1`)

// put stores a copy as of asked, Redis's time.
func put[T any](ctx context.Context, c *Cache, k *kind[T], id int, asked time.Time, v T) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cache %s: %w", k.key(id), err)
	}
	return c.guard.Do("cache_put", func() error {
		err := setIfNewer.Run(ctx, c.rdb, []string{k.key(id)}, asked.UnixMilli(), body).Err()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		return redisconn.Writing(err)
	})
}
