package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eventflow/system/internal/ticket"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// SeatTaken is the reason in the ledger of a purchase that lost the race.
const SeatTaken = "seat_taken"

// Settled is what the ledger says of one purchase after SettleBatch.
type Settled struct {
	Transaction string
	Status      ticket.Status // Confirmed or Rejected; empty while Err is set
	Reason      string        // why it was rejected, else empty
	Duplicate   bool          // it was in the ledger before
	Committed   time.Time     // when this program learnt of the COMMIT
	// Err is nil once the purchase is in the ledger for good, ErrPoison if it
	// never can be, and otherwise a ticket.Trouble: settle it again.
	Err error
}

// The statement that SettleBatch prepares once on each connection.
const (
	settleName = "eventflow_settle"
	settleSQL  = `select public.settle($1, $2, $3, $4, $5, $6, $7)`
)

// errNoAnswer is what a purchase is left with when the connection ended before
// its turn.
var errNoAnswer = errors.New("no answer")

// SettleBatch writes purchases to the ledger, each in a transaction of its own,
// with one round trip for all. The answer has one Settled per purchase, in
// order. The error is the first Trouble among them, nil if there is none.
//
// Each purchase is followed by a Sync of its own, and counts as settled only
// after that Sync was answered: the function's result arrives before COMMIT, and
// a COMMIT can still fail. One statement for all, or one transaction, would be
// no faster where it matters and let a bad purchase drag its neighbours along
// and hold hot seats until the last of them was written.
func (s *Store) SettleBatch(ctx context.Context, purchases []ticket.Purchase) ([]Settled, error) {
	begun := time.Now()
	out := make([]Settled, len(purchases))
	for i, p := range purchases {
		out[i] = Settled{Transaction: p.Transaction, Err: ticket.Unavailable(dependency, errNoAnswer)}
	}
	err := s.writes.through(func() error { return s.settleAll(ctx, purchases, out) })
	if err == nil {
		err = firstTrouble(out)
	}
	s.cfg.Observe("settle", begun, err)
	return out, err
}

func firstTrouble(all []Settled) error {
	for _, one := range all {
		if one.Err != nil && !errors.Is(one.Err, ErrPoison) {
			return one.Err
		}
	}
	return nil
}

func (s *Store) settleAll(ctx context.Context, purchases []ticket.Purchase, out []Settled) error {
	ctx, heard, stop := whileHeard(ctx, s.writes.timeout)
	defer stop()
	conn, err := s.writes.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	statement, err := conn.Conn().Prepare(ctx, settleName, settleSQL)
	if err != nil {
		return ticket.Unavailable(dependency, fmt.Errorf("prepare settle: %w", err))
	}
	heard()
	sent := encode(conn.Conn().TypeMap(), statement.ParamOIDs, purchases, out)
	if err := pipeline(ctx, conn.Conn(), sent, out, heard); err != nil {
		return writeError(err)
	}
	return nil
}

// whileHeard is a context that ends after limit without a call of heard: a batch
// may take as long as it makes progress. A fixed deadline would have to fit the
// slowest disk, and a silent server would then be found out as late.
func whileHeard(ctx context.Context, limit time.Duration) (_ context.Context, heard, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() { cancel(context.DeadlineExceeded) })
	return ctx, func() { timer.Reset(limit) }, func() { timer.Stop(); cancel(nil) }
}

// message is one purchase ready to be sent; index is its place in the batch.
type message struct {
	index  int
	params [][]byte
}

// encode writes the parameters as PostgreSQL reads them. What cannot be written
// so can never be settled.
func encode(types *pgtype.Map, oids []uint32, purchases []ticket.Purchase, out []Settled) []message {
	messages := make([]message, 0, len(purchases))
	for i, p := range purchases {
		m, err := encodeOne(types, oids, p)
		if err != nil {
			out[i].Err = fmt.Errorf("%w: %w", ErrPoison, err)
			continue
		}
		messages = append(messages, message{i, m})
	}
	return messages
}

func encodeOne(types *pgtype.Map, oids []uint32, p ticket.Purchase) ([][]byte, error) {
	values := []any{p.Transaction, p.Event, p.User, p.Seats, p.AmountCents, p.Node, p.AcceptedAt}
	params := make([][]byte, len(values))
	for i, v := range values {
		text, err := types.Encode(oids[i], pgtype.TextFormatCode, v, nil)
		if err != nil {
			return nil, fmt.Errorf("parameter %d: %w", i+1, err)
		}
		params[i] = text
	}
	return params, nil
}

// pipeline sends everything, then reads answer by answer. Its error means that
// the connection broke: purchases without an answer by then are in doubt.
func pipeline(ctx context.Context, c *pgx.Conn, messages []message, out []Settled, heard func()) error {
	p := c.PgConn().StartPipeline(ctx)
	for _, m := range messages {
		p.SendQueryPrepared(settleName, m.params, nil, nil)
		p.SendPipelineSync()
	}
	err := p.Flush()
	for i := 0; i < len(messages) && err == nil; i++ {
		if err = answer(p, &out[messages[i].index]); err == nil {
			heard()
		} else {
			doubt(messages[i:], out, err)
		}
	}
	if err != nil && context.Cause(ctx) == context.DeadlineExceeded {
		err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	if err != nil {
		_ = p.Close() // the connection is lost; why is in err
		return err
	}
	return p.Close()
}

// doubt marks purchases that were sent and not answered.
func doubt(messages []message, out []Settled, err error) {
	for _, m := range messages {
		out[m.index].Err = ticket.Unknown(dependency, err)
	}
}

// answer reads one purchase's results up to its Sync, which is its COMMIT. An
// error means that the connection is of no more use.
func answer(p *pgconn.Pipeline, s *Settled) error {
	var word string
	var refusal *pgconn.PgError
	for {
		results, err := p.GetResults()
		switch r := results.(type) {
		case *pgconn.ResultReader:
			word, err = readWord(r)
		case *pgconn.PipelineSync:
			s.conclude(word, refusal)
			return nil
		}
		var pg *pgconn.PgError
		switch {
		case errors.As(err, &pg) && pg.Severity == "ERROR":
			refusal = pg
		case err != nil:
			return err
		case results == nil:
			return errNoAnswer
		}
	}
}

func readWord(r *pgconn.ResultReader) (word string, err error) {
	for r.NextRow() {
		word = string(r.Values()[0])
	}
	_, err = r.Close()
	return word, err
}

// conclude reads settle's answer, after the transaction ended.
func (s *Settled) conclude(word string, refusal *pgconn.PgError) {
	switch {
	case refusal != nil && poison(refusal):
		s.Err = fmt.Errorf("%w: %w", ErrPoison, refusal)
		return
	case refusal != nil:
		s.Err = writeError(refusal)
		return
	}
	s.Err, s.Committed = nil, time.Now()
	switch word {
	case "DUP_CONFIRMED", "CONFIRMED":
		s.Status = ticket.Confirmed
	case "DUP_REJECTED", "REJECTED":
		s.Status, s.Reason = ticket.Rejected, SeatTaken
	default:
		s.Err = ticket.Unknown(dependency, fmt.Errorf("settle answered %q", word))
	}
	s.Duplicate = word == "DUP_CONFIRMED" || word == "DUP_REJECTED"
}
