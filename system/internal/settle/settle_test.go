package settle_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"eventflow/system/internal/queue"
	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/servertest"
	"eventflow/system/internal/settle"
	"eventflow/system/internal/store"
	"eventflow/system/internal/ticket"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type servers struct {
	pg *servertest.Postgres
	mq *servertest.RabbitMQ
	rd *servertest.Redis
}

// rig is one consumer with a database and a queue of its own, each dependency
// reached over a link.
type rig struct {
	servers
	database         string
	pgLink, rdLink   *servertest.Link
	queue            string
	ledger           *store.Store
	rdb              *redis.Client
	locks            *seatlock.Locks
	publisher        *queue.Publisher
	consumer         *queue.Consumer
	metrics          *prometheus.Registry
	reconcilerConfig settle.ReconcilerConfig
}

func TestConsumer(t *testing.T) {
	s := servers{servertest.StartPostgres(t), servertest.StartRabbitMQ(t, 0), servertest.StartRedis(t)}
	t.Run("postgres gone: nothing is given back, all is stored later", func(t *testing.T) { testPostgresGone(t, s) })
	t.Run("poison is dead-lettered, neighbours are stored", func(t *testing.T) { testPoison(t, s) })
	t.Run("a dead redis delays no commit", func(t *testing.T) { testRedisGone(t, s) })
	t.Run("redis without memory is rebuilt", func(t *testing.T) { testRebuild(t, s) })
	t.Run("a new system is opened at once, and only once", func(t *testing.T) { testNewSystem(t, s) })
	t.Run("pending purchases are settled or abandoned", func(t *testing.T) { testPending(t, s) })
	t.Run("what the queue has lost is written from redis", func(t *testing.T) { testRescue(t, s) })
}

func newRig(t *testing.T, s servers) *rig {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	r := &rig{servers: s, database: s.pg.NewDatabase(t), pgLink: servertest.NewLink(t, s.pg.Addr), rdLink: servertest.NewLink(t, s.rd.Addr),
		queue: "purchases-" + uuid.NewString(), metrics: prometheus.NewRegistry()}
	var err error
	r.ledger, err = store.Open(store.Config{Addr: r.pgLink.Addr, User: "eventflow_consumer", Password: servertest.Password, Database: r.database})
	require.NoError(t, err)
	t.Cleanup(r.ledger.Close)
	r.rdb = redisconn.Open(redisconn.Options{Addr: r.rdLink.Addr, PoolSize: 4})
	t.Cleanup(func() { r.rdb.Close() })
	r.locks = seatlock.New(r.rdb, seatlock.Options{})
	require.NoError(t, r.rdb.FlushAll(context.Background()).Err())
	require.NoError(t, r.locks.Rebuild(context.Background(), nil))
	cfg := queue.Config{Addr: s.mq.Addr, User: servertest.RabbitUser, Password: servertest.RabbitPassword, Queue: r.queue, Name: t.Name(), Log: log}
	r.publisher = queue.NewPublisher(queue.PublisherConfig{Config: cfg})
	r.consumer = queue.NewConsumer(queue.ConsumerConfig{Config: cfg, Metrics: r.metrics})
	metrics := settle.NewMetrics(r.metrics)
	marker := settle.NewMarker(r.locks, metrics, log)
	settler := settle.NewSettler(r.ledger, marker, metrics, log)
	r.reconcilerConfig = settle.ReconcilerConfig{Ledger: r.ledger, Locks: r.locks, Redis: r.rdb, Drained: r.consumer.Drained,
		AbandonedAfter: time.Minute, Grace: 100 * time.Millisecond, Metrics: metrics, Log: log}
	inBackground(t, r.publisher.Run)
	inBackground(t, func(ctx context.Context) error {
		return marker.Around(ctx, func(ctx context.Context) error { return r.consumer.Run(ctx, settler.Handle) })
	})
	servertest.WaitFor(t, 10*time.Second, r.publisher.Ready)
	servertest.WaitFor(t, 10*time.Second, r.consumer.Ready)
	return r
}

func inBackground(t *testing.T, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = run(ctx) }() // it ends with the context's error
	t.Cleanup(func() { cancel(); <-done })
}

func purchase(seats ...string) ticket.Purchase {
	lock := uuid.NewString()
	return ticket.Purchase{Transaction: ticket.TransactionID(lock), LockID: lock, User: "guest-1", Event: 999,
		Seats: seats, AmountCents: 100, Node: "app-1", AcceptedAt: time.Now()}
}

func (r *rig) publish(t *testing.T, all ...ticket.Purchase) {
	t.Helper()
	for _, p := range all {
		require.NoError(t, r.publisher.Publish(context.Background(), p))
	}
}

// rows waits until the ledger has so many.
func (r *rig) rows(t *testing.T, want int) {
	t.Helper()
	servertest.WaitFor(t, 10*time.Second, func(context.Context) error {
		if got := r.pg.Query(t, r.database, `select count(*)::text from purchases`)[0]; got != fmt.Sprint(want) {
			return fmt.Errorf("%s of %d rows", got, want)
		}
		return nil
	})
}

func (r *rig) seat(t *testing.T, seat string, want ticket.SeatState) {
	t.Helper()
	servertest.WaitFor(t, 15*time.Second, func(ctx context.Context) error {
		states, err := r.locks.Seats(ctx, 999, []string{seat})
		if err == nil && states[seat] != want {
			err = fmt.Errorf("seat %s is %q, want %q", seat, states[seat], want)
		}
		return err
	})
}

// value reads a counter or gauge, summed over its labels.
func (r *rig) value(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := r.metrics.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func (r *rig) atLeast(t *testing.T, name string, want float64) {
	t.Helper()
	servertest.WaitFor(t, 10*time.Second, func(context.Context) error {
		if got := r.value(t, name); got < want {
			return fmt.Errorf("%s is %v, want %v", name, got, want)
		}
		return nil
	})
}

func testPostgresGone(t *testing.T, s servers) {
	r := newRig(t, s)
	first := purchase("A-1")
	r.publish(t, first)
	r.rows(t, 1)
	r.pgLink.Cut(t)
	for i := range 20 {
		r.publish(t, purchase(fmt.Sprintf("B-%d", i%16+1))) // four of them come too late
	}
	r.atLeast(t, "eventflow_consumer_settle_errors_total", 6)
	r.atLeast(t, "eventflow_consumer_inflight", 20)
	r.pgLink.Heal(t)
	r.rows(t, 21)
	r.atLeast(t, "eventflow_consumer_acked_total", 21)
	assert.Zero(t, r.value(t, "eventflow_consumer_redelivered_total"))
	assert.Zero(t, r.value(t, "eventflow_consumer_dead_lettered_total"))
	assert.Equal(t, 21.0, r.value(t, "eventflow_consumer_settled_total"))
	assert.Equal(t, []string{"17"}, s.pg.Query(t, r.database, `select count(*)::text from sold_seats`))
	r.seat(t, "A-1", ticket.Sold)
	r.seat(t, "B-16", ticket.Sold)
}

func testPoison(t *testing.T, s servers) {
	r := newRig(t, s)
	ch := s.mq.Dial(t)
	bodies := []string{`not JSON`, `{}`, `{"transaction_id":"x","lock_id":"y"}`}
	for i, body := range bodies {
		r.publish(t, purchase(fmt.Sprintf("A-%d", i+1)))
		require.NoError(t, ch.Publish("", r.queue, true, false, amqp.Publishing{MessageId: "poison", DeliveryMode: amqp.Persistent, Body: []byte(body)}))
	}
	r.publish(t, purchase("ZZ-99"), purchase("A-9"))
	r.rows(t, 4)
	r.atLeast(t, "eventflow_consumer_dead_lettered_total", 4)
	servertest.WaitFor(t, 10*time.Second, func(context.Context) error {
		q, err := ch.QueueDeclarePassive(queue.DeadLetters(r.queue), true, false, false, false, nil)
		if err == nil && q.Messages != 4 {
			err = fmt.Errorf("%d dead letters, want 4", q.Messages)
		}
		return err
	})
	assert.Zero(t, r.value(t, "eventflow_consumer_redelivered_total"))
}

func testRedisGone(t *testing.T, s servers) {
	r := newRig(t, s)
	r.rdLink.Hang()
	begun := time.Now()
	for i := range 10 {
		r.publish(t, purchase(fmt.Sprintf("C-%d", i+1)))
	}
	r.rows(t, 10)
	assert.Less(t, time.Since(begun), 2*time.Second)
	r.rdLink.Heal(t)
	r.seat(t, "C-10", ticket.Sold)
}

func testRebuild(t *testing.T, s servers) {
	r := newRig(t, s)
	r.publish(t, purchase("A-1"))
	r.seat(t, "A-1", ticket.Sold)
	require.NoError(t, r.rdb.FlushAll(context.Background()).Err())
	inBackground(t, settle.NewReconciler(r.reconcilerConfig).Run)
	servertest.WaitFor(t, 10*time.Second, func(ctx context.Context) error {
		epoch, err := r.locks.Epoch(ctx)
		if err == nil && epoch == "" {
			err = errors.New("no epoch")
		}
		return err
	})
	r.seat(t, "A-1", ticket.Sold)
	assert.Equal(t, 1.0, r.value(t, "eventflow_epoch_rebuilds_total"))
	s.rd.Kill(t)
	s.rd.Start(t)
	r.seat(t, "A-1", ticket.Sold)
	r.atLeast(t, "eventflow_epoch_rebuilds_total", 2)
}

// testNewSystem: the word that the system is new opens the first epoch and no
// other.
func testNewSystem(t *testing.T, s servers) {
	r := newRig(t, s)
	epoch := func(ctx context.Context) error {
		epoch, err := r.locks.Epoch(ctx)
		if err == nil && epoch == "" {
			err = errors.New("no epoch")
		}
		return err
	}
	require.NoError(t, r.rdb.FlushAll(context.Background()).Err())
	cfg := r.reconcilerConfig
	cfg.New, cfg.Grace = true, 3*time.Second
	begun := time.Now()
	inBackground(t, settle.NewReconciler(cfg).Run)
	servertest.WaitFor(t, 10*time.Second, epoch)
	assert.Less(t, time.Since(begun), cfg.Grace)
	require.NoError(t, r.rdb.FlushAll(context.Background()).Err())
	begun = time.Now()
	servertest.WaitFor(t, 10*time.Second, epoch)
	assert.Greater(t, time.Since(begun), cfg.Grace, "what is lost later is left alone as ever")
}

func testPending(t *testing.T, s servers) {
	r := newRig(t, s)
	inBackground(t, settle.NewReconciler(r.reconcilerConfig).Run)
	stored := r.begin(t, "D-1")
	lost := r.begin(t, "D-2")
	young := r.begin(t, "D-3")
	p := purchase("D-1")
	p.LockID, p.Transaction = stored, ticket.TransactionID(stored)
	_, err := r.ledger.SettleBatch(context.Background(), []ticket.Purchase{p}) // and Redis is not told
	require.NoError(t, err)
	r.age(t, stored, 10*time.Second)
	r.age(t, lost, 2*time.Minute)
	r.age(t, young, 30*time.Second)
	r.seat(t, "D-1", ticket.Sold)
	r.seat(t, "D-2", ticket.Free)
	r.seat(t, "D-3", ticket.Purchasing)
	assert.Equal(t, 1.0, r.value(t, "eventflow_consumer_abandoned_total"))
}

// testRescue: the broker confirmed two purchases and has none of them. One node has
// noted that it was accepted; of the other nobody knows whether it was sent at all.
func testRescue(t *testing.T, s servers) {
	r := newRig(t, s)
	inBackground(t, settle.NewReconciler(r.reconcilerConfig).Run)
	kept, doubtful := r.begin(t, "E-1"), r.begin(t, "E-2")
	attempt, err := r.locks.BeginPurchase(context.Background(), kept, "guest-1", "app-1")
	require.NoError(t, err)
	require.NoError(t, r.locks.Accepted(context.Background(), attempt))
	r.age(t, kept, 10*time.Second)
	r.age(t, doubtful, 10*time.Second)
	r.seat(t, "E-1", ticket.Sold)
	r.seat(t, "E-2", ticket.Purchasing)
	row := r.pg.Query(t, r.database, `select user_id || ' ' || status || ' ' || node || ' ' || amount_cents from purchases`)
	assert.Equal(t, []string{"guest-1 CONFIRMED app-1 100"}, row)
	assert.Equal(t, 1.0, r.value(t, "eventflow_consumer_rescued_total"))
}

// begin locks a seat and starts to buy it, as a node does before it publishes.
func (r *rig) begin(t *testing.T, seat string) (lockID string) {
	t.Helper()
	lock := ticket.Lock{ID: uuid.NewString(), User: "guest-1", Event: 999, Seats: []string{seat}, AmountCents: 100}
	servertest.WaitFor(t, 10*time.Second, func(ctx context.Context) error { _, err := r.locks.Lock(ctx, lock); return err })
	attempt, err := r.locks.BeginPurchase(context.Background(), lock.ID, lock.User, "app-1")
	require.NoError(t, err)
	require.NoError(t, r.locks.Unknown(context.Background(), attempt))
	return lock.ID
}

// age makes a purchase look as if its last attempt was so long ago.
func (r *rig) age(t *testing.T, lockID string, by time.Duration) {
	t.Helper()
	err := r.rdb.ZAddXX(context.Background(), "purchasing", redis.Z{Member: lockID, Score: float64(time.Now().Add(-by).UnixMilli()) / 1000}).Err()
	require.NoError(t, err)
}
