// Package audit is the lab's observer: what PostgreSQL, RabbitMQ, Redis and
// EventFlow's own counters say, asked directly and never through a proxy, so
// that it sees while buyers do not.
//
// It reads; the one thing it writes is a new sale for a drill. It must not know
// which fault is in force, nor judge what it sees. A source that does not answer
// is reported as missing, never as zero.
package audit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"eventflow/scenarios/stack"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

// Config says where the sources answer. None of the addresses is a proxy's.
type Config struct {
	DSN           string            // PostgreSQL URL of a superuser
	RabbitAPI     string            // management URL with user and password
	RedisAddr     string            // host:port
	RedisPassword string            // empty: none
	Health        map[string]string // EventFlow's programs: name -> base URL of /metrics
	Shop          string            // base URL that buyers see; empty: the hall is not looked at
	Toxiproxy     string            // base URL of the proxy server's API; empty: it is not asked

	// QueueLag is how old RabbitMQ's word on a queue may be; 0: 6 s. Measured on
	// 3.10: a quorum queue tells its totals every quorum_tick_interval, 5 s by
	// default, and the detailed statistics of the same API are up to 10 s old.
	// Until a new queue's first tick they say 0 whatever it holds. With
	// quorum_tick_interval at 250 ms (it costs nothing measurable) the totals
	// are 0.3 s old at most, and 1 s is a safe value here.
	QueueLag time.Duration
	Queue    string // empty: "purchases"; its dead letters are in "<queue>.dead"
}

// ConfigOf is the observer's way into a running stack.
func ConfigOf(e stack.Endpoints) Config {
	health := make(map[string]string, len(e.Health))
	for service, base := range e.Health {
		health[string(service)] = base
	}
	return Config{DSN: e.Observer, RabbitAPI: e.RabbitAPI, RedisAddr: e.RedisAddr, RedisPassword: e.RedisPassword, Health: health,
		Shop: e.Shop, Toxiproxy: e.Toxiproxy, QueueLag: e.QueueLag}
}

// Deadlines of one look at one source. They are long for a healthy server on the
// same host and short for a drill that samples four times a second.
const (
	lookDeadline = 400 * time.Millisecond
	openDeadline = 5 * time.Second
)

// observer is how the names begin under which the stores know those who go round the
// proxies on purpose: a search for clients that should not leaves them out.
const observer = "eventflow-observer"

// Auditor observes one stack. It is safe for concurrent use.
type Auditor struct {
	config   Config
	rabbit   *url.URL
	postgres *pgxpool.Pool
	redis    *redis.Client
	http     *http.Client
	counters *counters
	sale     atomic.Int64 // event of the sale that was opened last; 0: none
	// dead are the dead letters that were there when that sale was opened: they are
	// some earlier drill's.
	dead atomic.Pointer[[]string]
}

// Open connects to every source and fails if one of the stores does not answer
// within 5 s. A program of EventFlow may be down: that is for samples to show.
func Open(ctx context.Context, c Config) (_ *Auditor, err error) {
	ctx, cancel := context.WithTimeout(ctx, openDeadline)
	defer cancel()
	if c.QueueLag == 0 {
		c.QueueLag = 6 * time.Second
	}
	if c.Queue == "" {
		c.Queue = "purchases"
	}
	a := &Auditor{config: c, counters: newCounters(), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if a.rabbit, err = url.Parse(c.RabbitAPI); err != nil {
		return nil, fmt.Errorf("read address of the broker: %w", err)
	}
	if a.postgres, err = openPostgres(ctx, c.DSN); err != nil {
		return nil, err
	}
	a.redis = redis.NewClient(&redis.Options{
		Addr: c.RedisAddr, Password: c.RedisPassword, ClientName: observer, MaxRetries: -1, DialerRetries: 1,
		ContextTimeoutEnabled: true, DialTimeout: time.Second,
	})
	if _, err = a.queues(ctx); err != nil {
		return nil, err
	}
	if err = a.redis.Ping(ctx).Err(); err != nil {
		return nil, fmt.Errorf("reach redis: %w", err)
	}
	a.scrape(ctx) // learns who counts what
	return a, nil
}

func openPostgres(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read address of postgres: %w", err)
	}
	config.MaxConns = 4
	config.ConnConfig.ConnectTimeout = 2 * time.Second
	config.ConnConfig.RuntimeParams["application_name"] = observer
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open postgres: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach postgres: %w", err)
	}
	return pool, nil
}

// Close ends the auditor's connections. It may be called more than once.
func (a *Auditor) Close() {
	if a.postgres != nil {
		a.postgres.Close()
	}
	if a.redis != nil {
		_ = a.redis.Close() // closed already, or closing a socket failed: gone either way
	}
	a.http.CloseIdleConnections()
}

// firstDrill is the first event id that drills use; the shop's own lie below.
const firstDrill = 100_000

// NextEvent is an event id that nothing uses yet, 100000 at least. It reserves
// nothing: two labs that ask at once get the same one.
func (a *Auditor) NextEvent(ctx context.Context) (int, error) {
	var next int
	err := a.postgres.QueryRow(ctx, `select coalesce(max(id), $1 - 1) + 1 from events where id >= $1`, firstDrill).Scan(&next)
	if err != nil {
		return 0, fmt.Errorf("find an unused event: %w", err)
	}
	return next, nil
}

// OpenSale puts an event with rows of perRow seats at priceCents on sale. It may
// be repeated. Samples look at the sale that was opened last, and dead letters that
// were there before it are not its own.
func (a *Auditor) OpenSale(ctx context.Context, event int, name string, rows, perRow, priceCents int) error {
	if event < 1 || rows < 1 || perRow < 1 || priceCents < 0 {
		return fmt.Errorf("open sale %d: %w", event, errors.New("event, rows and seats per row must be positive, the price not negative"))
	}
	_, err := a.postgres.Exec(ctx, `select open_sale($1, $2, 'Laboratory', $3, $4, $5)`, event, name, rows, perRow, priceCents)
	if err != nil {
		return fmt.Errorf("open sale %d: %w", event, err)
	}
	a.sale.Store(int64(event))
	d, err := a.queues(ctx)
	if err != nil {
		return fmt.Errorf("open sale %d: %w", event, err)
	}
	dead, err := a.deadIDs(ctx, d.DeadLetter)
	if err != nil {
		return fmt.Errorf("open sale %d: %w", event, err)
	}
	a.dead.Store(&dead)
	return nil
}
