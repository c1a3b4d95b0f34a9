package contract_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"eventflow/system/internal/account"
	"eventflow/system/internal/cache"
	"eventflow/system/internal/contract"
	"eventflow/system/internal/httpapi"
	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/serve"
	"eventflow/system/internal/servertest"
	"eventflow/system/internal/store"
	"eventflow/system/internal/ticket"
	"eventflow/system/internal/token"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shop is a node and auth behind one router, on a real PostgreSQL and a real
// Redis, each behind a link that can be broken. Only the broker is played: its
// three answers are what the test is after.
type shop struct {
	t        *testing.T // of the part that is played
	whole    *testing.T // of the servers and what is connected to them
	contract *contract.Contract

	pg, redis *servertest.Link
	rdb       *redis.Client // direct, to set the stage
	locks     *seatlock.Locks
	database  string

	broker error              // what publishing answers
	lost   error              // what a lock call answers after it was obeyed
	create func(*store.Store) // called before an account is inserted

	handler http.Handler
}

func open(t *testing.T) *shop {
	t.Helper()
	c := contract.Open(t)
	pg, rd := servertest.StartPostgres(t), servertest.StartRedis(t)
	s := &shop{t: t, whole: t, contract: c, database: pg.NewDatabase(t), create: func(*store.Store) {},
		pg: servertest.NewLink(t, pg.Addr), redis: servertest.NewLink(t, rd.Addr)}
	s.rdb = redisconn.Open(redisconn.Options{Addr: rd.Addr})
	t.Cleanup(func() { _ = s.rdb.Close() }) // Redis may be gone by then
	s.locks = seatlock.New(s.rdb, seatlock.Options{})
	require.NoError(t, s.locks.Rebuild(t.Context(), nil))
	s.restart()
	return s
}

// restart is a new process: nothing remembered, no breaker open.
func (s *shop) restart() {
	s.t.Helper()
	var key token.PrivateKey
	require.NoError(s.t, key.UnmarshalText([]byte(base64.StdEncoding.EncodeToString(make([]byte, 32)))))
	log := slog.New(slog.DiscardHandler)
	service := serve.New("app", serve.Config{Node: "app-1"}, io.Discard)
	rows, users := s.store("eventflow_app"), s.store("eventflow_auth")
	// The contract is about answers, not about speed: on a busy machine the shop's
	// own 200 ms would make Redis look gone when it is only waiting for its turn.
	rdb := redisconn.Open(redisconn.Options{Addr: s.redis.Addr, Timeout: 700 * time.Millisecond})
	s.whole.Cleanup(func() { _ = rdb.Close() })
	locks := seatlock.New(rdb, seatlock.Options{})
	copies := cache.New(rdb, rows, cache.Options{})
	httpapi.New("app-1", httpapi.Parts{
		Catalogue: copies, Maps: cache.NewSeatMaps(copies, locks), Holds: lossy{locks, s}, Tills: locks, Records: locks, Ledger: rows,
		Publisher: played{s}, Verifier: token.NewVerifier(key.Public(), time.Now),
		Counters: httpapi.NewCounters(service.Metrics.Registry), Log: log,
	}, httpapi.Limits{}).Route(service.Router)
	hasher, err := account.NewHasher(8, 1, time.Millisecond)
	require.NoError(s.t, err)
	accounts := account.New(slowUsers{users, s}, hasher, token.NewIssuer(key, time.Hour, time.Now), 400*time.Millisecond)
	service.Router.Mount("/api/auth", account.Routes(accounts, 3*time.Second, log))
	s.handler = service.Handler()
}

func (s *shop) store(role string) *store.Store {
	s.t.Helper()
	rows, err := store.Open(store.Config{Addr: s.pg.Addr, User: role, Password: servertest.Password, Database: s.database})
	require.NoError(s.t, err)
	s.whole.Cleanup(rows.Close)
	return rows
}

// lossy obeys and, if told so, loses its answer.
type lossy struct {
	*seatlock.Locks
	s *shop
}

func (l lossy) Lock(ctx context.Context, want ticket.Lock) (ticket.Lock, error) {
	got, err := l.Locks.Lock(ctx, want)
	return got, firstOf(l.s.lost, err)
}

func (l lossy) Extend(ctx context.Context, id, user string) (ticket.Lock, error) {
	got, err := l.Locks.Extend(ctx, id, user)
	return got, firstOf(l.s.lost, err)
}

func (l lossy) Release(ctx context.Context, id, user string) error {
	return firstOf(l.s.lost, l.Locks.Release(ctx, id, user))
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// played is the broker.
type played struct{ s *shop }

func (p played) Publish(context.Context, ticket.Purchase) error { return p.s.broker }

// slowUsers lets a test act between the look-up and the insert.
type slowUsers struct {
	*store.Store
	s *shop
}

func (u slowUsers) CreateUser(ctx context.Context, user store.User) error {
	u.s.create(u.Store)
	return u.Store.CreateUser(ctx, user)
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func (a answer) text(field string) string { s, _ := a.body[field].(string); return s }

// do calls and holds the answer against the contract.
func (s *shop) do(method, path, bearer, body string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://shop"+path, strings.NewReader(body))
	require.NoError(s.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, req)
	a := answer{status: w.Code, header: w.Header()}
	s.contract.Check(s.t, req, w.Result(), w.Body.Bytes())
	if w.Body.Len() > 0 {
		require.NoError(s.t, json.Unmarshal(w.Body.Bytes(), &a.body), "%s", w.Body)
	}
	return a
}

// want calls and says what must come: "201" or "409 seat_taken".
func (s *shop) want(expected, method, path, bearer, body string) answer {
	s.t.Helper()
	a := s.do(method, path, bearer, body)
	got := strings.TrimSpace(strconv.Itoa(a.status) + " " + a.text("code"))
	assert.Equal(s.t, expected, got, "%s %s %.80s", method, path, body)
	return a
}

// guest is somebody new with a token.
func (s *shop) guest() string {
	s.t.Helper()
	return s.want("200", "POST", "/api/auth/guest", "", `{"nickname":"Ana"}`).text("token")
}

// lock takes seats of event 999 and gives the lock's id.
func (s *shop) lock(bearer, seat string) string {
	s.t.Helper()
	return s.want("201", "POST", "/api/seats/lock", bearer, `{"event_id":999,"seats":["`+seat+`"]}`).text("lock_id")
}

// buy buys with the lock and gives the transaction's id.
func (s *shop) buy(bearer, lock string) string {
	s.t.Helper()
	return s.want("202", "POST", "/api/purchase", bearer, `{"lock_id":"`+lock+`"}`).text("transaction_id")
}

// lapse does what Redis's clock does to a lock's seat.
func (s *shop) lapse(seat string) {
	s.t.Helper()
	require.NoError(s.t, s.rdb.Del(s.t.Context(), "seat:999:"+seat).Err())
}

// settle plays the ledger's word on a purchase.
func (s *shop) settle(tx string, status ticket.Status, reason string) {
	s.t.Helper()
	rec, err := s.locks.Purchase(s.t.Context(), tx)
	require.NoError(s.t, err)
	require.NoError(s.t, s.locks.Settle(s.t.Context(), []seatlock.Settlement{{Status: status, Reason: reason, Purchase: ticket.Purchase{
		Transaction: tx, LockID: rec.LockID, User: rec.User, Event: rec.Event, Seats: rec.Seats, AmountCents: rec.AmountCents, Node: "app-1", AcceptedAt: rec.CreatedAt}}}))
}
