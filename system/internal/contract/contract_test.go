package contract

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const taken = `{"type":"about:blank","title":"Conflict","status":409,"code":"seat_taken","detail":"","seats":["A-1"]}`

func header(pairs ...string) http.Header {
	h := http.Header{"Content-Type": {"application/problem+json"}, "X-Eventflow-Node": {"app-1"}, "X-Outcome": {"none"}}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			h.Del(pairs[i])
			continue
		}
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func TestTheFileIsValid(t *testing.T) {
	c := Open(t)
	assert.Len(t, c.doc.Paths.Map(), 12)
	assert.Contains(t, c.Promised(), "lockSeats 409 seat_taken")
	assert.Contains(t, c.Promised("purchase"), "purchase 202")
}

// Every error that is documented has a code and an outcome.
func TestEveryErrorHasItsCode(t *testing.T) {
	for _, p := range Open(t).Promised() {
		fields := strings.Fields(p)
		require.GreaterOrEqual(t, len(fields), 2, p)
		if fields[1] >= "400" {
			assert.Len(t, fields, 3, "%s: an error without a code", p)
		}
	}
}

// A checker that accepts everything proves nothing: each of these must be caught.
func TestCheckCatches(t *testing.T) {
	const lock = `{"lock_id":"0b2a4c1e-9b1f-4a55-8a5e-1d9a3c0f6e21","event_id":1,"seats":["A-1"],"amount_cents":1,"expires_at":"2026-05-04T12:00:00Z","expires_in_seconds":600}`
	ok := header("Content-Type", "application/json")
	for _, c := range []struct {
		name, method, path, sent string
		status                   int
		header                   http.Header
		body, want               string
	}{
		{"a refusal", "POST", "/api/seats/lock", "", 409, header(), taken, ""},
		{"a success", "POST", "/api/seats/lock", `{"event_id":1,"seats":["A-1"]}`, 201, ok, lock, ""},
		{"a success nobody may ask for", "POST", "/api/seats/lock", `{"event_id":1,"seats":[]}`, 201, ok, lock, "minimum number of items"},
		{"no outcome", "POST", "/api/seats/lock", "", 409, header("X-Outcome", ""), taken, "X-Outcome"},
		{"a refusal of unknown outcome", "POST", "/api/seats/lock", "", 409, header("X-Outcome", "unknown"), taken, "X-Outcome"},
		{"no node", "POST", "/api/seats/lock", "", 409, header("X-EventFlow-Node", ""), taken, "X-EventFlow-Node"},
		{"no seats", "POST", "/api/seats/lock", "", 409, header(), strings.Replace(taken, "seats", "chairs", 1), "seats"},
		{"plain JSON", "POST", "/api/seats/lock", "", 409, header("Content-Type", "application/json"), taken, "Content-Type"},
		{"a code of somewhere else", "POST", "/api/seats/lock", "", 409, header(), strings.Replace(taken, "seat_taken", "email_taken", 1), "code"},
		{"an undocumented status", "POST", "/api/seats/lock", "", 418, header(), taken, "not supported"},
		{"503 without Retry-After", "GET", "/api/events", "", 503, header(), strings.NewReplacer("409", "503", "seat_taken", "unavailable").Replace(taken), "Retry-After"},
		{"unknown called none", "POST", "/api/seats/lock", "", 503, header("Retry-After", "1"), strings.NewReplacer("409", "503", "seat_taken", "outcome_unknown").Replace(taken), "X-Outcome"},
		{"an empty list without its source", "GET", "/api/events", "", 200, header("Content-Type", "application/json", "Cache-Status", "eventflow; hit", "Age", "0"), `{"events":[]}`, "source"},
		{"nowhere", "GET", "/nowhere", "", 404, header(), strings.NewReplacer("409", "404", "seat_taken", "not_found").Replace(taken), ""},
		{"nowhere, in words", "GET", "/nowhere", "", 404, header(), "404 page not found", "no such operation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, "http://shop"+c.path, strings.NewReader(c.sent))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			err = Open(t).check(req, &http.Response{StatusCode: c.status, Header: c.header}, []byte(c.body))
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestUnseen(t *testing.T) {
	c := Open(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://shop/api/seats/lock", http.NoBody)
	require.NoError(t, err)
	before := c.Unseen("lockSeats")
	c.Check(t, req, &http.Response{StatusCode: 409, Header: header()}, []byte(taken))
	assert.Contains(t, before, "lockSeats 409 seat_taken")
	assert.NotContains(t, c.Unseen("lockSeats"), "lockSeats 409 seat_taken")
	assert.Len(t, c.Unseen("lockSeats"), len(before)-1)
}
