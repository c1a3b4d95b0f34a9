package traffic

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"eventflow/scenarios/history"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// buyOnce sends one purchase to a shop that answers it so, after an op that
// leaves a kept connection behind.
func buyOnce(t *testing.T, answer func(w http.ResponseWriter)) (*person, history.Op) {
	t.Helper()
	f := newFakeShop(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if isPurchase(r) {
			answer(w)
		}
		return isPurchase(r)
	})
	shop := Open(f.URL, newNotebook())
	t.Cleanup(shop.Close)
	p := shop.person(1, time.Second)
	require.Equal(t, history.OK, p.guest(t.Context(), history.Op{}, "g").Outcome)
	op := p.purchase(t.Context(), history.Op{Event: 7, LockID: uuid.NewString()})
	require.Equal(t, 1, f.seen("POST /api/purchase"), "an op is one request")
	return p, op
}

func TestOutcomeOfAPurchase(t *testing.T) {
	for name, c := range map[string]struct {
		answer  func(http.ResponseWriter)
		want    history.Outcome
		problem string
	}{
		"503 none is a refusal": {func(w http.ResponseWriter) { refuse(w, 503, "queue_unavailable", "none") }, history.Refused, "queue_unavailable"},
		"503 unknown":           {func(w http.ResponseWriter) { refuse(w, 503, "outcome_unknown", "unknown") }, history.Unknown, "outcome_unknown"},
		"503 without a claim":   {func(w http.ResponseWriter) { w.WriteHeader(503) }, history.Unknown, ""},
		"nginx's 504":           {func(w http.ResponseWriter) { w.WriteHeader(504) }, history.Unknown, ""},
		"409 is a refusal":      {func(w http.ResponseWriter) { refuse(w, 409, "purchase_rejected", "none") }, history.Refused, "purchase_rejected"},
		"a hung answer":         {func(http.ResponseWriter) { <-time.After(1500 * time.Millisecond) }, history.Unknown, ""},
		"cut before the answer": {hangUp, history.Unknown, ""},
		"unreadable 202":        {func(w http.ResponseWriter) { w.WriteHeader(202); fmt.Fprint(w, "<html>") }, history.Unknown, ""},
		"cut inside the answer": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(202)
			fmt.Fprint(w, `{"status":`)
		}, history.Unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, op := buyOnce(t, c.answer)
			require.Equal(t, c.want, op.Outcome, "%+v", op)
			require.Equal(t, c.problem, op.Problem)
			require.Equal(t, TransactionID(op.LockID), op.Transaction, "a lost answer has a transaction too")
			require.Equal(t, c.want == history.Unknown, p.process != op.Process, "a process is retired after unknown, and only then")
		})
	}
}

func TestAnotherTransactionThanTheContractsIsSeen(t *testing.T) {
	_, op := buyOnce(t, func(w http.ResponseWriter) {
		answerJSON(w, 202, map[string]any{"status": "ACCEPTED_ASYNC", "transaction_id": uuid.NewString()})
	})
	require.Equal(t, history.OK, op.Outcome)
	require.Equal(t, TransactionID(op.LockID), op.Transaction, "the ledger is searched for what was promised")
	require.Contains(t, op.Error, "breaks the contract")
}

func TestRequestThatNeverLeftIsARefusal(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close()) // nobody listens there now
	shop := Open("http://"+listener.Addr().String(), newNotebook())
	op := shop.person(1, time.Second).purchase(t.Context(), history.Op{LockID: uuid.NewString()})
	require.Equal(t, history.Refused, op.Outcome)
	require.Zero(t, op.Code)
	require.Contains(t, op.Error, "refused")
}

// A kept connection that dies under a GET makes net/http send it again on its
// own; then one op would be two requests, and an outage would be hidden.
func TestReadIsNotRepeatedByTheTransport(t *testing.T) {
	f := newFakeShop(t, func(w http.ResponseWriter, r *http.Request, nth int) bool {
		if r.Method == http.MethodGet && nth == 2 {
			hangUp(w)
			return true
		}
		return false
	})
	p := Open(f.URL, newNotebook()).person(0, time.Second)
	first, _ := p.seats(t.Context(), history.Op{Event: 7}, nil)
	second, _ := p.seats(t.Context(), history.Op{Event: 7}, nil)
	require.Equal(t, history.OK, first.Outcome)
	require.Equal(t, history.Refused, second.Outcome, "a failed read changed nothing")
	require.Equal(t, 2, f.seen("GET /api/events/7/seats"))
}

func TestReadTellsSourceAgeAndNode(t *testing.T) {
	p := Open(newFakeShop(t, nil).URL, newNotebook()).person(0, time.Second)
	op, m := p.seats(t.Context(), history.Op{Event: 7}, nil)
	require.Equal(t, "cache", op.Source)
	require.Equal(t, 2*time.Second, op.Age)
	require.Equal(t, "app-1", op.Node)
	require.Equal(t, "127.0.0.1:1", op.Upstream)
	require.Equal(t, fmt.Sprint(fakeSeats), op.State)
	seats, _ := m.flat()
	require.Len(t, seats, fakeSeats)
	require.Equal(t, "database", source("eventflow; fwd=miss; stored"))
}

func TestEmptyMapIsNoAnswer(t *testing.T) {
	f := newFakeShop(t, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		answerJSON(w, 200, map[string]any{"sections": []any{}})
		return true
	})
	op, _ := Open(f.URL, newNotebook()).person(0, time.Second).seats(t.Context(), history.Op{Event: 7}, nil)
	require.Equal(t, history.Refused, op.Outcome)
}

func TestEndOfTheRunDoesNotCutAnOp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := newFakeShop(t, func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		if isPurchase(r) {
			cancel() // the sale ends while the purchase is under way
		}
		return false
	})
	p := Open(f.URL, newNotebook()).person(1, time.Second)
	require.Equal(t, history.OK, p.guest(t.Context(), history.Op{}, "g").Outcome)
	op := p.purchase(ctx, history.Op{LockID: uuid.NewString()})
	require.Equal(t, history.OK, op.Outcome, op.Error)
}
