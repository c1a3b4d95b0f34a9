package tamper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/stack"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

// Recorder takes down changes to the event's data, on the drill's clock.
type Recorder interface {
	Now() time.Duration
	Update(history.Update)
}

// ErrLeft says that something of a tamper is still in place.
var ErrLeft = errors.New("still in place")

const (
	openDeadline = 5 * time.Second
	// roundDeadline bounds one round of a lasting tamper, and so how long Undo waits
	// for it.
	roundDeadline = 2 * time.Second
	// biteDeadline is how long a tamper may wait for something to bite on: a first
	// purchase, a first cached entry.
	biteDeadline = 2 * time.Second
	poll         = 20 * time.Millisecond
)

// name is what the stores know the meddler's connections as: one of the lab's
// observers, who go round the proxies on purpose.
const name = "eventflow-observer-meddler"

// queue is the shop's purchase queue.
const queue = "purchases"

// Meddler tampers with one stack, for one sale. It is safe for concurrent use.
type Meddler struct {
	event    int
	rec      Recorder
	postgres *pgxpool.Pool
	redis    *redis.Client
	broker   broker

	mu     sync.Mutex // one Apply, Undo or Close at a time
	undos  []undo     // in the order in which they were done
	closed bool
	base   string // the event's name before the first version; empty: it has none

	counting sync.Mutex // rounds count, too
	version  int
	poisoned int      // poisons tried
	ids      []string // of those that the broker has confirmed
}

// undo takes one tamper back.
type undo struct {
	what   string
	rounds *rounds                     // nil: nothing goes on
	remove func(context.Context) error // and verifies; nil: stopping is enough. May be repeated
}

// Open reaches PostgreSQL, round the proxies, and removes what a meddler that was
// killed has left there. The other stores are reached when something is to be done
// to them. rec is told of versions of the event.
func Open(ctx context.Context, e stack.Endpoints, event int, rec Recorder) (_ *Meddler, err error) {
	ctx, cancel := context.WithTimeout(ctx, openDeadline)
	defer cancel()
	m := &Meddler{event: event, rec: rec, broker: broker{base: e.RabbitAPI, http: &http.Client{Timeout: openDeadline}}}
	m.redis = redis.NewClient(&redis.Options{Addr: e.RedisAddr, Password: e.RedisPassword, ClientName: name,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DialTimeout: time.Second})
	defer func() {
		if err != nil {
			m.disconnect()
		}
	}()
	config, err := pgxpool.ParseConfig(e.Observer)
	if err != nil {
		return nil, fmt.Errorf("read address of postgres: %w", err)
	}
	config.MaxConns = 3
	config.ConnConfig.ConnectTimeout = 2 * time.Second
	config.ConnConfig.RuntimeParams["application_name"] = name
	if m.postgres, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("open postgres: %w", err)
	}
	if err = m.letCommit(ctx); err != nil {
		return nil, fmt.Errorf("remove what an earlier meddler left: %w", err)
	}
	return m, nil
}

// Apply carries the tamper out and tells what came of it. An error, or an effect
// without Bit: it may be in force in part, call Undo.
func (m *Meddler) Apply(ctx context.Context, t Tamper) (Effect, error) {
	if err := t.Validate(); err != nil {
		return Effect{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Effect{}, fmt.Errorf("tamper %q: %w", t.Kind, errors.New("the meddler is closed"))
	}
	do := map[Kind]func(context.Context, Tamper) (Effect, error){
		Poison: m.poison, Republish: m.republish, DeleteQueue: m.deleteQueue, LockTable: m.lockTable,
		ExpireCache: m.expireCache, CommitFails: m.commitFails, UpdateEvent: m.updateEvent,
	}[t.Kind]
	effect, err := do(ctx, t)
	if err != nil {
		return effect, fmt.Errorf("tamper %q: %w", t.Kind, err)
	}
	return effect, nil
}

// Undo takes back all that was done, the last first, and proves it. It may be
// repeated. An error that is ErrLeft names what is still in place; any other tells
// of rounds that failed before all was undone.
func (m *Meddler) Undo(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.undo(ctx)
}

func (m *Meddler) undo(ctx context.Context) error {
	var errs []error
	var left []undo
	for i := len(m.undos) - 1; i >= 0; i-- {
		u := m.undos[i]
		if err := u.rounds.end(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", u.what, err))
		}
		if u.remove == nil {
			continue
		}
		if err := u.remove(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w: %w", u.what, ErrLeft, err))
			left = append([]undo{u}, left...)
		}
	}
	m.undos = left
	return errors.Join(errs...)
}

// later registers what Undo has to do.
func (m *Meddler) later(what string, r *rounds, remove func(context.Context) error) {
	m.undos = append(m.undos, undo{what: what, rounds: r, remove: remove})
}

// Close undoes what is not undone, puts the event's name back and ends the
// connections. It may be called more than once.
func (m *Meddler) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	defer m.disconnect()
	ctx, cancel := context.WithTimeout(context.Background(), openDeadline)
	defer cancel()
	return errors.Join(m.undo(ctx), m.restoreName(ctx))
}

func (m *Meddler) disconnect() {
	if m.postgres != nil {
		m.postgres.Close()
	}
	_ = m.redis.Close() // closed already, or closing a socket failed: gone either way
	m.broker.http.CloseIdleConnections()
}
