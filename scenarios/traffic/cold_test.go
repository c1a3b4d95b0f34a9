package traffic

import (
	"net/http"
	"testing"
	"time"

	"eventflow/scenarios/history"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestColdReadsNeverAskTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Sale{Event: rapid.IntRange(1, 100_000).Draw(t, "event"), Seed: rapid.Uint64().Draw(t, "seed")}
		seen := map[int]bool{}
		for n := range 500 {
			id := s.coldEvent(n + 1)
			require.False(t, seen[id])
			require.Greater(t, id, lastCold-coldEvents, "far above what is on sale")
			require.LessOrEqual(t, id, lastCold)
			require.Equal(t, id, s.coldEvent(n+1))
			seen[id] = true
		}
	})
}

func TestColdReadIsServedByA404(t *testing.T) {
	h, stats := playUntil(t, newFakeShop(t, nil), Sale{Event: 7, Cold: 50}, atLeast(5, history.Cold, history.Refused))
	reads := only(h.Ops, history.Cold)
	require.Len(t, reads, stats.Streams["cold"].Arrived)
	for _, op := range reads {
		require.Equal(t, history.Refused, op.Outcome)
		require.Equal(t, http.StatusNotFound, op.Code)
		require.Equal(t, "no_event", op.Problem)
		require.Empty(t, op.Error)
	}
}

func TestEventThatDoesNotExistIsNotShown(t *testing.T) {
	f := newFakeShop(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		answerJSON(w, http.StatusOK, map[string]any{"id": 7, "name": "Obra"})
		return true
	})
	op := Open(f.URL, newNotebook()).person(0, time.Second).cold(t.Context(), history.Op{Event: lastCold})
	require.Contains(t, op.Error, "does not exist")
}
