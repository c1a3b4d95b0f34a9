package seatlock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"

	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/ticket"
)

// maxConflicts bounds how often a transaction starts again because somebody
// changed what it watched. Each conflict means that another one got through, so
// a seat is decided after two or three.
const maxConflicts = 8

// errMemoryLost is no failure of the connection, so the guard must not see it.
var errMemoryLost = errors.New("memory was lost, seats have not been rebuilt yet")

// view is everything a decision needs, read in one round trip under WATCH.
type view struct {
	rec   *record  // nil: no such lock
	seats []string // values of the seats' keys; "": free
	now   time.Time
}

// holdsAll says whether every seat has exactly this value.
func (v view) holdsAll(value string) bool {
	for _, s := range v.seats {
		if s != value {
			return false
		}
	}
	return true
}

// decision turns a view into commands; nil: there is nothing to change.
type decision func(view) (func(redis.Pipeliner), error)

// transact watches the lock, its seats and the epoch, decides and executes.
//
// Redis expires watched keys by its own clock and then fails the EXEC (since
// 6.0.9), so a decision never outlives what it was based on.
func (l *Locks) transact(ctx context.Context, lockID string, event int, seats []string, decide decision) error {
	for conflict := 0; ; conflict++ {
		err := l.once(ctx, lockID, event, seats, decide)
		if !errors.Is(err, redis.TxFailedErr) {
			return public(err)
		}
		if conflict == maxConflicts {
			return ticket.Unavailable(redisconn.Dependency, fmt.Errorf("lock %s: %d conflicts: %w", lockID, conflict, err))
		}
		if err := pause(ctx, conflict); err != nil {
			return ticket.Unavailable(redisconn.Dependency, err)
		}
	}
}

// once is one WATCH/MULTI/EXEC. Up to EXEC nothing has been done; an EXEC
// without an answer is unknown.
func (l *Locks) once(ctx context.Context, lockID string, event int, seats []string, decide decision) error {
	watched := append([]string{epochKey, lockKey(lockID)}, seatKeys(event, seats)...)
	var verdict error
	err := l.guard.Do("transaction", func() error {
		var io error
		if err := l.rdb.Watch(ctx, func(tx *redis.Tx) error {
			verdict, io = attempt(ctx, tx, lockID, event, seats, decide)
			return nil
		}, watched...); err != nil {
			return redisconn.Reading(err)
		}
		return io
	})
	if err != nil {
		return err
	}
	return verdict
}

// attempt returns a broken rule and a failed connection apart: only the second
// is the guard's business.
func attempt(ctx context.Context, tx *redis.Tx, lockID string, event int, seats []string, decide decision) (verdict, io error) {
	v, err := look(ctx, tx, lockID, event, seats)
	if errors.Is(err, errMemoryLost) {
		return err, nil
	}
	if err != nil {
		return nil, redisconn.Reading(err)
	}
	write, err := decide(v)
	if err != nil || write == nil {
		return err, nil
	}
	if ctx.Err() != nil {
		return nil, redisconn.Reading(ctx.Err())
	}
	_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { write(p); return nil })
	if errors.Is(err, redis.TxFailedErr) {
		return err, nil
	}
	return nil, redisconn.Writing(err)
}

// look reads the epoch, the lock, its seats and Redis's clock together.
func look(ctx context.Context, c redis.Cmdable, lockID string, event int, seats []string) (view, error) {
	var values *redis.SliceCmd
	var hash *redis.MapStringStringCmd
	var clock *redis.TimeCmd
	_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		values = p.MGet(ctx, append([]string{epochKey}, seatKeys(event, seats)...)...)
		hash = p.HGetAll(ctx, lockKey(lockID))
		clock = p.Time(ctx)
		return nil
	})
	if err != nil {
		return view{}, err
	}
	words := texts(values.Val())
	if words[0] == "" {
		return view{}, errMemoryLost
	}
	rec, err := parse(lockID, hash.Val())
	return view{rec: rec, seats: words[1:], now: clock.Val()}, err
}

// texts turns an MGET's answer into strings; "" for a missing key.
func texts(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i], _ = v.(string)
	}
	return out
}

// public gives lost memory its meaning for a request: it did not happen.
func public(err error) error {
	if errors.Is(err, errMemoryLost) {
		return ticket.Unavailable(redisconn.Dependency, errMemoryLost)
	}
	return err
}

// pause waits a random moment that grows with each conflict, or until the
// caller has no time left.
func pause(ctx context.Context, conflict int) error {
	t := time.NewTimer(rand.N(time.Duration(conflict+1) * 2 * time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
