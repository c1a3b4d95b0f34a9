package scenarios_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// buyer is a person with a browser: an address and, once in, a token.
type buyer struct {
	t     *testing.T
	shop  string
	token string
}

type answer struct {
	Code    int
	Header  http.Header
	Body    map[string]any
	RawBody string
}

func (b buyer) ask(method, path string, body any) answer {
	b.t.Helper()
	var payload io.Reader
	if text, ok := body.(string); ok {
		payload = strings.NewReader(text)
	} else if body != nil {
		encoded, err := json.Marshal(body)
		require.NoError(b.t, err)
		payload = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.shop+path, payload)
	require.NoError(b.t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if b.token != "" {
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Do(req)
	require.NoError(b.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	a := answer{Code: res.StatusCode, Header: res.Header, RawBody: string(raw)}
	if len(raw) > 0 && strings.Contains(res.Header.Get("Content-Type"), "json") {
		require.NoError(b.t, json.Unmarshal(raw, &a.Body), "answer %s", raw)
	}
	return a
}

func (a answer) text(key string) string { return fmt.Sprint(a.Body[key]) }

// TestLifeCycle follows one purchase from the account to the row in PostgreSQL.
func TestLifeCycle(t *testing.T) {
	e := endpoints(t)
	ana := buyer{t: t, shop: e.Shop}
	email := fmt.Sprintf("ana-%d@example.org", time.Now().UnixNano())

	registered := ana.ask("POST", "/api/auth/register", map[string]string{"email": email, "password": "correct horse", "name": "Ana"})
	require.Equal(t, 201, registered.Code, registered.RawBody)
	ana.token = registered.text("token")
	again := ana.ask("POST", "/api/auth/register", map[string]string{"email": email, "password": "correct horse", "name": "Ana"})
	assert.Contains(t, []int{201, 409}, again.Code, "a second registration must not make a second account")
	login := ana.ask("POST", "/api/auth/login", map[string]string{"email": email, "password": "correct horse"})
	require.Equal(t, 200, login.Code, login.RawBody)
	assert.Equal(t, 401, ana.ask("POST", "/api/auth/login", map[string]string{"email": email, "password": "wrong horse"}).Code)

	seats := freeSeats(t, ana, 999, 2)
	lock := ana.ask("POST", "/api/seats/lock", map[string]any{"event_id": 999, "seats": seats})
	require.Equal(t, 201, lock.Code, lock.RawBody)

	guest := buyer{t: t, shop: e.Shop}
	guest.token = guest.ask("POST", "/api/auth/guest", map[string]string{"nickname": "Luis"}).text("token")
	conflict := guest.ask("POST", "/api/seats/lock", map[string]any{"event_id": 999, "seats": seats[:1]})
	assert.Equal(t, 409, conflict.Code, conflict.RawBody)
	assert.Equal(t, "seat_taken", conflict.text("code"))
	foreign := guest.ask("POST", "/api/purchase", map[string]any{"lock_id": lock.text("lock_id")})
	assert.Equal(t, 403, foreign.Code, "a lock of somebody else's buys nothing: %s", foreign.RawBody)

	bought := ana.ask("POST", "/api/purchase", map[string]any{"lock_id": lock.text("lock_id")})
	require.Equal(t, 202, bought.Code, bought.RawBody)
	assert.Equal(t, "ACCEPTED_ASYNC", bought.text("status"))
	tx := bought.text("transaction_id")
	repeated := ana.ask("POST", "/api/purchase", map[string]any{"lock_id": lock.text("lock_id")})
	assert.Equal(t, 202, repeated.Code)
	assert.Equal(t, tx, repeated.text("transaction_id"), "a retry is the same purchase")

	assert.Eventually(t, func() bool { return ana.ask("GET", "/api/purchases/"+tx, nil).text("status") == "confirmed" },
		10*time.Second, 50*time.Millisecond, "the purchase must be confirmed")
	assert.Equal(t, 404, guest.ask("GET", "/api/purchases/"+tx, nil).Code, "nobody else learns of it")
	row := ledgerRow(t, e.Observer, tx)
	assert.Equal(t, "CONFIRMED", row.status)
	assert.ElementsMatch(t, seats, row.seats)
	assert.Equal(t, 1, row.rows, "one row, however often it was asked for")
}

// freeSeats names n seats that the map shows as free.
func freeSeats(t *testing.T, b buyer, event, n int) []string {
	t.Helper()
	res := b.ask("GET", fmt.Sprintf("/api/events/%d/seats", event), nil)
	require.Equal(t, 200, res.Code, res.RawBody)
	var hall struct {
		Sections []struct {
			Rows []struct {
				Seats []struct{ ID, State string }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(res.RawBody), &hall))
	var free []string
	for _, s := range hall.Sections {
		for _, r := range s.Rows {
			for _, seat := range r.Seats {
				if seat.State == "free" && len(free) < n {
					free = append(free, seat.ID)
				}
			}
		}
	}
	require.Len(t, free, n, "event %d has too few free seats", event)
	return free
}

type ledgerEntry struct {
	rows   int
	status string
	seats  []string
}

func ledgerRow(t *testing.T, dsn, tx string) ledgerEntry {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var e ledgerEntry
	require.NoError(t, conn.QueryRow(t.Context(), `select count(*) over (), status, seats from purchases where transaction_id = $1`, tx).
		Scan(&e.rows, &e.status, &e.seats))
	return e
}

// TestBadInput asks for what the shop must refuse, by way of nginx: each refusal
// says what was wrong and that nothing happened.
func TestBadInput(t *testing.T) {
	e := endpoints(t)
	guest := buyer{t: t, shop: e.Shop}
	entered := guest.ask("POST", "/api/auth/guest", map[string]string{"nickname": "Eva"})
	require.Equal(t, 200, entered.Code, entered.RawBody)
	guest.token = entered.text("token")
	forged := guest
	forged.token = guest.token[:len(guest.token)-8] + "AAAAAAAA"
	lockID := "00000000-0000-4000-8000-000000000000"

	cases := []struct {
		name, method, path string
		who                buyer
		body               any
		code               int
		problem            string
	}{
		{"wrong JSON", "POST", "/api/seats/lock", guest, `{"event_id":`, 400, "malformed_json"},
		{"unknown field", "POST", "/api/purchase", guest, `{"lock_id":"` + lockID + `","user_id":"somebody"}`, 400, "malformed_json"},
		{"oversized body", "POST", "/api/purchase", guest, `{"lock_id":"` + strings.Repeat("x", 40_000) + `"}`, 413, "body_too_large"},
		{"no token", "POST", "/api/purchase", buyer{t: t, shop: e.Shop}, map[string]string{"lock_id": lockID}, 401, "unauthorized"},
		{"forged token", "POST", "/api/purchase", forged, map[string]string{"lock_id": lockID}, 401, "unauthorized"},
		{"unknown lock", "POST", "/api/purchase", guest, map[string]string{"lock_id": lockID}, 404, "no_lock"},
		{"unknown event", "GET", "/api/events/4711/seats", guest, nil, 404, "no_event"},
		{"unknown seat", "POST", "/api/seats/lock", guest, map[string]any{"event_id": 999, "seats": []string{"ZZ-99"}}, 404, "no_seat"},
		{"no seats", "POST", "/api/seats/lock", guest, map[string]any{"event_id": 999, "seats": []string{}}, 422, "invalid_request"},
		{"unknown route", "GET", "/api/nowhere", guest, nil, 404, "not_found"},
		{"wrong method", "DELETE", "/api/events", guest, nil, 405, "method_not_allowed"},
		{"long password", "POST", "/api/auth/register", guest, map[string]string{"email": "a@example.org", "password": strings.Repeat("p", 73), "name": "A"}, 422, "invalid_request"},
		{"long password at login", "POST", "/api/auth/login", guest, map[string]string{"email": "a@example.org", "password": strings.Repeat("p", 73)}, 422, "invalid_request"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.who.t = t
			a := c.who.ask(c.method, c.path, c.body)
			assert.Equal(t, c.code, a.Code, a.RawBody)
			assert.Equal(t, c.problem, a.text("code"), a.RawBody)
			assert.Equal(t, "none", a.Header.Get("X-Outcome"))
			assert.NotEmpty(t, a.text("detail"), "a refusal says why")
			assert.Contains(t, a.Header.Get("Content-Type"), "application/problem+json")
		})
	}
}
