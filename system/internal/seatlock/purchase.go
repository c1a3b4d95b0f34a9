package seatlock

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/ticket"
)

// Attempt is one try to publish a lock's purchase. It must end with Accepted,
// Refused or Unknown; one that never ends counts as unknown.
type Attempt struct {
	ID          string // this try; "" when there is nothing to publish
	Lock        ticket.Lock
	Transaction string
	State       State // purchasing: publish it; accepted, confirmed: answer 202
	Joined      bool  // another attempt is going on, or one before ended unknown
}

// BeginPurchase verifies the owner and the seats, and turns both to purchasing
// without time limit: from here on no clock takes the seats away. It may be
// joined while an earlier attempt goes on, or has ended unknown. It fails with
// ErrNoLock, ErrNotOwner, ErrLockLapsed (even if nobody else took the seats),
// ErrRejected, ErrUnavailable or ErrUnknown.
func (l *Locks) BeginPurchase(ctx context.Context, lockID, user, node string) (Attempt, error) {
	var a Attempt
	err := l.withLock(ctx, lockID, user, func(v view) (func(redis.Pipeliner), error) {
		a = Attempt{Lock: v.rec.lock(v.now, l.now()), Transaction: ticket.TransactionID(lockID), State: v.rec.state}
		switch v.rec.state {
		case StateAccepted, StateConfirmed:
			return nil, nil
		case StatePurchasing:
			return l.join(ctx, v, &a)
		}
		if err := v.held(); err != nil {
			return nil, err
		}
		return l.begin(ctx, v, &a, node), nil
	})
	if err != nil {
		return Attempt{}, err
	}
	return a, nil
}

func (l *Locks) begin(ctx context.Context, v view, a *Attempt, node string) func(redis.Pipeliner) {
	a.ID, a.State = uuid.NewString(), StatePurchasing
	id := v.rec.id
	return func(p redis.Pipeliner) {
		p.HSet(ctx, lockKey(id), "state", string(StatePurchasing), "node", node, openPrefix+a.ID, 1)
		p.Persist(ctx, lockKey(id))
		for _, key := range seatKeys(v.rec.event, v.rec.seats) {
			p.Set(ctx, key, boughtWith(id), 0)
		}
		p.Set(ctx, purchaseKey(a.Transaction), id, 0)
		p.SAdd(ctx, userKey(v.rec.user), a.Transaction)
		p.Expire(ctx, userKey(v.rec.user), listKeep)
		p.ZAdd(ctx, purchasingKey, redis.Z{Score: score(v.now), Member: id})
	}
}

// join adds an attempt to a purchase that is under way. With too many of them
// the purchase counts as unknown, which is always safe to say.
func (l *Locks) join(ctx context.Context, v view, a *Attempt) (func(redis.Pipeliner), error) {
	if !v.holdsAll(boughtWith(v.rec.id)) {
		return nil, ticket.ErrLockLapsed
	}
	a.ID, a.Joined = uuid.NewString(), true
	mark := openPrefix + a.ID
	if v.rec.open >= maxOpen {
		mark = "unknown"
	}
	return func(p redis.Pipeliner) {
		p.HSet(ctx, lockKey(v.rec.id), mark, 1)
		p.ZAdd(ctx, purchasingKey, redis.Z{Score: score(v.now), Member: v.rec.id})
	}, nil
}

// score is Redis's time in seconds, as the janitor compares it.
func score(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// Accepted records that the queue has the purchase. The ledger's word, should
// it have come first, stands. Without a record of it the purchase is as good:
// the caller has the broker's promise.
func (l *Locks) Accepted(ctx context.Context, a Attempt) error {
	_, err := l.end(ctx, "accepted", acceptedScript, a)
	return err
}

// Unknown records that nobody knows whether this attempt published. From now on
// only the ledger, or the janitor after a long time, frees the seats.
func (l *Locks) Unknown(ctx context.Context, a Attempt) error {
	_, err := l.end(ctx, "unknown", unknownScript, a)
	return err
}

// Refused records that this attempt certainly published nothing. The seats
// return to the buyer, with what is left of their time but at least HoldFloor,
// only if no other attempt is open and none before ended unknown. Otherwise,
// and on any error, the purchase may still happen and the caller must say so.
func (l *Locks) Refused(ctx context.Context, a Attempt) (returned bool, err error) {
	n, err := l.end(ctx, "refused", refusedScript, a)
	return n == 1, err
}

// end runs a script that closes an attempt: one round trip, because it is
// usually all that is left of the request's time.
func (l *Locks) end(ctx context.Context, op string, s *redis.Script, a Attempt) (int, error) {
	id := a.Lock.ID
	keys := append([]string{lockKey(id), purchasingKey, purchaseKey(a.Transaction), userKey(a.Lock.User)},
		seatKeys(a.Lock.Event, a.Lock.Seats)...)
	var n int
	err := l.guard.Do(op, func() (err error) {
		n, err = s.Run(ctx, l.rdb, keys, openPrefix+a.ID, heldBy(id), boughtWith(id), id, a.Transaction,
			HoldFloor.Milliseconds(), recordKeep.Milliseconds()).Int()
		return redisconn.Writing(err)
	})
	return n, err
}
