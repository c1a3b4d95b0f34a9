package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/system/internal/cache"
	"eventflow/system/internal/httpapi"
	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/servertest"
	"eventflow/system/internal/store"
	"eventflow/system/internal/ticket"
	"eventflow/system/internal/token"
)

// ledger is a database whose rows and failures a test decides.
type ledger struct {
	mu   sync.Mutex
	rows map[string]store.Record
	err  error
}

func (l *ledger) fail(err error) { l.mu.Lock(); l.err = err; l.mu.Unlock() }

func (l *ledger) put(r store.Record) { l.mu.Lock(); l.rows[r.Transaction] = r; l.mu.Unlock() }

func (l *ledger) Purchase(_ context.Context, tx string) (store.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return store.Record{}, l.err
	}
	r, ok := l.rows[tx]
	if !ok {
		return r, ticket.ErrNoPurchase
	}
	return r, nil
}

func (l *ledger) PurchasesOf(_ context.Context, user string) (out []store.Record, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.rows {
		if r.User == user {
			out = append(out, r)
		}
	}
	return out, l.err
}

func (l *ledger) Events(context.Context) ([]ticket.Event, error) {
	return []ticket.Event{{ID: 1, Name: "Rock", Seats: 4}}, l.error()
}

func (l *ledger) Hall(_ context.Context, event int) (ticket.Hall, error) {
	if event != 1 {
		return ticket.Hall{}, errors.Join(ticket.ErrNoEvent)
	}
	return ticket.Hall{Event: ticket.Event{ID: 1, Name: "Rock", Seats: 4}, Sections: []ticket.Section{{Name: "Stalls", PriceCents: 2500,
		Rows: []ticket.Row{{Name: "A", Seats: []string{"A-1", "A-2", "A-3", "A-4"}}}}}}, l.error()
}

func (l *ledger) SoldSeats(context.Context, int) ([]string, error) { return []string{}, l.error() }

func (l *ledger) error() error { l.mu.Lock(); defer l.mu.Unlock(); return l.err }

// broker answers as a test decides and keeps what it was given.
type broker struct {
	mu   sync.Mutex
	err  error
	got  []ticket.Purchase
	hook func()
}

func (b *broker) answer(err error) { b.mu.Lock(); b.err = err; b.mu.Unlock() }

func (b *broker) Publish(ctx context.Context, p ticket.Purchase) error {
	b.mu.Lock()
	b.got = append(b.got, p)
	err, hook := b.err, b.hook
	b.mu.Unlock()
	if hook != nil {
		hook()
	}
	if ctx.Err() != nil {
		return ticket.Unknown("rabbitmq", ctx.Err())
	}
	return err
}

func (b *broker) count() int { b.mu.Lock(); defer b.mu.Unlock(); return len(b.got) }

// names verifies a token that is the name itself.
type names struct{}

func (names) Verify(tok string) (token.Claims, error) {
	switch tok {
	case "":
		return token.Claims{}, token.ErrMalformed
	case "old":
		return token.Claims{}, token.ErrExpired
	}
	return token.Claims{Subject: tok, Name: tok}, nil
}

type fixture struct {
	t      testing.TB
	server *servertest.Redis
	rdb    *redis.Client
	locks  *seatlock.Locks
	ledger *ledger
	broker *broker
	http   http.Handler
}

func start(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, server: servertest.StartRedis(t), ledger: &ledger{rows: map[string]store.Record{}}, broker: &broker{}}
	f.rdb = redisconn.Open(redisconn.Options{Addr: f.server.Addr})
	t.Cleanup(func() { _ = f.rdb.Close() }) // the server may be gone by then
	f.locks = seatlock.New(f.rdb, seatlock.Options{})
	require.NoError(t, f.locks.Rebuild(t.Context(), nil))
	counters := httpapi.NewCounters(prometheus.NewRegistry())
	copies := cache.New(f.rdb, f.ledger, cache.Options{Count: counters.Read})
	r := chi.NewRouter()
	httpapi.New("app-1", httpapi.Parts{Catalogue: copies, Maps: cache.NewSeatMaps(copies, f.locks), Holds: f.locks, Tills: f.locks,
		Records: f.locks, Ledger: f.ledger, Publisher: f.broker, Verifier: names{}, Counters: counters,
		Log: slog.New(slog.DiscardHandler)}, httpapi.Limits{}).Route(r)
	f.http = r
	return f
}

type reply struct {
	status int
	header http.Header
	doc    map[string]any
}

func (r reply) code() string    { s, _ := r.doc["code"].(string); return s }
func (r reply) outcome() string { return r.header.Get("X-Outcome") }

func (f *fixture) do(user, method, path string, body any) reply {
	f.t.Helper()
	var text []byte
	switch b := body.(type) {
	case string:
		text = []byte(b)
	default:
		var err error
		text, err = json.Marshal(b)
		require.NoError(f.t, err)
	}
	req := httptest.NewRequest(method, path, bytes.NewReader(text))
	if user != "" {
		req.Header.Set("Authorization", "Bearer "+user)
	}
	w := httptest.NewRecorder()
	f.http.ServeHTTP(w, req)
	r := reply{status: w.Code, header: w.Header()}
	if w.Body.Len() > 0 {
		require.NoError(f.t, json.Unmarshal(w.Body.Bytes(), &r.doc), w.Body.String())
	}
	if w.Code >= 400 {
		assert.Equal(f.t, "application/problem+json", w.Header().Get("Content-Type"))
		assert.Contains(f.t, []string{"none", "unknown"}, r.outcome())
	}
	return r
}

// m is a JSON object.
type m map[string]any

func (f *fixture) locked(user string, seats ...string) string {
	f.t.Helper()
	r := f.do(user, "POST", "/api/seats/lock", m{"event_id": 1, "seats": seats})
	require.Equal(f.t, 201, r.status, r.doc)
	return r.doc["lock_id"].(string)
}

func (f *fixture) buy(user, lock string) reply {
	f.t.Helper()
	return f.do(user, "POST", "/api/purchase", m{"lock_id": lock})
}

func (f *fixture) status(user, lock string) reply {
	f.t.Helper()
	return f.do(user, "GET", "/api/purchases/"+ticket.TransactionID(lock), "")
}

func TestRefusals(t *testing.T) {
	f := start(t)
	taken := f.locked("bob", "A-4")
	for _, c := range []struct {
		name, user, method, path string
		body                     any
		status                   int
		code                     string
	}{
		{"no token", "", "POST", "/api/purchase", m{}, 401, "unauthorized"},
		{"old token", "old", "GET", "/api/purchases", "", 401, "unauthorized"},
		{"no route", "ana", "GET", "/api/none", "", 404, "not_found"},
		{"wrong method", "ana", "DELETE", "/api/events", "", 405, "method_not_allowed"},
		{"not JSON", "ana", "POST", "/api/seats/lock", "{", 400, "malformed_json"},
		{"unknown field", "ana", "POST", "/api/seats/lock", m{"event_id": 1, "seats": []string{"A-1"}, "user": "eva"}, 400, "malformed_json"},
		{"too large", "ana", "POST", "/api/seats/lock", m{"request_id": strings.Repeat("x", 17<<10)}, 413, "body_too_large"},
		{"no seats", "ana", "POST", "/api/seats/lock", m{"event_id": 1}, 422, "invalid_request"},
		{"bad request id", "ana", "POST", "/api/seats/lock", m{"event_id": 1, "seats": []string{"A-1"}, "request_id": "x"}, 422, "invalid_request"},
		{"no event", "ana", "POST", "/api/seats/lock", m{"event_id": 9, "seats": []string{"A-1"}}, 404, "no_event"},
		{"no seat", "ana", "POST", "/api/seats/lock", m{"event_id": 1, "seats": []string{"Z-1"}}, 404, "no_seat"},
		{"taken", "ana", "POST", "/api/seats/lock", m{"event_id": 1, "seats": []string{"A-1", "A-4"}}, 409, "seat_taken"},
		{"foreign lock", "ana", "DELETE", "/api/seats/lock/" + taken, "", 403, "not_owner"},
		{"foreign purchase", "ana", "POST", "/api/purchase", m{"lock_id": taken}, 403, "not_owner"},
		{"no lock", "ana", "POST", "/api/seats/lock/" + uuid.NewString() + "/extend", "", 404, "no_lock"},
		{"no lock id", "ana", "POST", "/api/purchase", m{}, 422, "invalid_request"},
		{"event is no number", "", "GET", "/api/events/x/seats", "", 404, "no_event"},
		{"no purchase", "ana", "GET", "/api/purchases/" + uuid.NewString(), "", 404, "no_purchase"},
		{"purchase is no uuid", "ana", "GET", "/api/purchases/x", "", 404, "no_purchase"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := f.do(c.user, c.method, c.path, c.body)
			assert.Equal(t, c.status, r.status, r.doc)
			assert.Equal(t, c.code, r.code())
			assert.Equal(t, "none", r.outcome())
		})
	}
	r := f.do("ana", "POST", "/api/seats/lock", m{"event_id": 1, "seats": []string{"A-1", "A-4"}})
	assert.Equal(t, []any{"A-4"}, r.doc["seats"])
	assert.Equal(t, "GET", f.do("ana", "DELETE", "/api/events", "").header.Get("Allow"))
	assert.Zero(t, f.broker.count())
}

func TestLockLifeCycle(t *testing.T) {
	f := start(t)
	body := m{"event_id": 1, "seats": []string{"A-1", "A-2"}, "request_id": uuid.NewString()}
	r := f.do("ana", "POST", "/api/seats/lock", body)
	require.Equal(t, 201, r.status)
	assert.EqualValues(t, 5000, r.doc["amount_cents"])
	assert.EqualValues(t, 600, r.doc["expires_in_seconds"])
	id := r.doc["lock_id"].(string)
	assert.Equal(t, id, f.do("ana", "POST", "/api/seats/lock", body).doc["lock_id"], "repeated: the same lock")
	other := f.do("bob", "POST", "/api/seats/lock", body)
	assert.Equal(t, "seat_taken", other.code(), "a request id is its buyer's own")
	assert.Equal(t, 200, f.do("ana", "POST", "/api/seats/lock/"+id+"/extend", "").status)
	assert.Equal(t, 204, f.do("ana", "DELETE", "/api/seats/lock/"+id, "").status)
	assert.Equal(t, 410, f.do("ana", "POST", "/api/seats/lock/"+id+"/extend", "").status)
	assert.Equal(t, 410, f.buy("ana", id).status)
}

func TestPurchase(t *testing.T) {
	f := start(t)
	id := f.locked("ana", "A-1")
	r := f.buy("ana", id)
	require.Equal(t, 202, r.status, r.doc)
	assert.Equal(t, map[string]any{"status": "ACCEPTED_ASYNC", "transaction_id": ticket.TransactionID(id), "lock_id": id}, r.doc)
	require.NoError(t, f.broker.got[0].Validate())
	assert.Equal(t, 2500, f.broker.got[0].AmountCents)
	assert.Equal(t, 202, f.buy("ana", id).status)
	assert.Equal(t, 1, f.broker.count(), "what was accepted is not published again")
	assert.Equal(t, "queued", f.status("ana", id).doc["status"])
	assert.Equal(t, 404, f.status("bob", id).status, "a foreign purchase does not exist")
	assert.Equal(t, 409, f.do("ana", "DELETE", "/api/seats/lock/"+id, "").status)

	settle := seatlock.Settlement{Purchase: f.broker.got[0], Status: ticket.Confirmed}
	require.NoError(t, f.locks.Settle(t.Context(), []seatlock.Settlement{settle}))
	assert.Equal(t, "confirmed", f.status("ana", id).doc["status"])
	assert.Equal(t, 202, f.buy("ana", id).status)

	lost := f.locked("ana", "A-2")
	require.Equal(t, 202, f.buy("ana", lost).status)
	settle = seatlock.Settlement{Purchase: f.broker.got[1], Status: ticket.Rejected, Reason: "seat_taken"}
	require.NoError(t, f.locks.Settle(t.Context(), []seatlock.Settlement{settle}))
	assert.Equal(t, "seat_taken", f.status("ana", lost).doc["reason"])
	r = f.buy("ana", lost)
	assert.Equal(t, 409, r.status)
	assert.Equal(t, "purchase_rejected", r.code())
}

func TestPurchaseRefusedByTheBroker(t *testing.T) {
	f := start(t)
	id := f.locked("ana", "A-1")
	f.broker.answer(ticket.Unavailable("rabbitmq", errors.New("alarm")))
	r := f.buy("ana", id)
	assert.Equal(t, 503, r.status)
	assert.Equal(t, "queue_unavailable", r.code())
	assert.Equal(t, "none", r.outcome())
	assert.Equal(t, "1", r.header.Get("Retry-After"))
	assert.Equal(t, 404, f.status("ana", id).status)
	assert.Equal(t, 200, f.do("ana", "POST", "/api/seats/lock/"+id+"/extend", "").status, "the seat stays the buyer's")
	f.broker.answer(nil)
	assert.Equal(t, 202, f.buy("ana", id).status)
}

func TestPurchaseWithUnknownOutcome(t *testing.T) {
	f := start(t)
	for name, err := range map[string]error{
		"as the queue says it": ticket.Unknown("rabbitmq", errors.New("confirm lost")),
		"unclassified":         context.DeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			user, seat := "user-"+name[:2], map[string]string{"unclassified": "A-1", "as the queue says it": "A-2"}[name]
			id := f.locked(user, seat)
			f.broker.answer(err)
			r := f.buy(user, id)
			assert.Equal(t, 503, r.status)
			assert.Equal(t, "outcome_unknown", r.code())
			assert.Equal(t, "unknown", r.outcome())
			assert.Equal(t, ticket.TransactionID(id), r.doc["transaction_id"])
			s := f.status(user, id)
			assert.Equal(t, 503, s.status)
			assert.Equal(t, "unknown", s.outcome())
			assert.Equal(t, true, f.do(user, "GET", "/api/purchases", "").doc["partial"])

			f.broker.answer(ticket.Unavailable("rabbitmq", errors.New("closed")))
			assert.Equal(t, "unknown", f.buy(user, id).outcome(), "the first attempt may still arrive")
			f.ledger.put(store.Record{Transaction: ticket.TransactionID(id), User: user, Event: 1, Status: ticket.Confirmed})
			assert.Equal(t, "confirmed", f.status(user, id).doc["status"], "the ledger knows")
			f.broker.answer(nil)
			before := f.broker.count()
			assert.Equal(t, 202, f.buy(user, id).status, "a retry publishes the same id again")
			assert.Equal(t, before+1, f.broker.count())
		})
	}
}

func TestConcurrentAttemptsOfOnePurchase(t *testing.T) {
	f := start(t)
	id := f.locked("ana", "A-1")
	inside, goOn := make(chan struct{}), make(chan struct{})
	f.broker.hook = func() { inside <- struct{}{}; <-goOn }
	f.broker.answer(ticket.Unavailable("rabbitmq", errors.New("closed")))
	first := make(chan reply, 1)
	go func() { first <- f.buy("ana", id) }()
	<-inside
	f.broker.mu.Lock()
	f.broker.hook = nil
	f.broker.mu.Unlock()
	assert.Equal(t, "unknown", f.buy("ana", id).outcome(), "the other one may succeed")
	close(goOn)
	assert.Equal(t, "none", (<-first).outcome(), "and now nobody can have")
}

func TestAcceptedThoughItCannotBeMarked(t *testing.T) {
	f := start(t)
	id := f.locked("ana", "A-1")
	f.broker.hook = func() { f.server.Kill(t) }
	assert.Equal(t, 202, f.buy("ana", id).status)
}

func TestWithoutRedis(t *testing.T) {
	f := start(t)
	id := f.locked("ana", "A-1")
	f.server.Kill(t)
	for _, r := range []reply{f.buy("ana", id), f.do("ana", "POST", "/api/seats/lock", m{"event_id": 1, "seats": []string{"A-2"}})} {
		assert.Equal(t, 503, r.status)
		assert.Equal(t, "redis_unavailable", r.code())
		assert.Equal(t, "none", r.outcome())
	}
	assert.Zero(t, f.broker.count())
	r := f.do("", "GET", "/api/events/1/seats", "")
	assert.Equal(t, 200, r.status)
	assert.Equal(t, false, r.doc["holds_known"])
	assert.Equal(t, "database", r.doc["source"])
	assert.Equal(t, "eventflow; fwd=bypass", r.header.Get("Cache-Status"))
	assert.Equal(t, 503, f.status("ana", id).status, "never 404: Redis might know of it")
	f.ledger.put(store.Record{Transaction: ticket.TransactionID(id), User: "ana", Event: 1, Status: ticket.Rejected, Reason: "seat_taken"})
	assert.Equal(t, "rejected", f.status("ana", id).doc["status"])
	list := f.do("ana", "GET", "/api/purchases", "")
	assert.Equal(t, true, list.doc["partial"])
	assert.Len(t, list.doc["purchases"], 1)
	f.ledger.fail(ticket.Unavailable("postgres", errors.New("gone")))
	assert.Equal(t, 503, f.do("ana", "GET", "/api/purchases", "").status)
	require.Eventually(t, func() bool { return f.do("", "GET", "/api/events", "").status == 503 }, time.Second, 10*time.Millisecond)
}

func TestWithoutLedger(t *testing.T) {
	f := start(t)
	for _, c := range [][2]string{{"/api/events", "fwd=miss; stored"}, {"/api/events/1", "fwd=miss; stored"}, {"/api/events/1/seats", "hit"}} {
		r := f.do("", "GET", c[0], "")
		require.Equal(t, 200, r.status)
		assert.Equal(t, "eventflow; "+c[1], r.header.Get("Cache-Status"), "a map with a copied hall is a hit")
		assert.Equal(t, "0", r.header.Get("Age"))
	}
	f.ledger.fail(ticket.Unavailable("postgres", errors.New("gone")))
	id := f.locked("ana", "A-1")
	assert.Equal(t, 202, f.buy("ana", id).status)
	assert.Equal(t, "queued", f.status("ana", id).doc["status"])
	list := f.do("ana", "GET", "/api/purchases", "")
	assert.Equal(t, true, list.doc["partial"])
	assert.Len(t, list.doc["purchases"], 1)
	require.NoError(t, f.rdb.HSet(t.Context(), "cache:sold:1", "stored_at", time.Now().Add(-time.Hour).UnixMilli()).Err())
	require.Eventually(t, func() bool {
		r := f.do("", "GET", "/api/events/1/seats", "")
		return r.header.Get("Cache-Status") == "eventflow; hit; detail=stale" && r.doc["age_seconds"].(float64) > 3500 && r.header.Get("Age") >= "3600"
	}, 2*time.Second, 10*time.Millisecond, "served with its age")
}

func TestAClientWhoLeavesDoesNotStopAPurchase(t *testing.T) {
	f := start(t)
	id := f.locked("ana", "A-1")
	ctx, leave := context.WithCancel(t.Context())
	f.broker.hook = leave
	req := httptest.NewRequest("POST", "/api/purchase", strings.NewReader(fmt.Sprintf(`{"lock_id":%q}`, id))).WithContext(ctx)
	req.Header.Set("Authorization", "Bearer ana")
	f.http.ServeHTTP(httptest.NewRecorder(), req)
	assert.Equal(t, "queued", f.status("ana", id).doc["status"])
}
