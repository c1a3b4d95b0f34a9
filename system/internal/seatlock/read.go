package seatlock

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/ticket"
)

// Seats says what Redis knows of the seats; one that is not in the answer's
// ledger marks is free. After lost memory it fails with ErrUnavailable, because
// then it knows of no seat.
func (l *Locks) Seats(ctx context.Context, event int, seats []string) (map[string]ticket.SeatState, error) {
	var words []string
	err := l.guard.Do("seats", func() error {
		values, err := l.rdb.MGet(ctx, append([]string{epochKey}, seatKeys(event, seats)...)...).Result()
		words = texts(values)
		return redisconn.Reading(err)
	})
	if err != nil {
		return nil, err
	}
	if words[0] == "" {
		return nil, public(errMemoryLost)
	}
	out := make(map[string]ticket.SeatState, len(seats))
	for i, s := range seats {
		out[s] = stateOf(words[i+1])
	}
	return out, nil
}

// PurchaseRecord is what Redis knows of a purchase.
type PurchaseRecord struct {
	Transaction string
	LockID      string
	User        string
	Event       int
	Seats       []string
	AmountCents int
	State       State // never locked or released
	Reason      string
	CreatedAt   time.Time // of the lock, Redis's clock
}

// Purchase finds a purchase by its transaction. ErrNoPurchase is certain as far
// as Redis goes; ErrUnavailable may mean that it has lost its memory.
func (l *Locks) Purchase(ctx context.Context, tx string) (PurchaseRecord, error) {
	found, err := l.purchases(ctx, []string{tx})
	if err != nil {
		return PurchaseRecord{}, err
	}
	if len(found) == 0 {
		return PurchaseRecord{}, ticket.ErrNoPurchase
	}
	return found[0], nil
}

// PurchasesOf lists what Redis knows of a user's purchases, in no order.
func (l *Locks) PurchasesOf(ctx context.Context, user string) ([]PurchaseRecord, error) {
	var ids []string
	err := l.guard.Do("purchases_of", func() (err error) {
		ids, err = l.rdb.SMembers(ctx, userKey(user)).Result()
		return redisconn.Reading(err)
	})
	if err != nil {
		return nil, err
	}
	return l.purchases(ctx, ids)
}

// purchases reads the epoch too: a record that is missing after lost memory
// proves nothing.
func (l *Locks) purchases(ctx context.Context, txs []string) (out []PurchaseRecord, err error) {
	keys := []string{epochKey}
	for _, tx := range txs {
		keys = append(keys, purchaseKey(tx))
	}
	var lost bool
	err = l.guard.Do("purchases", func() error {
		values, err := l.rdb.MGet(ctx, keys...).Result()
		if err != nil {
			return redisconn.Reading(err)
		}
		words := texts(values)
		lost = words[0] == ""
		recs, err := l.records(ctx, compact(words[1:]))
		out = purchaseRecords(recs)
		return redisconn.Reading(err)
	})
	if err == nil && lost && len(out) < len(txs) {
		return nil, public(errMemoryLost)
	}
	if err == nil && lost && len(txs) == 0 {
		return nil, public(errMemoryLost)
	}
	return out, err
}

func compact(words []string) []string {
	var out []string
	for _, w := range words {
		if w != "" {
			out = append(out, w)
		}
	}
	return out
}

func purchaseRecords(recs []*record) []PurchaseRecord {
	var out []PurchaseRecord
	for _, r := range recs {
		if r == nil || r.state == StateLocked || r.state == StateReleased {
			continue
		}
		out = append(out, PurchaseRecord{
			Transaction: ticket.TransactionID(r.id), LockID: r.id, User: r.user, Event: r.event, Seats: r.seats,
			AmountCents: r.amount, State: r.state, Reason: r.reason, CreatedAt: r.created,
		})
	}
	return out
}

// peek reads one lock's record outside any transaction; nil: no such lock.
func (l *Locks) peek(ctx context.Context, lockID string) (*record, error) {
	var v view
	var lost bool
	err := l.guard.Do("record", func() (err error) {
		v, err = look(ctx, l.rdb, lockID, 0, nil)
		if lost = errors.Is(err, errMemoryLost); lost {
			return nil
		}
		return redisconn.Reading(err)
	})
	if lost {
		return nil, public(errMemoryLost)
	}
	return v.rec, err
}

// records reads many locks in one round trip; nil where there is none.
func (l *Locks) records(ctx context.Context, ids []string) ([]*record, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	cmds := make([]*redis.MapStringStringCmd, len(ids))
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			cmds[i] = p.HGetAll(ctx, lockKey(id))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]*record, len(ids))
	for i, c := range cmds {
		if out[i], err = parse(ids[i], c.Val()); err != nil {
			return nil, err
		}
	}
	return out, nil
}
