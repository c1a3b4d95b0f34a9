package contract_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"eventflow/system/internal/problem"
	"eventflow/system/internal/serve"
	"eventflow/system/internal/servertest"
	"eventflow/system/internal/store"
	"eventflow/system/internal/ticket"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
)

const (
	someLock  = "0b2a4c1e-9b1f-4a55-8a5e-1d9a3c0f6e21"
	ana       = `{"email":"ana@example.org","password":"correct horse","name":"Ana"}`
	anaLogin  = `{"email":"ana@example.org","password":"correct horse"}`
	seatA1    = `{"event_id":999,"seats":["A-1"]}`
	lockPath  = "/api/seats/lock"
	thatLock  = "/api/seats/lock/" + someLock
	malformed = `{"`
)

// TestEveryPromiseIsKept drives the real handlers into every answer that the
// contract documents, and holds each against it.
func TestEveryPromiseIsKept(t *testing.T) {
	s := open(t)
	for _, part := range []struct {
		name string
		play func(*shop)
	}{
		{"accounts", accounts}, {"accounts in trouble", accountsInTrouble}, {"catalogue", catalogue}, {"locks", locks},
		{"purchases", purchases}, {"refused bodies", bodies}, {"tokens", tokens}, {"outages", outages}, {"panics", panics},
	} {
		t.Run(part.name, func(t *testing.T) {
			outer := s.t
			s.t = t
			defer func() { s.t = outer }()
			part.play(s)
		})
	}
	assert.Empty(t, s.contract.Unseen(), "promised, never seen: keep the promise, or take it out of the contract")
}

func accounts(s *shop) {
	s.want("201", "POST", "/api/auth/register", "", ana)
	s.want("200", "POST", "/api/auth/login", "", anaLogin)
	s.want("401 wrong_credentials", "POST", "/api/auth/login", "", strings.Replace(anaLogin, "correct", "another", 1))
	s.want("409 email_taken", "POST", "/api/auth/register", "", strings.Replace(ana, "correct", "another", 1))
	s.want("422 invalid_request", "POST", "/api/auth/register", "", strings.Replace(ana, "correct horse", "short", 1))
	s.want("422 invalid_request", "POST", "/api/auth/login", "", strings.Replace(anaLogin, "correct", strings.Repeat("x", 73), 1))
	s.want("422 invalid_request", "POST", "/api/auth/guest", "", `{"nickname":" "}`)
	s.want("404 not_found", "GET", "/api/nowhere", "", "")
	s.want("405 method_not_allowed", "DELETE", "/api/events", "", "")
}

func accountsInTrouble(s *shop) {
	eva := strings.Replace(ana, "ana@", "eva@", 1)
	s.create = func(rows *store.Store) {
		// A connection that is there already: on a new one, nothing would be obeyed.
		assert.NoError(s.t, rows.CreateUser(s.t.Context(), store.User{ID: uuid.NewString(), Email: uuid.NewString(), Name: "x", PasswordHash: "x"}))
		s.pg.LoseReplies()
	}
	s.want("503 outcome_unknown", "POST", "/api/auth/register", "", eva)
	s.create = func(*store.Store) {}
	s.pg.Heal(s.t)
	servertest.WaitFor(s.t, 5*time.Second, func(context.Context) error {
		if a := s.do("POST", "/api/auth/register", "", eva); a.status != http.StatusCreated {
			return errors.New(a.text("code"))
		}
		return nil
	})
	s.busy("/api/auth/login", anaLogin)
	s.busy("/api/auth/register", ana)
	s.pg.Cut(s.t)
	for path, body := range map[string]string{"/api/auth/register": ana, "/api/auth/login": anaLogin} {
		begun := time.Now()
		s.want("503 database_unavailable", "POST", path, "", body)
		assert.Less(s.t, time.Since(begun), 500*time.Millisecond, "without PostgreSQL %s is refused fast", path)
	}
	s.guest()
	s.pg.Heal(s.t)
	s.restart()
	// Silence is found out by the look-up's own deadline, before any hashing.
	s.pg.Hang()
	begun := time.Now()
	s.want("503 database_unavailable", "POST", "/api/auth/register", "", ana)
	assert.Less(s.t, time.Since(begun), 700*time.Millisecond, "400 ms, and what a busy machine adds")
	s.pg.Heal(s.t)
	s.restart()
}

// busy asks from several sides at once until somebody is turned away.
func (s *shop) busy(path, body string) {
	s.t.Helper()
	servertest.WaitFor(s.t, 20*time.Second, func(context.Context) error {
		codes := make(chan string)
		for range 4 {
			go func() { codes <- s.do("POST", path, "", body).text("code") }()
		}
		turnedAway := false
		for range 4 {
			turnedAway = <-codes == "busy" || turnedAway
		}
		if !turnedAway {
			return errors.New("nobody was turned away")
		}
		return nil
	})
}

func catalogue(s *shop) {
	s.want("200", "GET", "/api/events", "", "")
	s.want("200", "GET", "/api/events/999", "", "")
	first := s.want("200", "GET", "/api/events/999/seats", "", "")
	assert.Equal(s.t, true, first.body["holds_known"])
	s.want("200", "GET", "/api/events/999/seats", "", "")
	for _, id := range []string{"7", "0", "x", "99999999999"} {
		s.want("404 no_event", "GET", "/api/events/"+id, "", "")
		s.want("404 no_event", "GET", "/api/events/"+id+"/seats", "", "")
	}
}

func locks(s *shop) {
	me, other := s.guest(), s.guest()
	mine := s.lock(me, "A-1")
	s.want("409 seat_taken", "POST", lockPath, other, seatA1)
	s.want("404 no_event", "POST", lockPath, me, `{"event_id":7,"seats":["A-1"]}`)
	s.want("404 no_seat", "POST", lockPath, me, `{"event_id":999,"seats":["Z-999"]}`)
	s.want("422 invalid_request", "POST", lockPath, me, `{"event_id":999,"seats":[]}`)
	repeat := `{"event_id":999,"seats":["A-2","A-3"],"request_id":"` + someLock + `"}`
	assert.Equal(s.t, s.want("201", "POST", lockPath, me, repeat).text("lock_id"), s.want("201", "POST", lockPath, me, repeat).text("lock_id"))

	s.want("200", "POST", lockPath+"/"+mine+"/extend", me, "")
	s.want("403 not_owner", "POST", lockPath+"/"+mine+"/extend", other, "")
	s.want("403 not_owner", "DELETE", lockPath+"/"+mine, other, "")
	s.want("404 no_lock", "POST", thatLock+"/extend", me, "")
	s.want("404 no_lock", "DELETE", thatLock, me, "")
	s.want("204", "DELETE", lockPath+"/"+mine, me, "")

	late := s.lock(me, "A-4")
	s.lapse("A-4")
	s.want("410 lock_lapsed", "POST", lockPath+"/"+late+"/extend", me, "")
	s.want("410 lock_lapsed", "POST", "/api/purchase", me, `{"lock_id":"`+late+`"}`)
	again := s.lock(me, "A-5")
	s.lapse("A-5")
	s.do("DELETE", lockPath+"/"+again, me, "")

	bought := s.lock(me, "A-6")
	s.buy(me, bought)
	s.want("409 lock_in_use", "POST", lockPath+"/"+bought+"/extend", me, "")
	s.want("409 lock_in_use", "DELETE", lockPath+"/"+bought, me, "")

	unsure := s.lock(me, "A-7")
	s.lost = ticket.Unknown("redis", io.EOF)
	s.want("503 outcome_unknown", "POST", lockPath, me, `{"event_id":999,"seats":["A-8"]}`)
	s.want("503 outcome_unknown", "POST", lockPath+"/"+unsure+"/extend", me, "")
	s.want("503 outcome_unknown", "DELETE", lockPath+"/"+unsure, me, "")
	s.lost = nil
}

func purchases(s *shop) {
	me, other := s.guest(), s.guest()
	buy := func(lock string) string { return `{"lock_id":"` + lock + `"}` }
	lock := s.lock(me, "B-1")
	s.want("403 not_owner", "POST", "/api/purchase", other, buy(lock))
	s.want("404 no_lock", "POST", "/api/purchase", me, buy(someLock))
	s.want("422 invalid_request", "POST", "/api/purchase", me, `{}`)
	tx := s.buy(me, lock)
	assert.Equal(s.t, ticket.TransactionID(lock), tx)
	assert.Equal(s.t, tx, s.buy(me, lock), "a retry is the same purchase")
	assert.Equal(s.t, "queued", s.want("200", "GET", "/api/purchases/"+tx, me, "").text("status"))
	s.want("404 no_purchase", "GET", "/api/purchases/"+tx, other, "")
	s.want("404 no_purchase", "GET", "/api/purchases/"+someLock, me, "")
	s.want("404 no_purchase", "GET", "/api/purchases/x", me, "")
	s.settle(tx, ticket.Confirmed, "")
	assert.Equal(s.t, "confirmed", s.want("200", "GET", "/api/purchases/"+tx, me, "").text("status"))

	loser := s.lock(me, "B-2")
	lost := s.buy(me, loser)
	s.settle(lost, ticket.Rejected, "seat_taken")
	assert.Equal(s.t, "seat_taken", s.want("200", "GET", "/api/purchases/"+lost, me, "").text("reason"))
	s.want("409 purchase_rejected", "POST", "/api/purchase", me, buy(loser))
	s.want("200", "GET", "/api/purchases", me, "")

	refused := s.lock(me, "B-3")
	s.broker = ticket.Unavailable("rabbitmq", io.EOF)
	s.want("503 queue_unavailable", "POST", "/api/purchase", me, buy(refused))
	s.broker = ticket.Unknown("rabbitmq", io.EOF)
	a := s.want("503 outcome_unknown", "POST", "/api/purchase", me, buy(refused))
	assert.Equal(s.t, ticket.TransactionID(refused), a.text("transaction_id"))
	s.want("503 outcome_unknown", "GET", "/api/purchases/"+a.text("transaction_id"), me, "")
	assert.Equal(s.t, true, s.want("200", "GET", "/api/purchases", me, "").body["partial"])
	s.broker = nil
	s.buy(me, refused)
}

func bodies(s *shop) {
	me := s.guest()
	big := `{"x":"` + strings.Repeat("x", problem.MaxBody) + `"}`
	for _, path := range []string{"/api/auth/register", "/api/auth/login", "/api/auth/guest", lockPath, "/api/purchase"} {
		s.want("400 malformed_json", "POST", path, me, malformed)
		s.want("400 malformed_json", "POST", path, me, `{"unheard_of":1}`)
		s.want("413 body_too_large", "POST", path, me, big)
	}
}

func tokens(s *shop) {
	for _, bearer := range []string{"", "a.b.c", s.guest() + "x"} {
		s.want("401 unauthorized", "POST", lockPath, bearer, seatA1)
		s.want("401 unauthorized", "POST", thatLock+"/extend", bearer, "")
		s.want("401 unauthorized", "DELETE", thatLock, bearer, "")
		s.want("401 unauthorized", "POST", "/api/purchase", bearer, `{}`)
		s.want("401 unauthorized", "GET", "/api/purchases", bearer, "")
		s.want("401 unauthorized", "GET", "/api/purchases/"+someLock, bearer, "")
	}
}

// reads are the calls of the catalogue.
func reads() []string { return []string{"/api/events", "/api/events/999", "/api/events/999/seats"} }

func outages(s *shop) {
	me := s.guest()
	// PostgreSQL alone: the copies in Redis stand in, locks and purchases go on.
	s.pg.Cut(s.t)
	s.restart()
	for _, path := range reads() {
		assert.Equal(s.t, "cache", s.want("200", "GET", path, "", "").text("source"), path)
	}
	s.buy(me, s.lock(me, "C-1"))
	s.want("200", "GET", "/api/purchases", me, "")
	// PostgreSQL, and nothing was ever copied.
	forget(s)
	s.restart()
	for _, path := range reads() {
		s.want("503 database_unavailable", "GET", path, "", "")
	}
	s.want("503 database_unavailable", "POST", lockPath, me, seatA1)
	// Both.
	s.redis.Cut(s.t)
	s.restart()
	for _, path := range reads() {
		s.do("GET", path, "", "")
	}
	s.do("POST", lockPath, me, seatA1)
	s.do("GET", "/api/purchases", me, "")
	s.do("GET", "/api/purchases/"+someLock, me, "")
	// Redis alone.
	s.pg.Heal(s.t)
	s.restart()
	for _, path := range reads() {
		assert.Equal(s.t, "database", s.want("200", "GET", path, "", "").text("source"), path)
	}
	s.want("503 redis_unavailable", "POST", lockPath, me, seatA1)
	s.want("503 redis_unavailable", "POST", thatLock+"/extend", me, "")
	s.want("503 redis_unavailable", "DELETE", thatLock, me, "")
	s.want("503 redis_unavailable", "POST", "/api/purchase", me, `{"lock_id":"`+someLock+`"}`)
	assert.Equal(s.t, true, s.want("200", "GET", "/api/purchases", me, "").body["partial"])
	s.redis.Heal(s.t)
	s.restart()
}

// forget takes the copies out of Redis, and leaves the locks.
func forget(s *shop) {
	s.t.Helper()
	keys, err := s.rdb.Keys(s.t.Context(), "cache:*").Result()
	if err == nil && len(keys) > 0 {
		err = s.rdb.Del(s.t.Context(), keys...).Err()
	}
	assert.NoError(s.t, err)
}

// panics lets every operation break: the answer is the same problem everywhere.
func panics(s *shop) {
	service := serve.New("app", serve.Config{Node: "app-1"}, io.Discard)
	service.Router.HandleFunc("/*", func(http.ResponseWriter, *http.Request) { panic("broken on purpose") })
	for _, c := range []struct{ method, path string }{
		{"POST", "/api/auth/register"}, {"POST", "/api/auth/login"}, {"POST", "/api/auth/guest"}, {"GET", "/api/events"}, {"GET", "/api/events/999"},
		{"GET", "/api/events/999/seats"}, {"POST", lockPath}, {"POST", thatLock + "/extend"}, {"DELETE", thatLock}, {"POST", "/api/purchase"},
		{"GET", "/api/purchases"}, {"GET", "/api/purchases/" + someLock},
	} {
		req := httptest.NewRequest(c.method, "http://shop"+c.path, nil)
		w := httptest.NewRecorder()
		service.Handler().ServeHTTP(w, req)
		s.contract.Check(s.t, req, w.Result(), w.Body.Bytes())
	}
}
