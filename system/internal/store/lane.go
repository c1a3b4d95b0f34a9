package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"eventflow/system/internal/ticket"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/sony/gobreaker/v2"
)

const (
	// tripAfter failures in a row the breaker opens.
	tripAfter = 5
	// openFor is how long it then refuses without asking, give or take a fifth:
	// nodes that lost the database together must not all come back in the same
	// millisecond.
	openFor = time.Second
	// closeFor is how long a connection that was given up may linger. pgx
	// grants it 15 s, and its place in the pool for as long: a pool of two
	// would then be empty for 15 s after two timeouts.
	closeFor = time.Second
	// pingAfter idle and pingTimeout: a pooled connection that was idle is
	// asked before it is used. Half of a read's budget, so that a silent one
	// leaves time to dial.
	pingTimeout = 250 * time.Millisecond
)

// lane is a pool with a breaker in front: calls of one kind that fail together.
type lane struct {
	pool    *pgxpool.Pool
	breaker *gobreaker.CircuitBreaker[any]
	timeout time.Duration
}

func newLane(cfg Config, name string, size int, timeout time.Duration) (*lane, error) {
	pc, err := pgxpool.ParseConfig(cfg.dsn())
	if err != nil {
		return nil, fmt.Errorf("pool of %s: %w", name, err)
	}
	pc.MaxConns, pc.PingTimeout, pc.HealthCheckPeriod = int32(size), pingTimeout, time.Second
	pc.MaxConnIdleTime, pc.MaxConnLifetime, pc.MaxConnLifetimeJitter = 5*time.Minute, time.Hour, 10*time.Minute
	pc.ConnConfig.RuntimeParams["application_name"] = "eventflow-" + name
	beImpatient(pc)
	pool, err := pgxpool.NewWithConfig(context.Background(), pc)
	if err != nil {
		return nil, fmt.Errorf("pool of %s: %w", name, err)
	}
	return &lane{pool: pool, breaker: newBreaker(name), timeout: timeout}, nil
}

func newBreaker(name string) *gobreaker.CircuitBreaker[any] {
	return gobreaker.NewCircuitBreaker[any](gobreaker.Settings{
		Name:         name,
		MaxRequests:  1,
		Timeout:      openFor*4/5 + rand.N(openFor*2/5),
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripAfter },
		IsSuccessful: func(err error) bool { return !isRule(err, ticket.ErrUnavailable, ticket.ErrUnknown) },
		// A caller who left says nothing about the database.
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
	})
}

// through runs f behind the breaker. A refusal by the breaker is certain: f did
// not run.
func (l *lane) through(f func() error) error {
	_, err := l.breaker.Execute(func() (any, error) { return nil, f() })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return ticket.Unavailable(dependency, err)
	}
	return err
}

// acquire waits for a connection. Whatever goes wrong here, nothing was sent.
func (l *lane) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	conn, err := l.pool.Acquire(ctx)
	if err != nil {
		return nil, ticket.Unavailable(dependency, fmt.Errorf("get a connection: %w", err))
	}
	return conn, nil
}

// beImpatient bounds what pgx does on its own time after a deadline: it sends a
// cancel request over a new connection, then waits for the old one to say
// goodbye, both up to 15 s on a silent network.
func beImpatient(pc *pgxpool.Config) {
	dialer := &net.Dialer{Timeout: closeFor, KeepAlive: 5 * time.Second}
	pc.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		// Log-in and cancel requests live by this deadline; AfterConnect lifts
		// it once the connection is good for queries.
		return impatient{conn}, conn.SetDeadline(time.Now().Add(closeFor))
	}
	pc.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		return c.PgConn().Conn().SetDeadline(time.Time{})
	}
}

// impatient is a connection whose deadlines are never far away.
type impatient struct{ net.Conn }

// SetDeadline brings a deadline nearer; zero still means none.
func (c impatient) SetDeadline(t time.Time) error {
	if limit := time.Now().Add(closeFor); t.After(limit) {
		t = limit
	}
	return c.Conn.SetDeadline(t)
}
