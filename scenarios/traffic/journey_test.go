package traffic

import (
	"net/http"
	"strings"
	"testing"

	"eventflow/scenarios/history"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestJourneyTriesEverythingOnce(t *testing.T) {
	f, notes := newFakeShop(t, nil), newNotebook()
	shop := Open(f.URL, notes)
	require.NoError(t, shop.Journey(t.Context(), 7, ""))
	require.NoError(t, shop.Journey(t.Context(), 7, f.URL+"/"), "a node of its own")
	require.NoError(t, Journey(t.Context(), f.URL, 7, notes), "in a shop of its own")
	ops := notes.ops(t)
	for _, kind := range []history.Kind{history.Register, history.Login, history.Enter, history.Events, history.Seats,
		history.Lock, history.Extend, history.Release, history.Purchase, history.Status} {
		require.NotEmpty(t, only(ops, kind), kind)
	}
	require.Len(t, only(ops, history.Lock), 9)
	processes := map[int]bool{}
	for _, op := range ops {
		processes[op.Process] = true
	}
	require.Len(t, processes, 6, "two people per journey, none of them twice")
}

func TestJourneyNamesTheStepThatFailed(t *testing.T) {
	for step, c := range map[string]struct {
		path   string
		answer func(http.ResponseWriter)
	}{
		"account":  {"/api/auth/register", func(w http.ResponseWriter) { refuse(w, 503, "database_unavailable", "none") }},
		"seat map": {"/api/events/7/seats", func(w http.ResponseWriter) { refuse(w, 503, "unavailable", "none") }},
		"extend":   {"/extend", func(w http.ResponseWriter) { refuse(w, 410, "lock_lapsed", "none") }},
		"purchase": {"/api/purchase", func(w http.ResponseWriter) {
			answerJSON(w, 202, map[string]string{"status": "ACCEPTED_ASYNC", "transaction_id": uuid.NewString()})
		}},
		"status": {"/api/purchases/", func(w http.ResponseWriter) { answerJSON(w, 200, map[string]string{"status": "rejected"}) }},
	} {
		f := newFakeShop(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
			hit := strings.Contains(r.URL.Path, c.path) && !(step == "purchase" && r.URL.Path != c.path)
			if hit {
				c.answer(w)
			}
			return hit
		})
		err := Open(f.URL, newNotebook()).Journey(t.Context(), 7, "")
		require.ErrorContains(t, err, "journey: "+step, step)
	}
}

// A shop that lets two people hold one seat passes every step but this one.
func TestJourneySeesASeatLockedTwice(t *testing.T) {
	f := newFakeShop(t, nil)
	err := Open(forgetful(t, f), newNotebook()).Journey(t.Context(), 7, "")
	require.ErrorContains(t, err, "second lock of the same seat: wanted refused 409")
}

// forgetful forgets who holds what before each lock.
func forgetful(t *testing.T, f *fakeShop) string {
	t.Helper()
	f.before = func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path == "/api/seats/lock" {
			f.mu.Lock()
			clear(f.owner)
			f.mu.Unlock()
		}
		return false
	}
	return f.URL
}
