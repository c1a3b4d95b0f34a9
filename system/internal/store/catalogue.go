package store

import (
	"context"
	"errors"

	"eventflow/system/internal/ticket"

	"github.com/jackc/pgx/v5"
)

const selectEvents = `select e.id, e.name, e.venue, e.starts_at, (select count(*) from seats s where s.event_id = e.id)::int from events e`

// Events lists what is on sale, soonest first.
func (s *Store) Events(ctx context.Context) ([]ticket.Event, error) {
	return read(ctx, s, "events", s.cfg.ReadTimeout, func(ctx context.Context, c *pgx.Conn) ([]ticket.Event, error) {
		rows, err := c.Query(ctx, selectEvents+` order by e.starts_at, e.id`)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, scanEvent)
	})
}

// Hall gives an event with all its seats, or ticket.ErrNoEvent.
func (s *Store) Hall(ctx context.Context, event int) (ticket.Hall, error) {
	return read(ctx, s, "hall", s.cfg.ReadTimeout, func(ctx context.Context, c *pgx.Conn) (ticket.Hall, error) {
		// One round trip for both: under a slow link each one costs its delay.
		batch := &pgx.Batch{}
		batch.Queue(selectEvents+` where e.id = $1`, event)
		batch.Queue(`select section, price_cents, row_name, seat from seats where event_id = $1
			order by section_order, section, row_order, row_name, seat_order, seat`, event)
		results := c.SendBatch(ctx, batch)
		hall, err := readHall(results)
		return hall, errors.Join(err, results.Close())
	})
}

func readHall(results pgx.BatchResults) (hall ticket.Hall, err error) {
	rows, err := results.Query()
	if err != nil {
		return hall, err
	}
	if hall.Event, err = pgx.CollectExactlyOneRow(rows, scanEvent); errors.Is(err, pgx.ErrNoRows) {
		return hall, ticket.ErrNoEvent
	} else if err != nil {
		return hall, err
	}
	if rows, err = results.Query(); err != nil {
		return hall, err
	}
	var section, row, seat string
	var price int
	_, err = pgx.ForEachRow(rows, []any{&section, &price, &row, &seat}, func() error {
		addSeat(&hall, section, price, row, seat)
		return nil
	})
	return hall, err
}

// addSeat appends to the last section and row, or opens new ones: seats come in
// the hall's order.
func addSeat(h *ticket.Hall, section string, price int, row, seat string) {
	if n := len(h.Sections); n == 0 || h.Sections[n-1].Name != section {
		h.Sections = append(h.Sections, ticket.Section{Name: section, PriceCents: price})
	}
	s := &h.Sections[len(h.Sections)-1]
	if n := len(s.Rows); n == 0 || s.Rows[n-1].Name != row {
		s.Rows = append(s.Rows, ticket.Row{Name: row})
	}
	r := &s.Rows[len(s.Rows)-1]
	r.Seats = append(r.Seats, seat)
}

func scanEvent(row pgx.CollectableRow) (e ticket.Event, err error) {
	err = row.Scan(&e.ID, &e.Name, &e.Venue, &e.StartsAt, &e.Seats)
	return e, err
}

// SoldSeats names the seats of an event that the ledger has sold. An event that
// does not exist has none.
func (s *Store) SoldSeats(ctx context.Context, event int) ([]string, error) {
	return read(ctx, s, "sold_seats", s.cfg.ReadTimeout, func(ctx context.Context, c *pgx.Conn) ([]string, error) {
		rows, err := c.Query(ctx, `select seat from sold_seats where event_id = $1 order by seat`, event)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	})
}

// Sold is one sold seat.
type Sold struct {
	Event       int
	Seat        string
	Transaction string
}

// AllSold lists every sold seat: what Redis must know again after it lost its
// memory.
func (s *Store) AllSold(ctx context.Context) ([]Sold, error) {
	return read(ctx, s, "all_sold", bulkTimeout, func(ctx context.Context, c *pgx.Conn) ([]Sold, error) {
		rows, err := c.Query(ctx, `select event_id, seat, transaction_id::text from sold_seats`)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[Sold])
	})
}
