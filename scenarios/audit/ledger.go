package audit

import (
	"context"
	"fmt"
	"time"

	"eventflow/scenarios/history"

	"github.com/jackc/pgx/v5"
)

// Ledger reads what the stores hold for one event: the three tables in one
// snapshot, then the queues, Redis, the hall as the shop shows it, and who is
// connected. Drain first, or it is half a picture. At is left to the caller, whose
// clock it is, and Died to whoever has the logs.
func (a *Auditor) Ledger(ctx context.Context, event int) (history.Ledger, error) {
	l, err := a.ledger(ctx, event)
	if err != nil {
		return history.Ledger{}, fmt.Errorf("audit event %d: %w", event, err)
	}
	return l, nil
}

func (a *Auditor) ledger(ctx context.Context, event int) (history.Ledger, error) {
	l, err := a.tables(ctx, event)
	if err != nil {
		return l, err
	}
	read := time.Now()
	d, err := a.queues(ctx)
	if err != nil {
		return l, err
	}
	l.Ready, l.Unacked = d.Ready, d.Unacked
	dead, err := a.deadIDs(ctx, d.DeadLetter)
	if err != nil {
		return l, err
	}
	l.DeadID = a.sinceOpening(dead)
	l.DeadLetter = len(l.DeadID)
	if l.Held, l.Stuck, err = a.seats(ctx, event, l.Purchases); err != nil {
		return l, err
	}
	l.Hall = a.hall(ctx, event, len(l.Sold), read)
	if l.Peers, err = a.peers(ctx); err != nil {
		return l, err
	}
	l.After = a.Sample(ctx)
	return l, nil
}

// tables reads one snapshot: counts from two moments would not add up.
func (a *Auditor) tables(ctx context.Context, event int) (history.Ledger, error) {
	tx, err := a.postgres.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return history.Ledger{}, fmt.Errorf("begin snapshot: %w", err)
	}
	defer tx.Rollback(ctx) //nolint:errcheck // nothing was written
	var l history.Ledger
	if l.Purchases, err = purchases(ctx, tx, event); err != nil {
		return l, fmt.Errorf("read purchases: %w", err)
	}
	if err = tx.QueryRow(ctx, `select count(*) from purchases where event_id = $1`, event).Scan(&l.Rows); err != nil {
		return l, fmt.Errorf("count purchases: %w", err)
	}
	if l.Sold, err = sold(ctx, tx, event); err != nil {
		return l, fmt.Errorf("read sold seats: %w", err)
	}
	if l.Effects, err = effects(ctx, tx, event); err != nil {
		return l, fmt.Errorf("read effects: %w", err)
	}
	return l, nil
}

func purchases(ctx context.Context, tx pgx.Tx, event int) ([]history.PurchaseRow, error) {
	rows, err := tx.Query(ctx, `select transaction_id::text, event_id, seats, amount_cents, user_id, status, coalesce(reason, ''), recorded_at
		from purchases where event_id = $1 order by recorded_at, transaction_id`, event)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p history.PurchaseRow, err error) {
		err = row.Scan(&p.Transaction, &p.Event, &p.Seats, &p.AmountCents, &p.User, &p.Status, &p.Reason, &p.RecordedAt)
		return p, err
	})
}

func sold(ctx context.Context, tx pgx.Tx, event int) ([]history.SoldSeat, error) {
	rows, err := tx.Query(ctx, `select event_id, seat, transaction_id::text from sold_seats where event_id = $1 order by seat, transaction_id`, event)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s history.SoldSeat, err error) {
		err = row.Scan(&s.Event, &s.Seat, &s.Transaction)
		return s, err
	})
}

// effects counts the tickets of the event's purchases, and those that were sent
// since the event exists for no purchase at all: they belong to nobody, so to
// whoever audits.
func effects(ctx context.Context, tx pgx.Tx, event int) (map[string]int, error) {
	rows, err := tx.Query(ctx, `select e.transaction_id::text, count(*) from effects e left join purchases p using (transaction_id)
		where p.event_id = $1
		   or p.transaction_id is null and e.at >= (select created_at from events where id = $1)
		group by 1`, event)
	if err != nil {
		return nil, err
	}
	sent := map[string]int{}
	var transaction string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&transaction, &n}, func() error {
		sent[transaction] = n
		return nil
	})
	return sent, err
}

// ledgerNow are the values of a sample that the ledger has, in one snapshot. Seats
// sold twice are looked for in what the purchases themselves list: the table of
// sold seats has a key that would hide them.
func (a *Auditor) ledgerNow(ctx context.Context) map[string]float64 {
	var rows, double, half float64
	sale := a.sale.Load()
	err := a.postgres.QueryRow(ctx, `with listed as materialized (
			select seat, count(*) as times from purchases, unnest(seats) seat where event_id = $1 and status = 'CONFIRMED' group by seat)
		select (select count(*) from purchases)::float8,
			(select count(*) from listed where times > 1)::float8,
			abs((select coalesce(sum(times), 0) from listed) - (select count(*) from sold_seats where event_id = $1))::float8`, sale).
		Scan(&rows, &double, &half)
	switch {
	case err != nil:
		return nil
	case sale == 0:
		return map[string]float64{"ledger_rows": rows}
	}
	return map[string]float64{"ledger_rows": rows, "double_sold": double, "half_sold": half}
}

// rowsOf is how many purchases of one event the ledger has.
func (a *Auditor) rowsOf(ctx context.Context, event int) (n int, err error) {
	err = a.postgres.QueryRow(ctx, `select count(*) from purchases where event_id = $1`, event).Scan(&n)
	return n, err
}
