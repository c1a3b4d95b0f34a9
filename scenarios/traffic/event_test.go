package traffic

import (
	"net/http"
	"testing"
	"time"

	"eventflow/scenarios/history"

	"github.com/stretchr/testify/require"
)

func TestVersionStandsAtTheEndOfTheName(t *testing.T) {
	for name, want := range map[string]int{
		"Concierto": 0, "Concierto v1": 1, "Concierto v12": 12, "Concierto v2 v13": 13, "": 0,
		"Concierto v": 0, "Concierto vivo": 0, "v7": 0, "Concierto v7 ": 0, "Concierto v-7": 0, "Concierto v99999999999": 0,
	} {
		require.Equal(t, want, versionOf(name), "%q", name)
	}
}

func TestWatchersSeeVersionSourceAndAge(t *testing.T) {
	f := newFakeShop(t, nil)
	p := Open(f.URL, newNotebook()).person(0, time.Second)
	before := p.event(t.Context(), history.Op{Event: 7})
	f.rename("Concierto vivo v4")
	after := p.event(t.Context(), history.Op{Event: 7})
	require.Equal(t, []int{0, 4}, []int{before.Version, after.Version})
	require.Equal(t, history.Event, after.Kind)
	require.Equal(t, "cache", after.Source)
	require.Equal(t, 3*time.Second, after.Age)
	require.Equal(t, history.OK, after.Outcome)
	require.Empty(t, after.Error)
}

func TestWatchersComeEvenly(t *testing.T) {
	h, stats := playUntil(t, newFakeShop(t, nil), Sale{Event: 7, Watchers: 50}, atLeast(5, history.Event, history.OK))
	require.Len(t, only(h.Ops, history.Event), stats.Streams["watchers"].Arrived)
}

func TestAnotherEventThanAskedForIsSeen(t *testing.T) {
	for name, answer := range map[string]map[string]any{
		"breaks the contract": {"id": 8, "name": "Obra", "source": "cache"},
		"field is missing":    {"id": 7, "source": "cache"},
	} {
		f := newFakeShop(t, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			answerJSON(w, http.StatusOK, answer)
			return true
		})
		op := Open(f.URL, newNotebook()).person(0, time.Second).event(t.Context(), history.Op{Event: 7})
		require.Contains(t, op.Error, name)
	}
}
