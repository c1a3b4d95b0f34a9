// Program consumer brings purchases from the queue into the ledger, and keeps
// Redis true to the ledger. Buyers never talk to it.
package main

import (
	"context"
	"os"
	"time"

	"eventflow/system/internal/queue"
	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/serve"
	"eventflow/system/internal/settle"
	"eventflow/system/internal/store"
)

type config struct {
	serve.Config
	PGAddr     string `env:"POSTGRES_ADDR" help:"host:port of PostgreSQL"`
	PGUser     string `env:"POSTGRES_USER" default:"eventflow_consumer" help:"role that may settle purchases"`
	PGPassword string `env:"POSTGRES_PASSWORD" secret:"true" help:"the role's password"`
	PGDatabase string `env:"POSTGRES_DB" default:"eventflow" help:"database"`

	RedisAddr     string `env:"REDIS_ADDR" help:"host:port of Redis"`
	RedisPassword string `env:"REDIS_PASSWORD" default:"" secret:"true" help:"password of Redis"`

	RabbitAddr     string `env:"RABBITMQ_ADDR" help:"host:port of RabbitMQ"`
	RabbitUser     string `env:"RABBITMQ_USER" help:"user of RabbitMQ"`
	RabbitPassword string `env:"RABBITMQ_PASSWORD" secret:"true" help:"password of RabbitMQ"`
	Queue          string `env:"QUEUE_NAME" default:"purchases" help:"queue to consume; dead letters go to its name + .dead"`

	BatchSize int           `env:"BATCH_SIZE" default:"200" min:"1" max:"5000" help:"most purchases settled in one round trip"`
	BatchWait time.Duration `env:"BATCH_WAIT" default:"20ms" min:"0s" help:"longest wait for a batch to fill"`
	Abandoned time.Duration `env:"ABANDONED_AFTER" default:"10m" min:"1s" help:"age at which a purchase that is neither queued nor stored gives its seats back"`
	Grace     time.Duration `env:"REBUILD_GRACE" default:"3s" min:"1ms" help:"how long a Redis without memory is left alone before it is rebuilt"`
	New       bool          `env:"NEW_SYSTEM" default:"false" help:"Redis has never held a lock: open it without the grace. True for the first start of an empty system only; for a restart it is wrong"`

	RedisTimeout time.Duration `env:"REDIS_TIMEOUT" default:"200ms" min:"1ms" help:"one command of Redis"`
	ReadTimeout  time.Duration `env:"STORE_READ_TIMEOUT" default:"500ms" min:"1ms" help:"one query"`
	WriteTimeout time.Duration `env:"STORE_WRITE_TIMEOUT" default:"1s" min:"1ms" help:"longest silence of PostgreSQL while it settles a batch"`
}

func main() {
	os.Exit(serve.Main("consumer", "brings EventFlow's purchases from the queue into the ledger", wire))
}

func wire(_ context.Context, cfg config, s *serve.Service) error {
	ledger, err := store.Open(store.Config{Addr: cfg.PGAddr, User: cfg.PGUser, Password: cfg.PGPassword, Database: cfg.PGDatabase,
		MaxReads: 2, MaxWrites: 2, ReadTimeout: cfg.ReadTimeout, WriteTimeout: cfg.WriteTimeout,
		Observe: s.Metrics.Dependency("postgres", store.ErrPoison)})
	if err != nil {
		return err
	}
	s.OnStop("postgres", func(context.Context) error { ledger.Close(); return nil })
	rdb := redisconn.Open(redisconn.Options{Addr: cfg.RedisAddr, Password: cfg.RedisPassword, Timeout: cfg.RedisTimeout, PoolSize: 4, Log: s.Log})
	s.OnStop("redis", func(context.Context) error { return rdb.Close() })
	locks := seatlock.New(rdb, seatlock.Options{Observe: s.Metrics.Dependency("redis")})
	purchases := queue.NewConsumer(queue.ConsumerConfig{BatchSize: cfg.BatchSize, BatchWait: cfg.BatchWait, Metrics: s.Metrics.Registry,
		Config: queue.Config{Addr: cfg.RabbitAddr, User: cfg.RabbitUser, Password: cfg.RabbitPassword, Queue: cfg.Queue, Name: cfg.Node, Log: s.Log}})

	metrics := settle.NewMetrics(s.Metrics.Registry)
	marker := settle.NewMarker(locks, metrics, s.Log)
	settler := settle.NewSettler(ledger, marker, metrics, s.Log)
	reconciler := settle.NewReconciler(settle.ReconcilerConfig{Ledger: ledger, Locks: locks, Redis: rdb, Drained: purchases.Drained,
		AbandonedAfter: cfg.Abandoned, Grace: cfg.Grace, New: cfg.New, Metrics: metrics, Log: s.Log})

	s.Go("consume", func(ctx context.Context) error {
		return marker.Around(ctx, func(ctx context.Context) error { return purchases.Run(ctx, settler.Handle) })
	})
	s.Go("reconcile", reconciler.Run)
	s.Depend(serve.Dependency{Name: "postgres", Check: ledger.Ping},
		serve.Dependency{Name: "redis", Check: func(ctx context.Context) error { return rdb.Ping(ctx).Err() }},
		serve.Dependency{Name: "rabbitmq", Check: purchases.Ready})
	return nil
}
