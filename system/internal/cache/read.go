package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"

	"eventflow/system/internal/ticket"
)

// read answers from the node's memory, from Redis, or from the store. However
// many ask, one at a time is on its way for each key; it goes on when they have
// left, because the next one will ask for the same.
//
// Who asks for what this node answered a moment ago waits for something newer
// only for Wait: while Redis is silent, one read in a while has to find that out,
// and the others must not wait for it. Nor must one failed read of the store turn
// everybody away until the next.
func read[T any](ctx context.Context, c *Cache, k *kind[T], id int) (Read[T], error) {
	last, ok := k.near.get(id, c.o.Fresh)
	if ok && last.younger(c.o.Keep) {
		return counted(c, k, older(last), nil)
	}
	done := c.reads.DoChan(k.key(id), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.o.Limit)
		defer cancel()
		r, err := through(ctx, c, k, id)
		if err == nil {
			k.near.put(id, r)
		}
		return r, err
	})
	got, err := c.await(ctx, done, ok)
	if ok && notNow(err) {
		return counted(c, k, late(last), nil)
	}
	if err != nil {
		return counted(c, k, Read[T]{}, err)
	}
	r, ok := got.(Read[T])
	if !ok {
		return counted(c, k, Read[T]{}, fmt.Errorf("read %s: unexpected %T", k.key(id), got))
	}
	return counted(c, k, r, nil)
}

// older adds the time on the shelf; what was read from the store a moment ago
// is a hit now.
func older[T any](i item[Read[T]]) Read[T] {
	r := i.value
	r.Age += time.Since(i.at)
	if r.Result == Miss {
		r.Result = Hit
	}
	return r
}

// late is the last answer, given because a newer one is not there in time.
func late[T any](i item[Read[T]]) Read[T] {
	r := older(i)
	r.Result = Stale
	return r
}

func counted[T any](c *Cache, k *kind[T], r Read[T], err error) (Read[T], error) {
	switch {
	case err == nil:
		c.o.Count(k.what, r.Result)
	case !errors.Is(err, ticket.ErrNoEvent):
		c.o.Count(k.what, Failed)
	}
	return r, err
}

// errLate says that the answer is still on its way.
var errLate = errors.New("not in time")

// notNow says that there is an answer, but that it was not to be had.
func notNow(err error) bool { return errors.Is(err, errLate) || errors.Is(err, ticket.ErrUnavailable) }

// await is await, for Wait at most if there is another answer to give.
func (c *Cache) await(ctx context.Context, done <-chan singleflight.Result, another bool) (any, error) {
	if !another {
		return await(ctx, done)
	}
	patience, cancel := context.WithTimeoutCause(ctx, c.o.Wait, errLate)
	defer cancel()
	got, err := await(patience, done)
	if err != nil && ctx.Err() == nil && patience.Err() != nil {
		return nil, errLate
	}
	return got, err
}

// await gives up with the caller, not with the work.
func await(ctx context.Context, done <-chan singleflight.Result) (any, error) {
	select {
	case r := <-done:
		return r.Val, r.Err
	case <-ctx.Done():
		return nil, ticket.Unavailable("catalogue", ctx.Err())
	}
}

// through is the decision: a fresh copy, a new one, an old one, or an error;
// never an empty answer.
func through[T any](ctx context.Context, c *Cache, k *kind[T], id int) (Read[T], error) {
	found, now, err := fetch(ctx, c, k, id)
	if err != nil {
		return direct(ctx, c, k, id, err)
	}
	if found != nil && now.Sub(found.stored) < c.o.Fresh {
		return Read[T]{Value: found.value, Result: Hit, Age: max(0, now.Sub(found.stored))}, nil
	}
	wait := c.o.Limit
	if found != nil {
		wait = c.o.Wait
	}
	begun := time.Now()
	l, err := refresh(ctx, c, k, id, now, wait)
	switch {
	case err == nil && (found == nil || !found.stored.After(l.asked)):
		return Read[T]{Value: l.value, Result: Miss, Age: time.Since(l.begun)}, nil
	case err != nil && (found == nil || errors.Is(err, ticket.ErrNoEvent)):
		return Read[T]{}, err
	}
	return Read[T]{Value: found.value, Result: Stale, Age: now.Sub(found.stored) + time.Since(begun)}, nil
}

// loaded is what a read of the store brought, as of when it was asked: who joins a
// read that is under way gets a value older than his own question.
type loaded[T any] struct {
	value T
	asked time.Time // Redis's clock
	begun time.Time // this node's
}

// refresh waits for the store for so long. The load itself goes on, and its
// copy is there for the next reader.
func refresh[T any](ctx context.Context, c *Cache, k *kind[T], id int, asked time.Time, wait time.Duration) (loaded[T], error) {
	done := c.loads.DoChan(k.key(id), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.o.Limit)
		defer cancel()
		begun := time.Now()
		v, err := load(ctx, c, k, id)
		l := loaded[T]{v, asked, begun}
		if err != nil || k.empty(v) {
			return l, err
		}
		// The answer is good without its copy; the guard has seen the failure.
		_ = put(ctx, c, k, id, asked, v)
		return l, nil
	})
	patience, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	got, err := await(patience, done)
	l, _ := got.(loaded[T])
	return l, err
}

// direct is life without Redis.
func direct[T any](ctx context.Context, c *Cache, k *kind[T], id int, gone error) (Read[T], error) {
	begun := time.Now()
	v, err := load(ctx, c, k, id)
	if errors.Is(err, ticket.ErrNoEvent) {
		return Read[T]{}, err
	}
	if err != nil {
		return Read[T]{}, ticket.Unavailable("catalogue", errors.Join(gone, err))
	}
	return Read[T]{Value: v, Result: Direct, Age: time.Since(begun)}, nil
}

// storeName is what an operator knows the store as.
const storeName = "postgres"

// load asks the store, unless it has just failed to answer this or is asked too
// much already.
func load[T any](ctx context.Context, c *Cache, k *kind[T], id int) (T, error) {
	var none T
	if err := c.failed.recent(k.key(id)); err != nil {
		return none, err
	}
	if !c.limit.Allow() {
		return none, ticket.Unavailable("catalogue", errors.New("the store is asked too much already"))
	}
	v, err := k.load(ctx, id)
	if err == nil {
		return v, nil
	}
	if !errors.Is(err, ticket.ErrNoEvent) {
		err = ticket.Unavailable(storeName, err) // a read that failed did nothing
	}
	c.failed.note(k.key(id), err)
	return none, err
}
