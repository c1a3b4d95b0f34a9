package seatlock

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"eventflow/system/internal/ticket"
)

// Lock takes all wanted seats for want.User or none. The same id, user and
// seats again is the same lock: so a repeated request finds out what became of
// one with an unknown outcome. It fails with *SeatsTaken, ErrInvalid (the id
// was used for something else), ErrLockInUse, ErrUnavailable or ErrUnknown.
func (l *Locks) Lock(ctx context.Context, want ticket.Lock) (ticket.Lock, error) {
	if err := ticket.CheckSeats(want.Seats); err != nil {
		return ticket.Lock{}, err
	}
	var got ticket.Lock
	err := l.transact(ctx, want.ID, want.Event, want.Seats, func(v view) (func(redis.Pipeliner), error) {
		rec, write, err := l.take(ctx, v, want)
		if err == nil {
			got = rec.lock(v.now, l.now())
		}
		return write, err
	})
	if err != nil {
		return ticket.Lock{}, err
	}
	return got, nil
}

func (l *Locks) take(ctx context.Context, v view, want ticket.Lock) (*record, func(redis.Pipeliner), error) {
	if err := reusable(v.rec, want); err != nil {
		return nil, nil, err
	}
	mine := heldBy(want.ID)
	if v.rec != nil && v.rec.state == StateLocked && v.holdsAll(mine) {
		return v.rec, nil, nil
	}
	var taken []string
	for i, value := range v.seats {
		if value != "" && value != mine {
			taken = append(taken, want.Seats[i])
		}
	}
	if len(taken) > 0 {
		return nil, nil, &SeatsTaken{Seats: taken}
	}
	rec := &record{
		id: want.ID, user: want.User, event: want.Event, seats: want.Seats, amount: want.AmountCents,
		state: StateLocked, created: v.now, expires: v.now.Add(l.ttl),
	}
	write, err := l.writeNew(ctx, rec, v.rec != nil)
	return rec, write, err
}

// reusable refuses an id that stands for something else already. A lock that
// was bought with is used up: its transaction has a fate.
func reusable(rec *record, want ticket.Lock) error {
	switch {
	case rec == nil:
		return nil
	case rec.user != want.User || rec.event != want.Event || !slices.Equal(rec.seats, want.Seats):
		return fmt.Errorf("%w: lock %s was asked for with other seats", ticket.ErrInvalid, want.ID)
	case rec.state == StateLocked || rec.state == StateReleased:
		return nil
	}
	return ticket.ErrLockInUse
}

func (l *Locks) writeNew(ctx context.Context, rec *record, again bool) (func(redis.Pipeliner), error) {
	fields, err := rec.fields()
	if err != nil {
		return nil, err
	}
	return func(p redis.Pipeliner) {
		if again { // its last life's fields
			p.Del(ctx, lockKey(rec.id))
		}
		p.HSet(ctx, lockKey(rec.id), fields...)
		l.hold(ctx, p, rec, l.ttl)
	}, nil
}

// hold sets the time limit of the record and its seats.
func (l *Locks) hold(ctx context.Context, p redis.Pipeliner, rec *record, left time.Duration) {
	p.PExpire(ctx, lockKey(rec.id), left+recordKeep)
	for _, key := range seatKeys(rec.event, rec.seats) {
		p.Set(ctx, key, heldBy(rec.id), left)
	}
}

// Extend gives the lock its full time again, up to MaxHold after its creation;
// at that limit it changes nothing. It fails with ErrNoLock, ErrNotOwner,
// ErrLockLapsed, ErrLockInUse, ErrUnavailable or ErrUnknown.
func (l *Locks) Extend(ctx context.Context, lockID, user string) (ticket.Lock, error) {
	var got ticket.Lock
	err := l.withLock(ctx, lockID, user, func(v view) (func(redis.Pipeliner), error) {
		if err := v.held(); err != nil {
			return nil, err
		}
		rec := *v.rec
		if limit := rec.created.Add(l.maxHold); v.now.Add(l.ttl).Before(limit) {
			rec.expires = v.now.Add(l.ttl)
		} else if limit.After(rec.expires) {
			rec.expires = limit
		}
		got = rec.lock(v.now, l.now())
		left := rec.expires.Sub(v.now)
		if left <= 0 {
			return nil, ticket.ErrLockLapsed
		}
		return func(p redis.Pipeliner) {
			p.HSet(ctx, lockKey(lockID), "expires", rec.expires.UnixMilli())
			l.hold(ctx, p, &rec, left)
		}, nil
	})
	if err != nil {
		return ticket.Lock{}, err
	}
	return got, nil
}

// Release gives the seats back. Releasing twice is releasing once. Errors as
// Extend.
func (l *Locks) Release(ctx context.Context, lockID, user string) error {
	return l.withLock(ctx, lockID, user, func(v view) (func(redis.Pipeliner), error) {
		if v.rec.state == StateReleased {
			return nil, nil
		}
		if err := v.held(); err != nil {
			return nil, err
		}
		return func(p redis.Pipeliner) {
			p.HSet(ctx, lockKey(lockID), "state", string(StateReleased))
			p.PExpire(ctx, lockKey(lockID), recordKeep)
			p.Del(ctx, seatKeys(v.rec.event, v.rec.seats)...)
		}, nil
	})
}

// withLock finds out which seats the lock names, then decides about both
// together. The seats of a lock id never change, so reading them first is safe.
func (l *Locks) withLock(ctx context.Context, lockID, user string, decide decision) error {
	first, err := l.peek(ctx, lockID)
	if err != nil {
		return err
	}
	if err := first.ownedBy(user); err != nil {
		return err
	}
	return l.transact(ctx, lockID, first.event, first.seats, func(v view) (func(redis.Pipeliner), error) {
		if err := v.rec.ownedBy(user); err != nil {
			return nil, err
		}
		return decide(v)
	})
}

func (r *record) ownedBy(user string) error {
	switch {
	case r == nil:
		return ticket.ErrNoLock
	case r.user != user:
		return ticket.ErrNotOwner
	}
	return nil
}

// held says why the lock's seats are not simply held. The seats' keys decide,
// not the record's date: they lapse by Redis's clock.
func (v view) held() error {
	switch v.rec.state {
	case StateLocked:
		if v.holdsAll(heldBy(v.rec.id)) {
			return nil
		}
		return ticket.ErrLockLapsed
	case StateReleased, StateAbandoned:
		return ticket.ErrLockLapsed
	case StateRejected:
		return ticket.ErrRejected
	}
	return ticket.ErrLockInUse
}
