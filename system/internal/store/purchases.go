package store

import (
	"context"
	"errors"
	"time"

	"eventflow/system/internal/ticket"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Record is one row of the ledger. It never changes.
type Record struct {
	Transaction string
	Event       int
	User        string
	Seats       []string
	AmountCents int
	Status      ticket.Status // Confirmed or Rejected
	Reason      string        // why it was rejected, else empty
	Node        string        // which node accepted it
	AcceptedAt  time.Time     // that node's clock
	RecordedAt  time.Time     // the database's clock
}

// maxListed bounds what a user is shown: more than that is a program, not a
// buyer.
const maxListed = 500

const selectRecords = `select transaction_id::text, event_id, user_id, seats, amount_cents, lower(status), coalesce(reason, ''), node, accepted_at, recorded_at from purchases`

// Purchase gives one row of the ledger, or ticket.ErrNoPurchase. A purchase that
// is still queued has no row.
func (s *Store) Purchase(ctx context.Context, transaction string) (Record, error) {
	// What is no uuid has no row, and must not pass for a failing database.
	if uuid.Validate(transaction) != nil {
		return Record{}, ticket.ErrNoPurchase
	}
	return read(ctx, s, "purchase", s.cfg.ReadTimeout, func(ctx context.Context, c *pgx.Conn) (Record, error) {
		rows, err := c.Query(ctx, selectRecords+` where transaction_id = $1`, transaction)
		if err != nil {
			return Record{}, err
		}
		r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Record])
		if errors.Is(err, pgx.ErrNoRows) {
			return Record{}, ticket.ErrNoPurchase
		}
		return r, err
	})
}

// PurchasesOf lists a user's purchases in the ledger, newest first.
func (s *Store) PurchasesOf(ctx context.Context, user string) ([]Record, error) {
	return s.records(ctx, "purchases_of", s.cfg.ReadTimeout, selectRecords+` where user_id = $1 order by recorded_at desc limit $2`, user, maxListed)
}

// PurchaseStatuses gives those of the transactions that the ledger has, by id.
// It is meant for a few hundred at a time.
func (s *Store) PurchaseStatuses(ctx context.Context, transactions []string) (map[string]Record, error) {
	found, err := s.records(ctx, "purchase_statuses", bulkTimeout, selectRecords+` where transaction_id = any($1::uuid[])`, transactions)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]Record, len(found))
	for _, r := range found {
		byID[r.Transaction] = r
	}
	return byID, nil
}

func (s *Store) records(ctx context.Context, op string, limit time.Duration, sql string, args ...any) ([]Record, error) {
	return read(ctx, s, op, limit, func(ctx context.Context, c *pgx.Conn) ([]Record, error) {
		rows, err := c.Query(ctx, sql, args...)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[Record])
	})
}
