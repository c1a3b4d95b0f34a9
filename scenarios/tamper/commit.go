package tamper

import (
	"context"
	"errors"
	"fmt"

	"eventflow/scenarios/stack"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// refusedCommit is what the failing commits say.
const refusedCommit = "the lab undoes this commit"

// refuseCommits makes PostgreSQL undo every n-th transaction that writes a new
// purchase. The number is drawn from a sequence, which no rollback turns back: a
// transaction that is tried again draws the next. A deferred trigger runs at
// COMMIT, when the client has its answers already, and as the function's owner:
// the shop's roles may not draw from the sequence.
const refuseCommits = `
	create sequence lab_commits;
	create function lab_refuse_commit() returns trigger language plpgsql security definer set search_path = '' as $$
	begin
		if nextval('public.lab_commits') %% %d = 0 then
			raise exception '%s' using errcode = 'serialization_failure';
		end if;
		return null;
	end $$;
	create constraint trigger lab_refuse_commit after insert on purchases
		deferrable initially deferred for each row execute function lab_refuse_commit();`

const letCommit = `
	drop trigger if exists lab_refuse_commit on purchases;
	drop function if exists lab_refuse_commit;
	drop sequence if exists lab_commits`

// change makes a change to the ledger's schema, whole or not at all. It needs a
// lock that the shop's writers hold by turns; a waiting one is given up and tried
// again, so that it never keeps them waiting for long.
func (m *Meddler) change(ctx context.Context, statements string) (err error) {
	waited := stack.Until(ctx, 5*poll, func(ctx context.Context) error {
		err = pgx.BeginFunc(ctx, m.postgres, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `set local lock_timeout = '300ms'; set local client_min_messages = warning; `+statements)
			return err
		})
		var pg *pgconn.PgError
		if errors.As(err, &pg) && (pg.Code == lockNotAvailable || pg.Code == deadlock) {
			return err
		}
		return nil // done, or never to be
	})
	return errors.Join(waited, err)
}

const deadlock = "40P01"

func (m *Meddler) commitFails(ctx context.Context, t Tamper) (Effect, error) {
	n := t.count(4)
	m.later("commit-fails", nil, m.letCommit)
	if err := m.change(ctx, letCommit+";"+fmt.Sprintf(refuseCommits, n, refusedCommit)); err != nil {
		return Effect{}, fmt.Errorf("create the trigger: %w", err)
	}
	var made bool
	if err := m.postgres.QueryRow(ctx, `select exists (select from pg_trigger where tgname = 'lab_refuse_commit' and tgenabled <> 'D'
		and tgdeferrable and tginitdeferred and tgrelid = 'purchases'::regclass)`).Scan(&made); err != nil {
		return Effect{}, fmt.Errorf("read back: %w", err)
	}
	refused, tries, err := m.tryCommits(ctx, 4*n)
	if err != nil {
		return Effect{}, err
	}
	effect := Effect{ReadBack: fmt.Sprintf("deferred trigger on purchases: %t", made), Bit: made && refused,
		Symptom: fmt.Sprintf("%d transactions were let through", tries)}
	if refused {
		effect.Symptom = fmt.Sprintf("transaction %d of a try was undone at its end", tries)
	}
	return effect, nil
}

// tryCommits writes a purchase that nobody made until one is refused, most times
// at the most. The checks that wait for COMMIT are made before it, and the
// transaction is rolled back: nothing of it is ever in the ledger.
func (m *Meddler) tryCommits(ctx context.Context, most int) (refused bool, tries int, err error) {
	for tries = 1; tries <= most; tries++ {
		err = m.tryCommit(ctx)
		var pg *pgconn.PgError
		switch {
		case errors.As(err, &pg) && pg.Message == refusedCommit:
			return true, tries, nil
		case err != nil:
			return false, tries, fmt.Errorf("try a transaction: %w", err)
		}
	}
	return false, most, nil
}

func (m *Meddler) tryCommit(ctx context.Context) error {
	tx, err := m.postgres.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // if it cannot be sent the connection is gone, and the transaction with it
	_, err = tx.Exec(ctx, `insert into purchases (transaction_id, event_id, user_id, seats, amount_cents, status, node, accepted_at)
		values (gen_random_uuid(), $1, 'lab', '{lab}', 0, 'CONFIRMED', 'lab', now())`, m.event)
	if err == nil {
		_, err = tx.Exec(ctx, `set constraints all immediate`)
	}
	return err
}

// letCommit removes the trigger with all that belongs to it, and proves it.
func (m *Meddler) letCommit(ctx context.Context) error {
	left, err := m.commitsRefused(ctx)
	if err != nil || !left {
		return err
	}
	if err := m.change(ctx, letCommit); err != nil {
		return fmt.Errorf("drop the trigger: %w", err)
	}
	if left, err = m.commitsRefused(ctx); err == nil && left {
		err = errors.New("trigger lab_refuse_commit is still there")
	}
	return err
}

func (m *Meddler) commitsRefused(ctx context.Context) (left bool, err error) {
	err = m.postgres.QueryRow(ctx, `select exists (select from pg_trigger where tgname = 'lab_refuse_commit')
		or exists (select from pg_proc where proname = 'lab_refuse_commit') or to_regclass('lab_commits') is not null`).Scan(&left)
	if err != nil {
		return false, fmt.Errorf("look for trigger lab_refuse_commit: %w", err)
	}
	return left, nil
}
