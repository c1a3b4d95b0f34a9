package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"eventflow/system/internal/servertest"
	"eventflow/system/internal/store"
	"eventflow/system/internal/ticket"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// open gives a store for one role of a fresh database, reached over a link.
func open(t testing.TB, pg *servertest.Postgres, database, role string) (*store.Store, *servertest.Link) {
	t.Helper()
	link := servertest.NewLink(t, pg.Addr)
	s, err := store.Open(store.Config{Addr: link.Addr, User: role, Password: servertest.Password, Database: database})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s, link
}

// purchase is a valid message for seats of an event.
func purchase(event int, seats ...string) ticket.Purchase {
	lock := uuid.NewString()
	return ticket.Purchase{Transaction: ticket.TransactionID(lock), LockID: lock, User: "guest-" + lock, Event: event,
		Seats: seats, AmountCents: 1000 * len(seats), Node: "app-1", AcceptedAt: time.Now().UTC()}
}

func settleOne(t testing.TB, s *store.Store, p ticket.Purchase) store.Settled {
	t.Helper()
	out, err := s.SettleBatch(context.Background(), []ticket.Purchase{p})
	require.NoError(t, err)
	return out[0]
}

func TestStore(t *testing.T) {
	pg := servertest.StartPostgres(t)
	t.Run("init.sql", func(t *testing.T) { testInit(t, pg) })
	t.Run("catalogue", func(t *testing.T) { testCatalogue(t, pg) })
	t.Run("users", func(t *testing.T) { testUsers(t, pg) })
	t.Run("roles may do their own work only", func(t *testing.T) { testRoles(t, pg) })
	t.Run("settle", func(t *testing.T) { testSettle(t, pg) })
	t.Run("hot seats", func(t *testing.T) { testHotSeats(t, pg) })
	t.Run("a failed commit is not taken for a sale", func(t *testing.T) { testFailedCommit(t, pg) })
	t.Run("lost replies are unknown and settle once", func(t *testing.T) { testLostReplies(t, pg) })
	t.Run("a cut costs microseconds and heals", func(t *testing.T) { testCut(t, pg) })
	t.Run("silence ends with the deadlines", func(t *testing.T) { testSilence(t, pg) })
	t.Run("a restart costs a read nothing", func(t *testing.T) { testRestart(t, pg) })
}

func testInit(t *testing.T, pg *servertest.Postgres) {
	db := pg.NewDatabase(t)
	count := `select format('%s %s %s %s', (select count(*) from events), (select count(*) from seats), (select sum(price_cents) from seats), (select count(*) from pg_roles where rolname like 'eventflow%'))`
	before := pg.Query(t, db, count)
	out, err := pg.Init(db, servertest.Password)
	require.NoError(t, err, "second run: %s", out)
	assert.Equal(t, before, pg.Query(t, db, count), "the second run changed something")
	assert.Equal(t, []string{"3"}, pg.Query(t, db, `select count(*)::text from pg_authid where rolname like 'eventflow%' and rolcanlogin and rolpassword like 'SCRAM-SHA-256%'`))
	out, err = pg.Init(db, "")
	require.Error(t, err, "init.sql ran without passwords")
	assert.Contains(t, string(out), "EVENTFLOW_APP_PASSWORD is not set")
	pg.Query(t, db, `select open_sale(7, 'Sale', 'Here', 28, 3, 500)::text`)
	pg.Query(t, db, `select open_sale(7, 'Sale', 'Here', 28, 3, 500)::text`)
	assert.Equal(t, []string{"A-1 AB-3 84"}, pg.Query(t, db, `select format('%s %s %s', (array_agg(seat order by row_order, seat_order))[1], (array_agg(seat order by row_order desc, seat_order desc))[1], count(*)) from seats where event_id = 7`))
}

func testCatalogue(t *testing.T, pg *servertest.Postgres) {
	s, _ := open(t, pg, pg.NewDatabase(t), "eventflow_app")
	ctx := context.Background()
	events, err := s.Events(ctx)
	require.NoError(t, err)
	require.Len(t, events, 3)
	for _, e := range events {
		hall, err := s.Hall(ctx, e.ID)
		require.NoError(t, err)
		seats := 0
		for _, section := range hall.Sections {
			for _, row := range section.Rows {
				seats += len(row.Seats)
				assert.Equal(t, row.Name+"-1", row.Seats[0])
			}
		}
		assert.Equal(t, e, hall.Event)
		assert.Equal(t, e.Seats, seats)
		assert.True(t, seats >= 300 && seats <= 600, "hall of %d has %d seats", e.ID, seats)
		assert.GreaterOrEqual(t, len(hall.Sections), 3)
	}
	_, err = s.Hall(ctx, 4711)
	assert.ErrorIs(t, err, ticket.ErrNoEvent)
	_, err = s.Purchase(ctx, uuid.NewString())
	assert.ErrorIs(t, err, ticket.ErrNoPurchase)
	_, err = s.Purchase(ctx, "no uuid")
	assert.ErrorIs(t, err, ticket.ErrNoPurchase)
	assert.NoError(t, s.Ping(ctx))
}

func testUsers(t *testing.T, pg *servertest.Postgres) {
	s, _ := open(t, pg, pg.NewDatabase(t), "eventflow_auth")
	ctx := context.Background()
	ana := store.User{ID: uuid.NewString(), Email: "Ana@Example.org", Name: "Ana", PasswordHash: "hash"}
	require.NoError(t, s.CreateUser(ctx, ana))
	require.NoError(t, s.CreateUser(ctx, ana), "the same row again, after an unknown outcome")
	rival := ana
	rival.ID = uuid.NewString()
	assert.ErrorIs(t, s.CreateUser(ctx, rival), ticket.ErrEmailTaken)
	got, err := s.UserByEmail(ctx, "ANA@example.org")
	require.NoError(t, err)
	ana.Email = "ana@example.org"
	assert.Equal(t, ana, got)
	_, err = s.UserByEmail(ctx, "bob@example.org")
	assert.ErrorIs(t, err, store.ErrNoUser)
	taken, err := s.EmailTaken(ctx, "ana@example.org")
	require.NoError(t, err)
	assert.True(t, taken)
}

func testRoles(t *testing.T, pg *servertest.Postgres) {
	db := pg.NewDatabase(t)
	ctx := context.Background()
	app, _ := open(t, pg, db, "eventflow_app")
	_, err := app.UserByEmail(ctx, "ana@example.org")
	assert.ErrorContains(t, err, "permission denied", "the app read password hashes")
	_, err = app.SettleBatch(ctx, []ticket.Purchase{purchase(999, "A-1")})
	assert.ErrorContains(t, err, "permission denied", "the app wrote the ledger")
	consumer, _ := open(t, pg, db, "eventflow_consumer")
	_, err = consumer.UserByEmail(ctx, "ana@example.org")
	assert.ErrorContains(t, err, "permission denied")
	direct := pg.Query(t, db, `select has_table_privilege('eventflow_consumer', 'purchases', 'insert')::text || has_table_privilege('eventflow_consumer', 'sold_seats', 'delete')::text`)
	assert.Equal(t, []string{"falsefalse"}, direct)
}

func testSettle(t *testing.T, pg *servertest.Postgres) {
	db := pg.NewDatabase(t)
	s, _ := open(t, pg, db, "eventflow_consumer")
	first, rival := purchase(999, "A-1", "A-2"), purchase(999, "A-3", "A-2")

	got := settleOne(t, s, first)
	assert.Equal(t, ticket.Confirmed, got.Status)
	assert.False(t, got.Duplicate)
	got = settleOne(t, s, first)
	assert.Equal(t, ticket.Confirmed, got.Status)
	assert.True(t, got.Duplicate)
	for _, again := range []bool{false, true} {
		got = settleOne(t, s, rival)
		assert.Equal(t, store.Settled{Transaction: rival.Transaction, Status: ticket.Rejected, Reason: store.SeatTaken, Duplicate: again, Committed: got.Committed}, got)
	}
	free, err := s.SoldSeats(context.Background(), 999)
	require.NoError(t, err)
	assert.Equal(t, []string{"A-1", "A-2"}, free, "the rejected purchase left a seat behind")
	assert.Equal(t, []string{"1"}, pg.Query(t, db, `select count(*)::text from effects`))

	poisons := []ticket.Purchase{purchase(999, "no such seat"), purchase(4711, "A-9"), purchase(999, "A-9", "A-9"), purchase(999), purchase(999, "A\x009"), purchase(999, "A-9"), purchase(999, "A-9")}
	poisons[5].Transaction = "no uuid"
	poisons[6].AmountCents = 1 << 40
	batch := append(append([]ticket.Purchase{purchase(999, "B-1")}, poisons...), purchase(999, "B-2"))
	out, err := s.SettleBatch(context.Background(), batch)
	require.NoError(t, err)
	for i := range poisons {
		assert.ErrorIs(t, out[i+1].Err, store.ErrPoison, "poison %d", i)
	}
	assert.Equal(t, ticket.Confirmed, out[0].Status)
	assert.Equal(t, ticket.Confirmed, out[len(out)-1].Status)

	app, _ := open(t, pg, db, "eventflow_app")
	record, err := app.Purchase(context.Background(), rival.Transaction)
	require.NoError(t, err)
	assert.Equal(t, ticket.Rejected, record.Status)
	assert.Equal(t, store.SeatTaken, record.Reason)
	of, err := app.PurchasesOf(context.Background(), first.User)
	require.NoError(t, err)
	require.Len(t, of, 1)
	assert.Equal(t, first.Seats, of[0].Seats)
	byID, err := s.PurchaseStatuses(context.Background(), []string{first.Transaction, uuid.NewString()})
	require.NoError(t, err)
	assert.Len(t, byID, 1)
	sold, err := s.AllSold(context.Background())
	require.NoError(t, err)
	assert.Contains(t, sold, store.Sold{Event: 999, Seat: "A-1", Transaction: first.Transaction})
}

// testHotSeats lets several workers settle the same purchases, each delivered
// three times, on few seats in any order: the ledger must come out as if each
// had been settled once.
func testHotSeats(t *testing.T, pg *servertest.Postgres) {
	db := pg.NewDatabase(t)
	s, err := store.Open(store.Config{Addr: pg.Addr, User: "eventflow_consumer", Password: servertest.Password, Database: db, MaxWrites: 8, WriteTimeout: 20 * time.Second})
	require.NoError(t, err)
	defer s.Close()
	var all []ticket.Purchase
	for range 500 {
		p := purchase(999)
		for _, n := range rand.Perm(16)[:1+rand.IntN(3)] {
			p.Seats = append(p.Seats, fmt.Sprintf("%c-%d", 'A'+rand.IntN(5), n+1))
		}
		for range 3 {
			all = append(all, p)
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w * 50; i < len(all); i += 8 * 50 {
				_, err := s.SettleBatch(context.Background(), all[i:min(i+50, len(all))])
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, []string{"500"}, pg.Query(t, db, `select count(*)::text from purchases`))
	assert.Equal(t, []string{"0"}, pg.Query(t, db, `select deadlocks::text from pg_stat_database where datname = current_database()`))
	assert.Equal(t, []string{"true"}, pg.Query(t, db, `select ((select sum(cardinality(seats)) from purchases where status = 'CONFIRMED') = (select count(*) from sold_seats))::text`))
	assert.Equal(t, []string{"true"}, pg.Query(t, db, `select ((select count(*) from purchases where status = 'CONFIRMED') = (select count(*) from effects))::text`))
	assert.Equal(t, []string{"0"}, pg.Query(t, db, `select count(*)::text from purchases r where status = 'REJECTED' and not exists (select from sold_seats s where s.event_id = r.event_id and s.seat = any(r.seats) and s.transaction_id <> r.transaction_id)`))
}

// testFailedCommit makes COMMIT itself fail, after settle has answered
// CONFIRMED: the answer must not be believed before the Sync.
func testFailedCommit(t *testing.T, pg *servertest.Postgres) {
	db := pg.NewDatabase(t)
	pg.Query(t, db, `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'too late' using errcode = '40001'; end $$`)
	pg.Query(t, db, `create constraint trigger refuse after insert on effects deferrable initially deferred for each row execute function refuse()`)
	s, _ := open(t, pg, db, "eventflow_consumer")
	out, err := s.SettleBatch(context.Background(), []ticket.Purchase{purchase(999, "A-1"), purchase(999, "A-2")})
	require.ErrorIs(t, err, ticket.ErrUnavailable)
	for _, one := range out {
		assert.Error(t, one.Err)
		assert.Empty(t, one.Status)
	}
	assert.Equal(t, []string{"0"}, pg.Query(t, db, `select count(*)::text from purchases`))
}

func testLostReplies(t *testing.T, pg *servertest.Postgres) {
	db := pg.NewDatabase(t)
	s, link := open(t, pg, db, "eventflow_consumer")
	settleOne(t, s, purchase(999, "C-1")) // a warm connection
	p := purchase(999, "A-1")
	link.LoseReplies()
	out, err := s.SettleBatch(context.Background(), []ticket.Purchase{p})
	require.ErrorIs(t, err, ticket.ErrUnknown)
	assert.ErrorIs(t, out[0].Err, ticket.ErrUnknown)
	link.Heal(t)
	servertest.WaitFor(t, 5*time.Second, func(ctx context.Context) error {
		out, err = s.SettleBatch(ctx, []ticket.Purchase{p})
		return err
	})
	assert.Equal(t, ticket.Confirmed, out[0].Status)
	assert.True(t, out[0].Duplicate, "the first one did arrive")
	assert.Equal(t, []string{"2"}, pg.Query(t, db, `select count(*)::text from effects`))
}

func testCut(t *testing.T, pg *servertest.Postgres) {
	s, link := open(t, pg, pg.NewDatabase(t), "eventflow_app")
	_, err := s.Events(context.Background())
	require.NoError(t, err)
	link.Cut(t)
	for range 5 {
		_, err = s.Events(context.Background())
		require.ErrorIs(t, err, ticket.ErrUnavailable)
	}
	begun := time.Now()
	for range 100 {
		_, err = s.Events(context.Background())
		require.ErrorIs(t, err, ticket.ErrUnavailable)
	}
	assert.Less(t, time.Since(begun), 50*time.Millisecond, "100 refusals by the breaker")
	link.Heal(t)
	healed := time.Now()
	servertest.WaitFor(t, 3*time.Second, func(ctx context.Context) error { _, err := s.Events(ctx); return err })
	assert.Less(t, time.Since(healed), 1500*time.Millisecond, "recovery")
}

func testSilence(t *testing.T, pg *servertest.Postgres) {
	s, link := open(t, pg, pg.NewDatabase(t), "eventflow_app")
	_, err := s.Events(context.Background())
	require.NoError(t, err)
	link.Hang()
	var wg sync.WaitGroup
	for range 20 { // more than the pool has
		wg.Go(func() {
			begun := time.Now()
			_, err := s.Hall(context.Background(), 999)
			assert.ErrorIs(t, err, ticket.ErrUnavailable)
			assert.Less(t, time.Since(begun), 800*time.Millisecond)
		})
	}
	wg.Wait()
	begun := time.Now()
	_, err = s.Events(context.Background())
	require.ErrorIs(t, err, ticket.ErrUnavailable)
	assert.Less(t, time.Since(begun), 20*time.Millisecond, "the breaker should be open")
	link.Heal(t)
	servertest.WaitFor(t, 4*time.Second, func(ctx context.Context) error { _, err := s.Events(ctx); return err })
}

func testRestart(t *testing.T, pg *servertest.Postgres) {
	s, _ := open(t, pg, pg.NewDatabase(t), "eventflow_app")
	var wg sync.WaitGroup
	for range 8 { // fill the pool
		wg.Go(func() { _, err := s.Events(context.Background()); assert.NoError(t, err) })
	}
	wg.Wait()
	pg.Kill(t)
	pg.Start(t)
	for range 4 {
		_, err := s.Events(context.Background())
		assert.NoError(t, err, "a stale pooled connection reached a caller")
	}
}
