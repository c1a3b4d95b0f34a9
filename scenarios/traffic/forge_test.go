package traffic

import (
	"net/http"
	"testing"
	"time"

	"eventflow/scenarios/history"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// forgeries is everything that forgers try.
func forgeries() []string {
	return []string{"no-token", "no-signature", "other-key", "other-algorithm", "empty-secret", "expired",
		"other-subject", "cut-signature", LongPassword, ForeignLock}
}

// byForgery is the answers to each forgery, by status.
func byForgery(ops []history.Op) map[string]map[int]int {
	out := map[string]map[int]int{}
	for _, op := range only(ops, history.Forge) {
		if out[op.Forgery] == nil {
			out[op.Forgery] = map[int]int{}
		}
		out[op.Forgery][op.Code]++
	}
	return out
}

func TestForgersAreRefused(t *testing.T) {
	h, stats := playUntil(t, newFakeShop(t, nil), Sale{Event: 7, Forgers: 200}, atLeast(40, history.Forge, history.Refused))
	require.Len(t, only(h.Ops, history.Forge), stats.Streams["forgers"].Arrived)
	tried := byForgery(h.Ops)
	require.Len(t, tried, len(forgeries()))
	for _, name := range forgeries() {
		want := http.StatusUnauthorized
		switch name {
		case LongPassword:
			want = http.StatusUnprocessableEntity
		case ForeignLock:
			want = http.StatusForbidden
		}
		require.Len(t, tried[name], 1, name)
		require.Positive(t, tried[name][want], "%s: %v", name, tried[name])
	}
	require.Zero(t, stats.Ops[history.Forge][string(history.OK)])
	release := only(h.Ops, history.Release)
	require.Len(t, release, 1, "the victim held its lock to the end")
	require.Equal(t, history.OK, release[0].Outcome)
	requireOneOpAtATime(t, h.Ops)
}

func TestShopThatHonoursAForgeryIsSeen(t *testing.T) {
	f := newFakeShop(t, nil)
	f.auth.lax = true
	h, _ := playUntil(t, f, Sale{Event: 7, Forgers: 200}, atLeast(20, history.Forge, history.OK))
	tried := byForgery(h.Ops)
	for _, name := range forgeries() {
		require.Positive(t, tried[name][http.StatusOK]+tried[name][http.StatusAccepted], "%s was honoured: %v", name, tried[name])
	}
}

func TestForgersWantASeatThatIsNotForSale(t *testing.T) {
	s := Sale{Event: 7, Seats: 30, Forgers: 50}
	f := newFakeShop(t, nil)
	f.owner["A-31"] = "somebody"
	h, _ := playUntil(t, f, s, atLeast(1, history.Forge, history.Refused))
	locks := only(h.Ops, history.Lock)
	require.Len(t, locks, 2, "the first is taken")
	require.Equal(t, []string{"A-32"}, locks[1].Seats)
}

func TestSaleWithForgersNeedsWhatTheyWant(t *testing.T) {
	for path, complaint := range map[string]string{
		"/api/auth/register": "open the account",
		"/api/auth/guest":    "let a guest in",
		"/api/seats/lock":    "lock a seat for the forgers to want",
	} {
		f := newFakeShop(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if r.URL.Path == path {
				refuse(w, 503, "unavailable", "none")
			}
			return r.URL.Path == path
		})
		_, err := Open(f.URL, newNotebook()).Run(t.Context(), Sale{Event: 7, Forgers: 1})
		require.ErrorContains(t, err, complaint)
	}
}

// A forged token that is wrong in two things proves nothing about either.
func TestForgedTokensAreWrongInOneThing(t *testing.T) {
	f := newFakeShop(t, nil)
	p := Open(f.URL, newNotebook()).person(0, time.Second)
	require.Equal(t, history.OK, p.guest(t.Context(), history.Op{}, "g").Outcome)
	var real jwt.MapClaims
	_, err := jwt.ParseWithClaims(p.token, &real, func(*jwt.Token) (any, error) { return f.auth.key.Public(), nil })
	require.NoError(t, err)
	tokens, err := forged(p.token, stream(1, "forger", 0), time.Now())
	require.NoError(t, err)
	twin, err := forged(p.token, stream(1, "forger", 0), time.Now())
	require.NoError(t, err)
	require.Equal(t, tokens, twin, "a function of the seed and the real token")
	algorithms := map[string]string{"no-signature": "none", "other-key": "EdDSA", "other-algorithm": "HS256",
		"empty-secret": "HS256", "expired": "EdDSA", "other-subject": "EdDSA", "cut-signature": "EdDSA"}
	for _, token := range tokens[1:] {
		var claims jwt.MapClaims
		head, _, err := jwt.NewParser().ParseUnverified(token.text, &claims)
		require.NoError(t, err, token.forgery)
		require.Equal(t, algorithms[token.forgery], head.Method.Alg(), token.forgery)
		require.Equal(t, token.forgery != "expired", claims["exp"] == real["exp"], token.forgery)
		require.Equal(t, token.forgery != "other-subject", claims["sub"] == real["sub"], token.forgery)
		require.Equal(t, real["iss"], claims["iss"])
		require.Equal(t, real["aud"], claims["aud"])
	}
	require.Len(t, tokens, len(algorithms)+1)
}

func TestTokenThatIsNoneCannotBeForged(t *testing.T) {
	_, err := forged("t", stream(1, "forger", 0), time.Now())
	require.ErrorContains(t, err, "read a token to forge")
}
