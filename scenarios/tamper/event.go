package tamper

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"eventflow/scenarios/history"
)

func (m *Meddler) updateEvent(ctx context.Context, t Tamper) (Effect, error) {
	if slices.ContainsFunc(m.undos, func(u undo) bool { return u.what == string(UpdateEvent) }) {
		return Effect{}, errors.New("versions are being written already")
	}
	if m.base == "" {
		if err := m.postgres.QueryRow(ctx, `select name from events where id = $1`, m.event).Scan(&m.base); err != nil {
			return Effect{}, fmt.Errorf("read the name of event %d: %w", m.event, err)
		}
	}
	if err := m.nextVersion(ctx); err != nil {
		return Effect{}, err
	}
	var is string
	if err := m.postgres.QueryRow(ctx, `select name from events where id = $1`, m.event).Scan(&is); err != nil {
		return Effect{}, fmt.Errorf("read back the name of event %d: %w", m.event, err)
	}
	effect := Effect{ReadBack: fmt.Sprintf("name is %q", is), Symptom: fmt.Sprintf("version %d", m.version), Bit: is == m.named(m.version)}
	m.later(string(UpdateEvent), begin(t.pace(), m.nextVersion), nil)
	return effect, nil
}

// named is the event's name in a version.
func (m *Meddler) named(version int) string { return fmt.Sprintf("%s v%d", m.base, version) }

// nextVersion writes one version and has it recorded, before and after. The record
// of one whose COMMIT was not seen stays open; it may land late, and then must not
// cover a newer version.
func (m *Meddler) nextVersion(ctx context.Context) error {
	m.counting.Lock()
	defer m.counting.Unlock()
	m.version++
	u := history.Update{Version: m.version, Call: m.rec.Now()}
	m.rec.Update(u)
	done, err := m.postgres.Exec(ctx, `update events set name = $2
		where id = $1 and coalesce(substring(name from ' v([0-9]+)$')::int, 0) < $3`, m.event, m.named(m.version), m.version)
	if err != nil {
		return fmt.Errorf("write version %d of event %d: %w", m.version, m.event, err)
	}
	if done.RowsAffected() != 1 {
		return fmt.Errorf("write version %d of event %d: %w", m.version, m.event, errors.New("it is gone, or newer"))
	}
	u.Return = m.rec.Now()
	m.rec.Update(u)
	return nil
}

// restoreName puts the name back that the event had before its first version.
func (m *Meddler) restoreName(ctx context.Context) error {
	if m.base == "" {
		return nil
	}
	if _, err := m.postgres.Exec(ctx, `update events set name = $2 where id = $1`, m.event, m.base); err != nil {
		return fmt.Errorf("put the name of event %d back: %w", m.event, err)
	}
	return nil
}
