// Program app is a node of the shop: it shows seats, locks them and accepts
// purchases. It verifies tokens with the public key alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"eventflow/system/internal/cache"
	"eventflow/system/internal/httpapi"
	"eventflow/system/internal/queue"
	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/serve"
	"eventflow/system/internal/store"
	"eventflow/system/internal/token"
)

type config struct {
	serve.Config
	Postgres
	Redis
	Rabbit
	Key     token.PublicKey `env:"AUTH_PUBLIC_KEY" help:"Ed25519 key of auth, 32 bytes in base64"`
	LockTTL time.Duration   `env:"LOCK_TTL" default:"600s" min:"100ms" help:"how long a lock holds its seats"`
	MaxHold time.Duration   `env:"LOCK_MAX_HOLD" default:"60m" min:"100ms" help:"how long after its creation a lock may be extended to"`
	Fresh   time.Duration   `env:"CACHE_FRESH" default:"2s" min:"1ms" help:"a younger copy is served without asking the database"`
	Limit   time.Duration   `env:"HANDLER_TIMEOUT" default:"1500ms" min:"10ms" help:"a request that changes something; below nginx's 2 s"`
	Reading time.Duration   `env:"READ_TIMEOUT" default:"800ms" min:"10ms" help:"a request that reads; below nginx's 1 s"`
}

// Postgres is where the catalogue and the ledger are.
type Postgres struct {
	PGAddr     string        `env:"POSTGRES_ADDR" help:"host:port of PostgreSQL"`
	PGUser     string        `env:"POSTGRES_USER" default:"eventflow_app" help:"role that may read"`
	PGPassword string        `env:"POSTGRES_PASSWORD" secret:"true" help:"the role's password"`
	PGDatabase string        `env:"POSTGRES_DB" default:"eventflow" help:"database"`
	PGTimeout  time.Duration `env:"STORE_READ_TIMEOUT" default:"500ms" min:"10ms" help:"a read of the database"`
}

// Redis is where locks and copies are.
type Redis struct {
	RedisAddr     string        `env:"REDIS_ADDR" help:"host:port of Redis"`
	RedisPassword string        `env:"REDIS_PASSWORD" default:"" secret:"true" help:"its password; empty: none"`
	RedisTimeout  time.Duration `env:"REDIS_TIMEOUT" default:"200ms" min:"1ms" help:"a dial, a write or a read"`
}

// Rabbit is where purchases go.
type Rabbit struct {
	RabbitAddr     string        `env:"RABBITMQ_ADDR" help:"host:port of RabbitMQ"`
	RabbitUser     string        `env:"RABBITMQ_USER" help:"its user"`
	RabbitPassword string        `env:"RABBITMQ_PASSWORD" secret:"true" help:"the user's password"`
	Queue          string        `env:"QUEUE_NAME" default:"purchases" help:"queue of purchases"`
	ConfirmTimeout time.Duration `env:"CONFIRM_TIMEOUT" default:"1s" min:"10ms" help:"the broker's confirm"`
}

func main() { os.Exit(serve.Main("app", "a node of the EventFlow shop", wire)) }

func wire(_ context.Context, cfg config, s *serve.Service) error {
	rows, err := database(cfg.Postgres, s)
	if err != nil {
		return err
	}
	rdb := memory(cfg.Redis, s)
	counters := httpapi.NewCounters(s.Metrics.Registry)
	watch := s.Metrics.Dependency("redis")
	locks := seatlock.New(rdb, seatlock.Options{TTL: cfg.LockTTL, MaxHold: cfg.MaxHold, Observe: watch})
	copies := cache.New(rdb, rows, cache.Options{Fresh: cfg.Fresh, Limit: cfg.Reading, Observe: watch, Count: counters.Read})
	s.Go("warm", copies.KeepWarm)
	s.Depend(serve.Dependency{Name: "seat-locks", Check: func(ctx context.Context) error { return remembers(ctx, locks) }})
	httpapi.New(cfg.Node, httpapi.Parts{
		Catalogue: copies, Maps: cache.NewSeatMaps(copies, locks),
		Holds: locks, Tills: locks, Records: locks, Ledger: rows,
		Publisher: publisher(cfg, s), Verifier: token.NewVerifier(cfg.Key, time.Now),
		Counters: counters, Log: s.Log,
	}, httpapi.Limits{Handler: cfg.Limit, Read: cfg.Reading, Confirm: cfg.ConfirmTimeout}).Route(s.Router)
	return nil
}

func database(cfg Postgres, s *serve.Service) (*store.Store, error) {
	rows, err := store.Open(store.Config{Addr: cfg.PGAddr, User: cfg.PGUser, Password: cfg.PGPassword, Database: cfg.PGDatabase,
		ReadTimeout: cfg.PGTimeout, Observe: s.Metrics.Dependency("postgres")})
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	s.OnStop("postgres", func(context.Context) error { rows.Close(); return nil })
	s.Depend(serve.Dependency{Name: "postgres", Check: rows.Ping})
	return rows, nil
}

func memory(cfg Redis, s *serve.Service) *redis.Client {
	rdb := redisconn.Open(redisconn.Options{Addr: cfg.RedisAddr, Password: cfg.RedisPassword, Timeout: cfg.RedisTimeout, Log: s.Log})
	s.OnStop("redis", func(context.Context) error { return rdb.Close() })
	s.Depend(serve.Dependency{Name: "redis", Check: func(ctx context.Context) error { return rdb.Ping(ctx).Err() }})
	return rdb
}

// remembers says whether Redis still knows whose seats are whose. After it has
// forgotten, locks and purchases wait for the consumer to rebuild them.
func remembers(ctx context.Context, locks *seatlock.Locks) error {
	epoch, err := locks.Epoch(ctx)
	if err != nil {
		return err
	}
	if epoch == "" {
		return errors.New("redis has lost its memory: no locks until the consumer has rebuilt it")
	}
	return nil
}

// publisher connects beside the server: its connection outlives the last
// request, so that purchases in hand are still confirmed while draining.
func publisher(cfg config, s *serve.Service) *queue.Publisher {
	p := queue.NewPublisher(queue.PublisherConfig{Config: queue.Config{Addr: cfg.RabbitAddr, User: cfg.RabbitUser,
		Password: cfg.RabbitPassword, Queue: cfg.Queue, Name: cfg.Node, Log: s.Log},
		ConfirmTimeout: cfg.ConfirmTimeout, Observe: s.Metrics.Dependency("rabbitmq")})
	s.Go("publisher", p.Run)
	s.Depend(serve.Dependency{Name: "rabbitmq", Check: p.Ready})
	return p
}
