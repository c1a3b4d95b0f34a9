package tamper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"eventflow/scenarios/audit/audittest"
	"eventflow/scenarios/history"
	"eventflow/scenarios/stack"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// event is the sale that is meddled with.
const event = 100_000

// book is a Recorder.
type book struct {
	begun time.Time
	mu    sync.Mutex
	lines []history.Update
}

func (b *book) Now() time.Duration { return time.Since(b.begun) }

func (b *book) Update(u history.Update) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, u)
}

func (b *book) read() []history.Update {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]history.Update(nil), b.lines...)
}

// house is a whole set of stores. EventFlow's programs are absent: the tests do to
// the stores what they would.
type house struct {
	stack.Endpoints
	rdb     *redis.Client
	channel *amqp.Channel
	shop    *pgx.Conn // as the shop's programs would be connected
	book    *book
}

func newHouse(t *testing.T) *house {
	rdb, rabbit := audittest.Redis(t), audittest.Rabbit(t)
	h := &house{rdb: rdb, channel: rabbit.Channel(t), book: &book{begun: time.Now()}}
	h.Endpoints = stack.Endpoints{Observer: audittest.Postgres(t), RabbitAPI: rabbit.API, RedisAddr: rdb.Options().Addr, RedisPassword: "secret"}
	var err error
	h.shop, err = pgx.Connect(t.Context(), h.Observer)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.shop.Close(context.Background()) }) // the server ends too
	h.exec(t, `select open_sale($1, 'Drill', 'Laboratory', 2, 3, 1000)`, event)
	return h
}

func (h *house) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := h.shop.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// settle writes a purchase to the ledger as the consumer does, and to Redis as a
// node does.
func (h *house) settle(ctx context.Context, lock string, seats ...string) (transaction string, err error) {
	transaction = uuid.NewSHA1(transactions, []byte(lock)).String()
	if err := h.rdb.Set(ctx, "purchase:"+transaction, lock, 0).Err(); err != nil {
		return "", err
	}
	_, err = h.shop.Exec(ctx, `select settle($1, $2, 'guest-1', $3, 1000, 'app-1', '2026-01-02T03:04:05.678901Z')`, transaction, event, seats)
	return transaction, err
}

func (h *house) meddler(t *testing.T) *Meddler {
	t.Helper()
	m, err := Open(t.Context(), h.Endpoints, event, h.book)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

// bites applies the tamper, which must bite.
func bites(t *testing.T, m *Meddler, what Tamper) Effect {
	t.Helper()
	effect, err := m.Apply(t.Context(), what)
	require.NoError(t, err)
	require.True(t, effect.Bit, "%+v", effect)
	require.NotEmpty(t, effect.ReadBack)
	require.NotEmpty(t, effect.Symptom)
	return effect
}

// undone undoes all, twice.
func undone(t *testing.T, m *Meddler) {
	t.Helper()
	require.NoError(t, m.Undo(t.Context()))
	require.NoError(t, m.Undo(t.Context()), "again")
}

func TestEachTamperBitesAndIsUndone(t *testing.T) {
	h := newHouse(t)
	for name, test := range map[string]func(*testing.T, *house){
		"poison is of every kind and never a purchase":  poisonsAll,
		"republished is what the shop published":        republishes,
		"nothing to republish is no bite":               republishesNothing,
		"a deleted queue is gone until declared again":  deletesQueue,
		"a locked table keeps readers waiting":          locksTable,
		"a lock that lost its session is over":          locksAndDies,
		"the sale's cached entries go, others stay":     expires,
		"every n-th commit fails, after its answers":    failsCommits,
		"what a killed meddler left is removed":         removesLeftovers,
		"each version is written down before and after": updates,
		"a background failure is told by undo":          tellsFailures,
	} {
		t.Run(name, func(t *testing.T) {
			h.empty(t)
			test(t, h)
		})
	}
}

// empty leaves neither purchases nor messages.
func (h *house) empty(t *testing.T) {
	t.Helper()
	for _, table := range []string{"effects", "sold_seats", "purchases"} {
		h.exec(t, "delete from "+table)
	}
	_, err := h.channel.QueuePurge(queue, false)
	require.NoError(t, err)
}

// next takes a message out of the purchase queue.
func (h *house) next(t *testing.T) amqp.Delivery {
	t.Helper()
	var d amqp.Delivery
	audittest.Eventually(t, 5*time.Second, func() error {
		var ok bool
		var err error
		if d, ok, err = h.channel.Get(queue, true); err == nil && !ok {
			err = errors.New("the queue is empty")
		}
		return err
	})
	return d
}

// sound says why a message is no purchase, in the shop's words and the database's.
func (h *house) sound(t *testing.T, d amqp.Delivery) error {
	t.Helper()
	var p purchase
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if uuid.NewSHA1(transactions, []byte(p.LockID)).String() != p.Transaction {
		return errors.New("transaction does not belong to lock")
	}
	_, err := h.shop.Exec(t.Context(), `select settle($1, $2, $3, $4, $5, $6, $7)`, p.Transaction, p.Event, p.User, p.Seats, p.AmountCents, p.Node, p.AcceptedAt)
	return err
}

func poisonsAll(t *testing.T, h *house) {
	m := h.meddler(t)
	bites(t, m, Tamper{Kind: Poison, Count: len(poisons)})
	seen := map[string]bool{}
	for range poisons {
		d := h.next(t)
		require.True(t, strings.HasPrefix(d.MessageId, PoisonID), d.MessageId)
		require.EqualValues(t, amqp.Persistent, d.DeliveryMode)
		err := h.sound(t, d)
		require.Error(t, err, d.MessageId)
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			require.Equal(t, "23", pg.Code[:2], "the ledger's word that it can never be written")
		}
		seen[err.Error()] = true
	}
	require.Len(t, seen, 4, "of five kinds, two have an id that belongs to nothing: %v", seen)
	require.Len(t, m.Poisoned(), len(poisons))

	bites(t, m, Tamper{Kind: Poison, Every: 20 * time.Millisecond})
	for range 4 {
		h.next(t)
	}
	undone(t, m)
}

func republishes(t *testing.T, h *house) {
	lock := uuid.NewString()
	transaction, err := h.settle(t.Context(), lock, "A-1", "A-2")
	require.NoError(t, err)
	m := h.meddler(t)
	bites(t, m, Tamper{Kind: Republish, Count: 3, Every: 20 * time.Millisecond})
	for range 3 {
		d := h.next(t)
		require.Equal(t, transaction, d.MessageId)
		require.EqualValues(t, amqp.Persistent, d.DeliveryMode)
		require.Equal(t, "application/json", d.ContentType)
		require.Equal(t, `{"transaction_id":"`+transaction+`","lock_id":"`+lock+`","user":"guest-1","event_id":100000,"seats":["A-1","A-2"],`+
			`"amount_cents":1000,"node":"app-1","accepted_at":"2026-01-02T03:04:05.678901Z"}`, string(d.Body))
		require.NoError(t, h.sound(t, d))
	}
	undone(t, m)
}

func republishesNothing(t *testing.T, h *house) {
	m := h.meddler(t)
	effect, err := m.Apply(t.Context(), Tamper{Kind: Republish})
	require.NoError(t, err)
	require.False(t, effect.Bit, "%+v", effect)
	undone(t, m)
}

func deletesQueue(t *testing.T, h *house) {
	m := h.meddler(t)
	effect := bites(t, m, Tamper{Kind: DeleteQueue})
	require.Contains(t, effect.ReadBack, "404")
	there, err := m.broker.declared(t.Context())
	require.NoError(t, err)
	require.False(t, there)

	effect, err = m.Apply(t.Context(), Tamper{Kind: DeleteQueue})
	require.NoError(t, err)
	require.False(t, effect.Bit, "there is none: %+v", effect)

	soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err = m.Undo(soon)
	require.ErrorIs(t, err, ErrLeft)
	undone(t, m)
	there, err = m.broker.declared(t.Context())
	require.NoError(t, err)
	require.True(t, there, "nobody else declares it here")
	_, err = h.channel.QueueDeclare(queue, true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
	require.NoError(t, err, "it was declared otherwise than before")
}

// readable says whether the ledger can be read within 100 ms.
func (h *house) readable(ctx context.Context) error {
	return pgx.BeginFunc(ctx, h.shop, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local lock_timeout = '100ms'`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `select from sold_seats limit 1`)
		return err
	})
}

func locksTable(t *testing.T, h *house) {
	m := h.meddler(t)
	require.NoError(t, h.readable(t.Context()))
	bites(t, m, Tamper{Kind: LockTable})
	require.ErrorContains(t, h.readable(t.Context()), "lock timeout")
	undone(t, m)
	require.NoError(t, h.readable(t.Context()))
}

func locksAndDies(t *testing.T, h *house) {
	m := h.meddler(t)
	bites(t, m, Tamper{Kind: LockTable})
	h.exec(t, `select pg_terminate_backend(pid, 2000) from pg_locks where mode = 'AccessExclusiveLock'`)
	require.NoError(t, h.readable(t.Context()))
	undone(t, m)
}

func expires(t *testing.T, h *house) {
	m := h.meddler(t)
	cached := func(ids ...any) {
		for _, id := range ids {
			require.NoError(t, h.rdb.HSet(t.Context(), fmt.Sprint("cache:", id), "body", "1").Err())
		}
	}
	cached("events:0", "hall:100000", "sold:100000", "hall:999", "sold:1100000")
	bites(t, m, Tamper{Kind: ExpireCache, Every: 20 * time.Millisecond})
	others, err := h.rdb.Keys(t.Context(), "cache:*").Result()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"cache:hall:999", "cache:sold:1100000"}, others)
	cached("hall:100000")
	audittest.Eventually(t, 5*time.Second, func() error {
		if n := h.rdb.Exists(t.Context(), "cache:hall:100000").Val(); n != 0 {
			return errors.New("it is still cached")
		}
		return nil
	})
	undone(t, m)
}

func failsCommits(t *testing.T, h *house) {
	m := h.meddler(t)
	bites(t, m, Tamper{Kind: CommitFails, Count: 3})
	failed, tries := 0, 0
	for i := range 6 {
		lock := fmt.Sprintf("commit-%d", i)
		for {
			tries++
			_, err := h.settle(t.Context(), lock, fmt.Sprintf("%c-%d", 'A'+i/3, 1+i%3))
			if err == nil {
				break
			}
			require.ErrorContains(t, err, refusedCommit)
			require.ErrorContains(t, err, "40001")
			failed++
		}
	}
	require.Equal(t, tries/3, failed, "in %d tries", tries)
	var rows, labs int
	require.NoError(t, h.shop.QueryRow(t.Context(), `select count(*), count(*) filter (where user_id = 'lab') from purchases`).Scan(&rows, &labs))
	require.Equal(t, 6, rows)
	require.Zero(t, labs, "the meddler's own tries leave nothing")

	_, err := m.Apply(t.Context(), Tamper{Kind: CommitFails, Count: 2})
	require.NoError(t, err, "another count replaces the one before")
	undone(t, m)
	left, err := m.commitsRefused(t.Context())
	require.NoError(t, err)
	require.False(t, left)
	for i := range 6 {
		_, err := h.settle(t.Context(), fmt.Sprintf("after-%d", i), "A-1")
		require.NoError(t, err)
	}
}

func removesLeftovers(t *testing.T, h *house) {
	killed := h.meddler(t)
	bites(t, killed, Tamper{Kind: CommitFails, Count: 2})
	next := h.meddler(t)
	left, err := next.commitsRefused(t.Context())
	require.NoError(t, err)
	require.False(t, left)
}

func updates(t *testing.T, h *house) {
	m := h.meddler(t)
	bites(t, m, Tamper{Kind: UpdateEvent, Every: 20 * time.Millisecond})
	_, err := m.Apply(t.Context(), Tamper{Kind: UpdateEvent})
	require.ErrorContains(t, err, "already")
	audittest.Eventually(t, 5*time.Second, func() error {
		if n := len(h.book.read()); n < 8 {
			return fmt.Errorf("%d lines in the book", n)
		}
		return nil
	})
	undone(t, m)
	lines := h.book.read()
	require.Zero(t, len(lines)%2)
	for i := 0; i < len(lines); i += 2 {
		asked, done := lines[i], lines[i+1]
		require.Equal(t, i/2+1, asked.Version)
		require.Zero(t, asked.Return)
		require.Equal(t, asked.Version, done.Version)
		require.Equal(t, asked.Call, done.Call)
		require.Greater(t, done.Return, done.Call)
	}
	name := func() (is string) {
		require.NoError(t, h.shop.QueryRow(t.Context(), `select name from events where id = $1`, event).Scan(&is))
		return is
	}
	require.Equal(t, fmt.Sprintf("Drill v%d", len(lines)/2), name(), "buyers who have seen it must not see an older one")
	bites(t, m, Tamper{Kind: UpdateEvent, Every: time.Hour})
	require.Equal(t, fmt.Sprintf("Drill v%d", len(lines)/2+1), name(), "versions go on where they were")
	require.NoError(t, m.Close())
	require.Equal(t, "Drill", name())
}

func tellsFailures(t *testing.T, h *house) {
	m := h.meddler(t)
	bites(t, m, Tamper{Kind: Poison, Every: 20 * time.Millisecond})
	for _, q := range []string{queue, queue + ".dead"} {
		_, err := h.channel.QueueDelete(q, false, false, false)
		require.NoError(t, err)
	}
	sent := len(m.Poisoned())
	audittest.Eventually(t, 5*time.Second, func() error {
		m.counting.Lock()
		defer m.counting.Unlock()
		if m.poisoned < sent+3 {
			return fmt.Errorf("%d tried", m.poisoned)
		}
		return nil
	})
	err := m.Undo(t.Context())
	require.ErrorContains(t, err, "rounds failed, the last one: publish poison-")
	require.ErrorContains(t, err, "no queue for it")
	require.NotErrorIs(t, err, ErrLeft)
	require.NoError(t, m.Undo(t.Context()))
	for _, q := range []string{queue, queue + ".dead"} {
		_, err := h.channel.QueueDeclare(q, true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
		require.NoError(t, err)
	}
}

func TestImpossibleTampersAreRefused(t *testing.T) {
	for _, bad := range []Tamper{{Kind: "burn"}, {Kind: Poison, Count: -1}, {Kind: Republish, Every: -1}, {Kind: CommitFails, Count: 1}} {
		require.Error(t, bad.Validate(), "%+v", bad)
	}
	for _, k := range kinds {
		require.NoError(t, Tamper{Kind: k}.Validate())
		require.NotEmpty(t, Tamper{Kind: k}.Service())
	}
}
