package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"eventflow/scenarios/audit/audittest"
	"eventflow/scenarios/history"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// house is a whole set of stores with their auditor. EventFlow's programs are
// absent: the tests do to the stores what they would.
type house struct {
	*Auditor
	rdb     *redis.Client
	channel *amqp.Channel
	node    *program
	worker  *program
	shop    *shop
	proxies *httptest.Server
	amqp    string            // host:port of the broker
	via     map[string]string // store -> its proxy's address
}

// program is the /metrics of one of EventFlow's programs.
type program struct {
	*httptest.Server
	conflicts prometheus.Counter
	received  prometheus.Counter
	held      prometheus.Gauge
	dead      bool
	more      string // text at the end of its page
}

func newProgram(t *testing.T) *program {
	p := &program{}
	p.restart()
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.dead {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		registry := prometheus.NewRegistry()
		if p.conflicts != nil {
			locks := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "eventflow_lock_total"}, []string{"result"})
			locks.WithLabelValues("ok").Add(50)
			locks.WithLabelValues("conflict").Add(value(p.conflicts))
			registry.MustRegister(locks)
		}
		if p.received != nil {
			registry.MustRegister(p.received, p.held)
		}
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true}).ServeHTTP(w, r)
		_, _ = w.Write([]byte(p.more)) // the auditor has gone: nobody to tell
	}))
	t.Cleanup(p.Close)
	return p
}

// restart makes every counter start from zero.
func (p *program) restart() {
	p.conflicts = prometheus.NewCounter(prometheus.CounterOpts{Name: "conflicts"})
	p.received = prometheus.NewCounter(prometheus.CounterOpts{Name: "eventflow_consumer_received_total"})
	p.held = prometheus.NewGauge(prometheus.GaugeOpts{Name: "eventflow_consumer_inflight"})
}

func newHouse(t *testing.T) *house {
	dsn, rdb, rabbit := audittest.Postgres(t), audittest.Redis(t), audittest.Rabbit(t)
	h := &house{rdb: rdb, channel: rabbit.Channel(t), node: newProgram(t), worker: newProgram(t), shop: newShop(t)}
	h.amqp = host(t, rabbit.AMQP)
	h.proxied(t, dsn, rdb.Options().Addr, h.amqp)
	h.node.received, h.worker.conflicts = nil, nil
	var err error
	h.Auditor, err = Open(t.Context(), Config{
		DSN: dsn, RabbitAPI: rabbit.API, RedisAddr: rdb.Options().Addr, RedisPassword: "secret", QueueLag: time.Second,
		Health: map[string]string{"app-1": h.node.URL, "consumer": h.worker.URL},
	})
	require.NoError(t, err)
	t.Cleanup(h.Close)
	return h
}

// open puts an event of two rows of three seats on sale.
func (h *house) open(t *testing.T) int {
	t.Helper()
	event, err := h.NextEvent(t.Context())
	require.NoError(t, err)
	require.NoError(t, h.OpenSale(t.Context(), event, "Drill", 2, 3, 1000))
	return event
}

// settle writes a purchase to the ledger as the consumer does.
func (h *house) settle(t *testing.T, lock string, event int, seats ...string) string {
	t.Helper()
	transaction := claim{id: lock}.transaction()
	_, err := h.postgres.Exec(t.Context(), `select settle($1, $2, 'guest-1', $3, 1000, 'app-1', now())`, transaction, event, seats)
	require.NoError(t, err)
	return transaction
}

// record writes a lock's record to Redis as a node does.
func (h *house) record(t *testing.T, event int, state string, seats ...string) (lock string) {
	t.Helper()
	lock = uuid.NewString()
	names, err := json.Marshal(seats)
	require.NoError(t, err)
	require.NoError(t, h.rdb.HSet(t.Context(), "lock:"+lock, "event", event, "state", state, "seats", names).Err())
	return lock
}

func (h *house) mark(t *testing.T, event int, seat, value string, left time.Duration) {
	t.Helper()
	require.NoError(t, h.rdb.Set(t.Context(), fmt.Sprintf("seat:%d:%s", event, seat), value, left).Err())
}

func TestAuditor(t *testing.T) {
	h := newHouse(t)
	for name, test := range map[string]func(*testing.T, *house){
		"a sale opens once and under an id of its own":            openSale,
		"ledger tells what the tables hold":                       ledger,
		"a ticket for no purchase is seen":                        orphan,
		"left-overs in redis are named":                           leftovers,
		"a sample sums over nodes and restarts":                   samples,
		"a silent source is missing, not zero":                    silence,
		"queue totals are true and fresh":                         totals,
		"drain waits for every source":                            drains,
		"drain says what was left":                                drainFails,
		"a quiet stack is drained in little more than the window": drainsAtOnce,
		"a seat sold twice is seen while the sale goes on":        soldTwice,
		"every program's own values are told":                     ownValues,
		"connections are counted per link and store":              connections,
		"a client that went round its proxy is named":             peers,
		"the lock store's word on each seat":                      held,
		"the hall is younger than the ledger":                     hall,
		"dead letters are named and stay":                         deadLetters,
	} {
		t.Run(name, func(t *testing.T) { test(t, h) })
	}
}

func openSale(t *testing.T, h *house) {
	event := h.open(t)
	require.GreaterOrEqual(t, event, 100_000)
	require.NoError(t, h.OpenSale(t.Context(), event, "Drill", 2, 3, 1000), "again is the same")
	require.Greater(t, h.open(t), event)
	require.Error(t, h.OpenSale(t.Context(), event, "no seats", 0, 3, 1000))
}

func ledger(t *testing.T, h *house) {
	event, other := h.open(t), 0
	winner := h.settle(t, "lock-1", event, "A-1", "A-2")
	loser := h.settle(t, "lock-2", event, "A-2", "A-3")
	require.Equal(t, winner, h.settle(t, "lock-1", event, "A-1", "A-2"), "a duplicate")
	other = h.open(t)
	h.settle(t, "lock-3", other, "A-1")

	l, err := h.Ledger(t.Context(), event)
	require.NoError(t, err)
	require.Len(t, l.Purchases, 2)
	won, lost := l.Purchases[0], l.Purchases[1]
	require.False(t, won.RecordedAt.IsZero())
	won.RecordedAt, lost.RecordedAt = time.Time{}, time.Time{}
	require.Equal(t, history.PurchaseRow{Transaction: winner, Event: event, Seats: []string{"A-1", "A-2"}, AmountCents: 1000, User: "guest-1", Status: "CONFIRMED"}, won)
	require.Equal(t, history.PurchaseRow{Transaction: loser, Event: event, Seats: []string{"A-2", "A-3"}, AmountCents: 1000, User: "guest-1", Status: "REJECTED", Reason: "seat_taken"}, lost)
	require.Equal(t, []history.SoldSeat{{Event: event, Seat: "A-1", Transaction: winner}, {Event: event, Seat: "A-2", Transaction: winner}}, l.Sold)
	require.Equal(t, map[string]int{winner: 1}, l.Effects)
	require.Empty(t, l.Stuck)
}

func orphan(t *testing.T, h *house) {
	event := h.open(t)
	nobody := uuid.NewString()
	_, err := h.postgres.Exec(t.Context(), `insert into effects (transaction_id, kind) values ($1, 'ticket'), ($1, 'ticket')`, nobody)
	require.NoError(t, err)
	l, err := h.Ledger(t.Context(), event)
	require.NoError(t, err)
	require.Equal(t, map[string]int{nobody: 2}, l.Effects)
	l, err = h.Ledger(t.Context(), h.open(t))
	require.NoError(t, err)
	require.Empty(t, l.Effects, "a later sale is not blamed for it")
}

func leftovers(t *testing.T, h *house) {
	event := h.open(t)
	sold := h.record(t, event, "confirmed", "A-1")
	h.mark(t, event, "A-1", "sold:"+h.settle(t, sold, event, "A-1"), 0) // as it should be
	held := h.record(t, event, "locked", "A-2")
	h.mark(t, event, "A-2", "lock:"+held, time.Minute) // as it should be
	l, err := h.Ledger(t.Context(), event)
	require.NoError(t, err)
	require.Empty(t, l.Stuck)

	rejected := h.record(t, event, "rejected", "A-3")
	h.mark(t, event, "A-3", "lock:"+rejected+":purchasing", 0)
	h.mark(t, event, "B-1", "lock:"+uuid.NewString(), time.Minute)
	h.mark(t, event, "B-2", "sold:"+uuid.NewString(), 0)
	forever := h.record(t, event, "locked", "B-3")
	h.mark(t, event, "B-3", "lock:"+forever, 0)
	open := h.record(t, event, "purchasing", "A-2")
	require.NoError(t, h.rdb.ZAdd(t.Context(), "purchasing", redis.Z{Score: 1, Member: open}).Err())
	foreign := h.record(t, h.open(t), "purchasing", "A-2")
	require.NoError(t, h.rdb.ZAdd(t.Context(), "purchasing", redis.Z{Score: 1, Member: foreign}).Err())
	t.Cleanup(func() { h.rdb.Del(context.WithoutCancel(t.Context()), "purchasing") })

	l, err = h.Ledger(t.Context(), event)
	require.NoError(t, err)
	require.Len(t, l.Stuck, 5, "%q", l.Stuck)
	for i, want := range []string{"A-2 (purchase", "A-3 (lock:", "B-1 (lock:", "B-2 (sold:", "B-3 (lock:"} {
		require.True(t, strings.HasPrefix(l.Stuck[i], want), l.Stuck[i])
	}
	require.Contains(t, l.Stuck[1], "its lock is rejected")
	require.Contains(t, l.Stuck[2], "no record")
	require.Contains(t, l.Stuck[4], "without a time limit")
}

func samples(t *testing.T, h *house) {
	h.node.conflicts.Add(7)
	h.worker.received.Add(10)
	h.worker.held.Set(2)
	s := h.Sample(t.Context())
	require.Equal(t, 7.0, s["lock_conflicts"])
	require.Equal(t, 10.0, s["consumer_received"])
	require.Equal(t, 2.0, s[inflight])
	require.NotContains(t, s, "cache_hits", "nobody tells it")
	require.Equal(t, 0.0, s["lock_unknown"], "its metric is told, and has no such child")
	require.Contains(t, s, "ledger_rows")
	require.Contains(t, s, "purchasing")
	require.Contains(t, s, "queue_ready")

	h.worker.restart()
	h.worker.conflicts = nil
	h.worker.received.Add(1)
	s = h.Sample(t.Context())
	require.Equal(t, 11.0, s["consumer_received"], "what a program counted before its restart stays counted")
	require.Equal(t, 0.0, s[inflight], "a gauge is what it is now")
}

func silence(t *testing.T, h *house) {
	h.worker.dead = true
	defer func() { h.worker.dead = false }()
	s := h.Sample(t.Context())
	require.NotContains(t, s, "consumer_received")
	require.NotContains(t, s, inflight)
	require.Contains(t, s, "lock_conflicts", "the node answers")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Empty(t, h.Sample(ended))
}

func totals(t *testing.T, h *house) {
	audittest.Publish(t, h.channel, "purchases", 5)
	audittest.Publish(t, h.channel, "purchases.dead", 2)
	d, ok, err := h.channel.Get("purchases", false)
	require.NoError(t, err)
	require.True(t, ok)
	audittest.Eventually(t, h.config.QueueLag, func() error {
		got, err := h.queues(t.Context())
		if want := (depth{Ready: 4, Unacked: 1, DeadLetter: 2}); err == nil && got != want {
			err = fmt.Errorf("got %+v, want %+v", got, want)
		}
		return err
	})
	require.NoError(t, d.Nack(false, true))
	h.purge(t)
}

func (h *house) purge(t *testing.T) {
	t.Helper()
	for _, q := range []string{"purchases", "purchases.dead"} {
		_, err := h.channel.QueuePurge(q, false)
		require.NoError(t, err)
	}
}

func drains(t *testing.T, h *house) {
	event := h.open(t)
	open := h.record(t, event, "purchasing", "A-1")
	require.NoError(t, h.rdb.ZAdd(t.Context(), "purchasing", redis.Z{Score: 1, Member: open}).Err())
	audittest.Publish(t, h.channel, "purchases", 1)
	h.worker.held.Set(1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	said := make(chan string, 100)
	done := make(chan error, 1)
	go func() { done <- h.Drain(ctx, event, 1500*time.Millisecond, func(left string) { said <- left }) }()
	next := func(want string) {
		t.Helper()
		for {
			select {
			case left := <-said:
				if strings.Contains(left, want) {
					return
				}
			case err := <-done:
				t.Fatalf("drained (%v) before it said %q", err, want)
			}
		}
	}
	next("1 messages ready and 0 unacknowledged, 1 messages held by the consumer, 1 purchases under way in redis")
	h.purge(t)
	h.worker.held.Set(0)
	next("1 purchases under way in redis, such as " + claim{id: open}.transaction())
	h.settle(t, open, event, "A-1")
	require.NoError(t, h.rdb.ZRem(t.Context(), "purchasing", open).Err())
	begun := time.Now()
	next("nothing under way, 1 purchases in the ledger")
	h.settle(t, "late", event, "A-2") // an effect that lands while all looks quiet
	next("nothing under way, 2 purchases in the ledger")
	require.NoError(t, <-done)
	require.Greater(t, time.Since(begun), 1500*time.Millisecond)
}

func drainFails(t *testing.T, h *house) {
	audittest.Publish(t, h.channel, "purchases", 3)
	defer h.purge(t)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	h.worker.dead = true
	defer func() { h.worker.dead = false }()
	err := h.Drain(ctx, h.open(t), 0, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "3 messages ready and 0 unacknowledged, the consumer does not say what it holds")
}

func TestOpenNamesTheSourceThatDoesNotAnswer(t *testing.T) {
	_, err := Open(t.Context(), Config{DSN: "postgres://postgres@127.0.0.1:1/x?sslmode=disable&connect_timeout=1", RabbitAPI: "http://127.0.0.1:1"})
	require.ErrorContains(t, err, "reach postgres")
}

func TestBrokerThatTellsNoTotalsIsNotEmpty(t *testing.T) {
	a := &Auditor{config: Config{Queue: "purchases"}, http: http.DefaultClient}
	for answer, want := range map[string]string{
		`[{"name":"purchases"},{"name":"purchases.dead"}]`:                                         "tells no totals",
		`[{"name":"purchases","messages_ready":0,"messages_unacknowledged":0},{"name":"another"}]`: "has 1 of the two",
		`{"error":"not_authorised"}`:                                                               "read the answer",
	} {
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
		defer api.Close()
		var err error
		a.rabbit, err = url.Parse(api.URL)
		require.NoError(t, err)
		_, err = a.queues(t.Context())
		require.ErrorContains(t, err, want)
	}
}
