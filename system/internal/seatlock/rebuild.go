package seatlock

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/ticket"
)

// rebuildChunk keeps one pipeline well below the timeout of a read.
const rebuildChunk = 500

// Rebuild marks every sold seat, then opens the shop by setting the epoch, if
// nobody else has. The caller has drained the queue first, so that sold is all
// there is. If Redis loses its memory again meanwhile, the epoch is not set and
// ErrUnavailable says so.
func (l *Locks) Rebuild(ctx context.Context, sold []Sold) error {
	token := uuid.NewString()
	if err := l.rdb.Set(ctx, rebuildKey, token, 0).Err(); err != nil {
		return redisconn.Writing(err)
	}
	for chunk := range slices.Chunk(sold, rebuildChunk) {
		if err := l.mark(ctx, chunk); err != nil {
			return err
		}
	}
	return l.open(ctx, token)
}

func (l *Locks) mark(ctx context.Context, sold []Sold) error {
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, s := range sold {
			p.Set(ctx, seatKey(s.Event, s.Seat), soldIn(s.Transaction), 0)
		}
		return nil
	})
	return redisconn.Writing(err)
}

// open sets the epoch only if this rebuild's token is still there: a token that
// is gone went together with the marks.
func (l *Locks) open(ctx context.Context, token string) error {
	err := l.rdb.Watch(ctx, func(tx *redis.Tx) error {
		found, err := tx.Get(ctx, rebuildKey).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		if found != token {
			return redis.TxFailedErr
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.SetNX(ctx, epochKey, uuid.NewString(), 0)
			p.Del(ctx, rebuildKey)
			return nil
		})
		return err
	}, rebuildKey)
	if errors.Is(err, redis.TxFailedErr) {
		return ticket.Unavailable(redisconn.Dependency, fmt.Errorf("rebuild was overtaken or its marks were lost: %w", err))
	}
	return redisconn.Writing(err)
}
