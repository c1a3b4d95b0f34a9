package traffic

import (
	"net/http"
	"strings"
	"testing"

	"eventflow/scenarios/history"

	"github.com/stretchr/testify/require"
)

// Once the guests are in, auth is gone; the sale goes on to the end.
func TestOldTokensBuyWithoutAuth(t *testing.T) {
	f := newFakeShop(t, func(w http.ResponseWriter, r *http.Request, nth int) bool {
		gone := strings.HasPrefix(r.URL.Path, "/api/auth/") && nth > oldTokens
		if gone {
			refuse(w, 503, "unavailable", "none")
		}
		return gone
	})
	s := quickSale()
	s.OldTokens, s.RegisterShare, s.Registers, s.Readers, s.HotShare = true, 0, 0, 0, 0
	h, _ := playUntil(t, f, s, atLeast(5, history.Purchase, history.OK))
	ops := h.Ops
	enters := only(ops, history.Enter)
	require.Len(t, enters, oldTokens, "nobody enters during the sale")
	require.Empty(t, only(ops, history.Register))
	for _, op := range ops {
		require.NotContains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, op.Code, "%+v", op)
		if op.Kind == history.Purchase && op.Outcome == history.OK {
			require.Less(t, enters[oldTokens-1].Return, op.Call)
		}
	}
}

func TestBuyersDrawTheirGuest(t *testing.T) {
	s := busySale()
	drawn := map[int]int{}
	for k := range 1000 {
		drawn[s.choose(k+1, 40).guest]++
	}
	require.Len(t, drawn, oldTokens, "every guest is somebody's")
}

func TestSaleWithOldTokensNeedsGuests(t *testing.T) {
	f := newFakeShop(t, func(w http.ResponseWriter, r *http.Request, nth int) bool {
		late := r.URL.Path == "/api/auth/guest" && nth == oldTokens
		if late {
			refuse(w, 503, "unavailable", "none")
		}
		return late
	})
	_, err := Open(f.URL, newNotebook()).Run(t.Context(), Sale{Event: 7, OldTokens: true})
	require.ErrorContains(t, err, "let a guest in before the sale")
}
