package traffic

import (
	"math"
	"net/http"
	"testing"
	"time"

	"eventflow/scenarios/history"

	"github.com/stretchr/testify/require"
)

func TestOneMemberLogsInAgainAndAgain(t *testing.T) {
	f := newFakeShop(t, nil)
	h, stats := playUntil(t, f, Sale{Event: 7, Logins: 40}, atLeast(5, history.Login, history.OK))
	ops := h.Ops
	logins := only(ops, history.Login)
	require.Len(t, logins, stats.Streams["logins"].Arrived)
	require.Len(t, only(ops, history.Register), 1)
	require.Less(t, only(ops, history.Register)[0].Return, logins[0].Call, "opened before the doors")
	for _, op := range logins {
		require.Equal(t, history.OK, op.Outcome, "with the account's own password")
	}
}

func TestLongestNameLeavesRoomForThePassword(t *testing.T) {
	r := &run{shop: Open("http://127.0.0.1:1", newNotebook()), sale: Sale{Event: math.MaxInt32, Seed: math.MaxUint64, Timeout: time.Second}}
	require.ErrorContains(t, r.openAccount(t.Context()), "open the account")
	require.Len(t, r.member.password, longest)
}

func TestSaleWithLoginsNeedsAnAccount(t *testing.T) {
	f := newFakeShop(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path == "/api/auth/register" {
			refuse(w, 503, "database_unavailable", "none")
			return true
		}
		return false
	})
	_, err := Open(f.URL, newNotebook()).Run(t.Context(), Sale{Event: 7, Logins: 1})
	require.ErrorContains(t, err, "open the account of the sale's member")
	require.ErrorContains(t, err, "database_unavailable")
}
