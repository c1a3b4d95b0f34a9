package store

import (
	"context"
	"errors"
	"time"

	"eventflow/system/internal/ticket"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// rules are answers, not failures: they pass the breaker as successes and reach
// the caller as they are.
var rules = []error{ticket.ErrNoEvent, ticket.ErrNoPurchase, ErrNoUser}

// read runs a query that changes nothing, twice if the first connection proves
// to have died in the pool.
func read[T any](ctx context.Context, s *Store, op string, limit time.Duration, query func(context.Context, *pgx.Conn) (T, error)) (out T, err error) {
	begun := time.Now()
	defer func() { s.cfg.Observe(op, begun, err) }()
	err = s.reads.through(func() error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		var stale bool
		if out, stale, err = readOnce(ctx, s.reads, query); stale {
			// Its siblings died with it: after a cut, each of them would cost
			// another caller this detour.
			s.reads.pool.Reset()
			out, _, err = readOnce(ctx, s.reads, query)
		}
		return err
	})
	return out, err
}

func readOnce[T any](ctx context.Context, l *lane, query func(context.Context, *pgx.Conn) (T, error)) (out T, stale bool, err error) {
	conn, err := l.acquire(ctx)
	if err != nil {
		return out, false, err
	}
	defer conn.Release()
	out, err = query(ctx, conn.Conn())
	if err == nil || isRule(err, rules...) {
		return out, false, err
	}
	return out, ctx.Err() == nil && lost(conn, err), readError(ctx, err)
}

// lost reports whether the connection, rather than the query, failed.
func lost(conn *pgxpool.Conn, err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Severity == "FATAL"
	}
	return conn.Conn().IsClosed()
}
