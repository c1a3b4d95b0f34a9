package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"eventflow/system/internal/ticket"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWrite(t *testing.T) {
	for _, c := range []struct {
		err     error
		status  int
		code    string
		outcome string
	}{
		{fmt.Errorf("lock: %w", ticket.ErrSeatTaken), 409, "seat_taken", "none"},
		{fmt.Errorf("%w: 9 seats", ticket.ErrInvalid), 422, "invalid_request", "none"},
		{ticket.ErrLockLapsed, 410, "lock_lapsed", "none"},
		{ticket.Unavailable("postgres", io.EOF), 503, "database_unavailable", "none"},
		{fmt.Errorf("read: %w", ticket.Unavailable("redis", io.EOF)), 503, "redis_unavailable", "none"},
		{ticket.Unavailable("rabbitmq", io.EOF), 503, "queue_unavailable", "none"},
		{ticket.ErrUnavailable, 503, "unavailable", "none"},
		{ticket.Unknown("rabbitmq", io.EOF), 503, "outcome_unknown", "unknown"},
		{errors.Join(ticket.ErrSeatTaken, ticket.Unknown("redis", io.EOF)), 503, "outcome_unknown", "unknown"},
		{errors.New("surprise"), 500, "internal", "unknown"},
		{New(418, "teapot", "x").With("seats", []string{"A-1"}), 418, "teapot", "none"},
	} {
		t.Run(c.code, func(t *testing.T) {
			w := httptest.NewRecorder()
			Write(w, c.err)
			assert.Equal(t, c.status, w.Code)
			assert.Equal(t, c.outcome, w.Header().Get("X-Outcome"))
			assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			assert.Equal(t, c.status == 503, w.Header().Get("Retry-After") == "1")
			var body map[string]any
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
			assert.Equal(t, c.code, body["code"])
			assert.Equal(t, "about:blank", body["type"])
			assert.NotContains(t, w.Body.String(), "EOF", "causes stay in the log")
		})
	}
}

func TestWithLeavesTheOriginalAlone(t *testing.T) {
	p := New(409, "seat_taken", "x")
	assert.Equal(t, []string{"A-1"}, p.With("seats", []string{"A-1"}).Extra["seats"])
	assert.Empty(t, p.Extra)
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"good", `{"a":1}`, 0},
		{"trailing space", `{"a":1} ` + "\n", 0},
		{"empty", ``, 400},
		{"cut", `{"a":`, 400},
		{"unknown field", `{"a":1,"b":2}`, 400},
		{"wrong type", `{"a":"1"}`, 400},
		{"two values", `{"a":1}{"a":2}`, 400},
		{"rubbish behind", `{"a":1}]`, 400},
		{"too long", `{"a":1,"c":"` + strings.Repeat("x", MaxBody) + `"}`, 413},
		{"too long behind", `{"a":1}` + strings.Repeat(" ", MaxBody), 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v struct {
				A int    `json:"a"`
				C string `json:"c"`
			}
			err := Decode(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body)), &v)
			if c.status == 0 {
				require.NoError(t, err)
				return
			}
			assert.Equal(t, c.status, From(err).Status)
			assert.Equal(t, None, From(err).Outcome)
		})
	}
}
