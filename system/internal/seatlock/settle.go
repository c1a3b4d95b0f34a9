package seatlock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/ticket"
)

// Settlement is the ledger's word on a purchase.
type Settlement struct {
	Purchase ticket.Purchase
	Status   ticket.Status // Confirmed or Rejected
	Reason   string        // of a rejection
}

// Settle marks what the ledger has decided: seats sold, or given back if they
// are still this purchase's. It works without a prior record and any number of
// times; on an error the caller repeats it.
func (l *Locks) Settle(ctx context.Context, batch []Settlement) error {
	args := make([][]any, len(batch))
	for i, s := range batch {
		var err error
		if args[i], err = s.args(); err != nil {
			return err
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return l.guard.Do("settle", func() error {
		_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, s := range batch {
				// Eval, not EvalSha: a pipeline cannot fall back when Redis was restarted.
				settleScript.Eval(ctx, p, recordKeys(s.Purchase), args[i]...)
			}
			return nil
		})
		return redisconn.Writing(err)
	})
}

// args are settleScript's, in its order.
func (s Settlement) args() ([]any, error) {
	b := s.Purchase
	if s.Status != ticket.Confirmed && s.Status != ticket.Rejected {
		return nil, fmt.Errorf("settle %s: status %q is not final", b.Transaction, s.Status)
	}
	seats, err := json.Marshal(b.Seats)
	if err != nil {
		return nil, fmt.Errorf("settle %s: %w", b.Transaction, err)
	}
	return []any{string(s.Status), heldBy(b.LockID), boughtWith(b.LockID), b.LockID, b.Transaction,
		recordKeep.Milliseconds(), listKeep.Milliseconds(), soldIn(b.Transaction), s.Reason,
		b.User, b.Event, seats, b.AmountCents, b.AcceptedAt.UnixMilli()}, nil
}

// recordKeys are the keys of every script, in their order.
func recordKeys(b ticket.Purchase) []string {
	return append([]string{lockKey(b.LockID), purchasingKey, purchaseKey(b.Transaction), userKey(b.User)},
		seatKeys(b.Event, b.Seats)...)
}

// Pending is a purchase that has not been settled here.
type Pending struct {
	Purchase ticket.Purchase // without AcceptedAt
	Accepted bool            // the queue had it: it must never be abandoned
	Since    time.Time       // last attempt, Redis's clock
	Age      time.Duration   // since then, by Redis's clock too: no other may be compared with it
}

// Pending lists up to 1000 purchases whose last attempt is older than that, the
// oldest first.
func (l *Locks) Pending(ctx context.Context, olderThan time.Duration) ([]Pending, error) {
	var out []Pending
	err := l.guard.Do("pending", func() error {
		now, old, err := l.oldest(ctx, olderThan)
		if err != nil || len(old) == 0 {
			return redisconn.Reading(err)
		}
		out, err = l.pending(ctx, now, old)
		return redisconn.Reading(err)
	})
	return out, err
}

// oldest gives Redis's clock with what it is compared with.
func (l *Locks) oldest(ctx context.Context, olderThan time.Duration) (now time.Time, old []redis.Z, err error) {
	if now, err = l.rdb.Time(ctx).Result(); err != nil {
		return now, nil, err
	}
	limit := strconv.FormatFloat(score(now.Add(-olderThan)), 'f', 3, 64)
	old, err = l.rdb.ZRangeByScoreWithScores(ctx, purchasingKey, &redis.ZRangeBy{Min: "-inf", Max: limit, Count: 1000}).Result()
	return now, old, err
}

func (l *Locks) pending(ctx context.Context, now time.Time, old []redis.Z) ([]Pending, error) {
	ids := make([]string, len(old))
	for i, z := range old {
		ids[i], _ = z.Member.(string)
	}
	recs, err := l.records(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Pending, len(old))
	for i, z := range old {
		rec := recs[i]
		if rec == nil { // only its entry is left; Abandon removes it
			rec = &record{id: ids[i]}
		}
		since := time.UnixMilli(int64(z.Score * 1000))
		out[i] = Pending{Purchase: rec.purchase(), Accepted: rec.state == StateAccepted, Since: since, Age: now.Sub(since)}
	}
	return out, nil
}

// Abandon frees the seats of a purchase of which the caller knows that it never
// reached the ledger and is in no queue. It fails with ErrLockInUse if the
// purchase was accepted, settled or tried again since Pending listed it.
func (l *Locks) Abandon(ctx context.Context, p Pending) error {
	var done int
	err := l.guard.Do("abandon", func() (err error) {
		// A millisecond of tolerance for the score's way through a float.
		done, err = abandonScript.Run(ctx, l.rdb, recordKeys(p.Purchase), boughtWith(p.Purchase.LockID), p.Purchase.LockID,
			score(p.Since)+0.001, recordKeep.Milliseconds()).Int()
		return redisconn.Writing(err)
	})
	if err == nil && done == 0 {
		return ticket.ErrLockInUse
	}
	return err
}

// Sold is a seat in the ledger.
type Sold struct {
	Event       int
	Seat        string
	Transaction string
}

// Epoch names the time since Redis last lost its memory; "" means that it has
// just lost it, and locks are refused until Rebuild.
func (l *Locks) Epoch(ctx context.Context) (string, error) {
	var epoch string
	err := l.guard.Do("epoch", func() (err error) {
		epoch, err = l.rdb.Get(ctx, epochKey).Result()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		return redisconn.Reading(err)
	})
	return epoch, err
}
