package tamper

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// lockNotAvailable is PostgreSQL's answer to who waited for a lock in vain.
const lockNotAvailable = "55P03"

// lockTable holds the lock in a transaction of a session of its own: when this
// process dies, PostgreSQL ends both.
func (m *Meddler) lockTable(ctx context.Context, _ Tamper) (Effect, error) {
	session, err := pgx.ConnectConfig(ctx, m.postgres.Config().ConnConfig.Copy())
	if err != nil {
		return Effect{}, fmt.Errorf("open a session: %w", err)
	}
	pid := session.PgConn().PID()
	m.later("lock-table", nil, func(ctx context.Context) error {
		_ = session.Close(ctx) // what counts is whether PostgreSQL still has it
		return m.ended(ctx, pid)
	})
	for _, statement := range []string{`begin`, `set local lock_timeout = '5s'`, `lock table purchases, sold_seats in access exclusive mode`} {
		if _, err := session.Exec(ctx, statement); err != nil {
			return Effect{}, fmt.Errorf("%s: %w", statement, err)
		}
	}
	var held int
	if err := m.postgres.QueryRow(ctx, `select count(*) from pg_locks where pid = $1 and granted and mode = 'AccessExclusiveLock'
		and relation in ('purchases'::regclass, 'sold_seats'::regclass)`, pid).Scan(&held); err != nil {
		return Effect{}, fmt.Errorf("read back: %w", err)
	}
	waited, err := m.waits(ctx)
	if err != nil {
		return Effect{}, err
	}
	effect := Effect{ReadBack: fmt.Sprintf("session %d holds AccessExclusiveLock on %d tables", pid, held), Bit: held == 2 && waited,
		Symptom: "a reader of the ledger is not kept waiting"}
	if waited {
		effect.Symptom = "a reader of the ledger waited 100ms in vain"
	}
	return effect, nil
}

// waits says whether a reader of the ledger is kept waiting.
func (m *Meddler) waits(ctx context.Context) (bool, error) {
	err := pgx.BeginFunc(ctx, m.postgres, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local lock_timeout = '100ms'`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `select from purchases limit 1`)
		return err
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == lockNotAvailable {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the ledger: %w", err)
	}
	return false, nil
}

// ended ends the session if it has not ended, and proves that it holds nothing.
func (m *Meddler) ended(ctx context.Context, pid uint32) error {
	if _, err := m.postgres.Exec(ctx, `select pg_terminate_backend(pid, 2000) from pg_stat_activity where pid = $1 and application_name = $2`, pid, name); err != nil {
		return fmt.Errorf("end session %d: %w", pid, err)
	}
	var held int
	if err := m.postgres.QueryRow(ctx, `select count(*) from pg_locks where pid = $1 and mode = 'AccessExclusiveLock'`, pid).Scan(&held); err != nil {
		return fmt.Errorf("read back the locks of session %d: %w", pid, err)
	}
	if held > 0 {
		return fmt.Errorf("session %d still holds %d locks", pid, held)
	}
	return nil
}
