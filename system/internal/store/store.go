// Package store is PostgreSQL: the catalogue, the accounts and the ledger.
//
// It turns every failure into one of three meanings (it was refused by a rule,
// it was not done, it is not known whether it was done) and never waits longer
// than its deadlines, whatever the network does. It must not know of Redis, of
// the queue, or of who asks.
package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

// Config says where the database is and how long to wait for it. Zero values
// mean the defaults named here.
type Config struct {
	Addr     string // host:port
	User     string
	Password string
	Database string

	// MaxReads and MaxWrites are connections per pool (4, 2). Reads and writes
	// never share one: a write that waits for a lock must not stop a seat map.
	// PostgreSQL on two cores gains nothing above 4 to 8 busy connections.
	MaxReads, MaxWrites int

	// ReadTimeout (500 ms) and WriteTimeout (1 s) include the wait for a
	// connection. They are rungs of the ladder: a handler ends at 1.5 s.
	ReadTimeout, WriteTimeout time.Duration

	// Observe is told of every call; nil for none.
	Observe func(op string, begun time.Time, err error)
}

// bulkTimeout is for the reconciler's reads of whole tables, which no buyer
// waits for; it equals the roles' statement_timeout.
const bulkTimeout = 3 * time.Second

// Store is the database as one program sees it. Its methods are safe for
// concurrent use.
type Store struct {
	cfg    Config
	reads  *lane
	writes *lane
}

// Open prepares the pools. It does not connect: a program starts while its
// database is gone, and finds it later.
func Open(cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	if _, _, err := net.SplitHostPort(cfg.Addr); err != nil {
		return nil, fmt.Errorf("open store: address: %w", err)
	}
	reads, err := newLane(cfg, "reads", cfg.MaxReads, cfg.ReadTimeout)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	writes, err := newLane(cfg, "writes", cfg.MaxWrites, cfg.WriteTimeout)
	if err != nil {
		reads.pool.Close()
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &Store{cfg: cfg, reads: reads, writes: writes}, nil
}

// Close ends all connections. It waits for calls in hand, and those end with
// their deadlines.
func (s *Store) Close() {
	s.reads.pool.Close()
	s.writes.pool.Close()
}

// Ping makes a round trip, past the circuit breaker: it is asked whether the
// database answers, not whether it lately did.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReadTimeout)
	defer cancel()
	if err := s.reads.pool.Ping(ctx); err != nil {
		return fmt.Errorf("ping postgres: %w", err)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.MaxReads == 0 {
		c.MaxReads = 4
	}
	if c.MaxWrites == 0 {
		c.MaxWrites = 2
	}
	if c.ReadTimeout == 0 {
		c.ReadTimeout = 500 * time.Millisecond
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = time.Second
	}
	if c.Database == "" {
		c.Database = "eventflow"
	}
	if c.Observe == nil {
		c.Observe = func(string, time.Time, error) {}
	}
	return c
}

// dsn leaves nothing to PG* variables of the environment or to files in a home
// directory: the same configuration must mean the same everywhere.
func (c Config) dsn() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Host: c.Addr, Path: "/" + c.Database,
		RawQuery: url.Values{"sslmode": {"disable"}, "connect_timeout": {"1"}, "target_session_attrs": {"any"}}.Encode()}
	return u.String()
}

// isRule tells a "no" of the domain from a failure.
func isRule(err error, rules ...error) bool {
	for _, r := range rules {
		if errors.Is(err, r) {
			return true
		}
	}
	return false
}
