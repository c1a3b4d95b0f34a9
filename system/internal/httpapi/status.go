package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"eventflow/system/internal/problem"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/store"
	"eventflow/system/internal/ticket"
)

// secondOpinion is how long an answer that Redis has may wait for the ledger's
// newer one.
const secondOpinion = 150 * time.Millisecond

// view is a purchase as its buyer sees it.
type view struct {
	Transaction string        `json:"transaction_id"`
	Event       int           `json:"event_id"`
	Seats       []string      `json:"seats"`
	AmountCents int           `json:"amount_cents"`
	Status      ticket.Status `json:"status"`
	Reason      string        `json:"reason,omitempty"`

	user string
	at   time.Time
}

func ofLedger(r store.Record) view {
	return view{r.Transaction, r.Event, r.Seats, r.AmountCents, r.Status, r.Reason, r.User, r.AcceptedAt}
}

// ofRedis gives no view of a purchase of which it is not known whether it was
// published, nor of one that was given up.
func ofRedis(r seatlock.PurchaseRecord) (view, bool) {
	status, ok := map[seatlock.State]ticket.Status{
		seatlock.StateAccepted:  ticket.Queued,
		seatlock.StateConfirmed: ticket.Confirmed,
		seatlock.StateRejected:  ticket.Rejected,
	}[r.State]
	return view{r.Transaction, r.Event, r.Seats, r.AmountCents, status, r.Reason, r.User, r.CreatedAt}, ok
}

func (s *Shop) purchaseStatus(w http.ResponseWriter, r *http.Request) {
	tx, err := uuid.Parse(chi.URLParam(r, "transaction"))
	if err != nil {
		s.fail(w, r, ticket.ErrNoPurchase)
		return
	}
	v, err := s.find(r.Context(), tx.String(), buyer(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	problem.JSON(w, http.StatusOK, v)
}

// find asks Redis, then the ledger unless Redis has its final word. A foreign
// purchase is none at all: whether it exists is not the asker's business.
func (s *Shop) find(ctx context.Context, tx, user string) (view, error) {
	rec, err := s.Records.Purchase(ctx, tx)
	if err == nil && rec.User != user {
		return view{}, ticket.ErrNoPurchase
	}
	if err != nil || rec.State == seatlock.StateAbandoned {
		return s.inLedger(ctx, tx, user, err)
	}
	v, known := ofRedis(rec)
	if known && v.Status != ticket.Queued {
		return v, nil
	}
	quick, cancel := context.WithTimeout(ctx, secondOpinion)
	defer cancel()
	row, err := s.Ledger.Purchase(quick, tx)
	switch {
	case err == nil:
		return ofLedger(row), nil
	case known:
		return v, nil
	}
	return view{}, undecided(tx)
}

// inLedger is for purchases that Redis does not tell of. That there is none is
// certain only if both say so.
func (s *Shop) inLedger(ctx context.Context, tx, user string, redis error) (view, error) {
	row, err := s.Ledger.Purchase(ctx, tx)
	switch {
	case err == nil && row.User == user:
		return ofLedger(row), nil
	case err == nil:
		return view{}, ticket.ErrNoPurchase
	case !errors.Is(err, ticket.ErrNoPurchase):
		return view{}, undecided(tx)
	case redis == nil || errors.Is(redis, ticket.ErrNoPurchase):
		return view{}, ticket.ErrNoPurchase
	}
	return view{}, undecided(tx)
}

// undecided is about the purchase, not about this question: it may be queued.
func undecided(tx string) error {
	p := *problem.From(ticket.ErrUnknown)
	p.Detail = "whether this purchase was made is not known yet; ask again"
	return p.With("transaction_id", tx)
}

func (s *Shop) purchases(w http.ResponseWriter, r *http.Request) {
	list, partial, err := s.list(r.Context(), buyer(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	problem.JSON(w, http.StatusOK, struct {
		Purchases []view `json:"purchases"`
		Partial   bool   `json:"partial"`
	}{list, partial})
}

// list joins what Redis and the ledger know, the newest first; where both know a
// purchase the ledger is right. It is partial when one of them does not answer,
// or when a purchase is in between.
func (s *Shop) list(ctx context.Context, user string) (list []view, partial bool, err error) {
	recs, noRedis := s.Records.PurchasesOf(ctx, user)
	rows, noLedger := s.Ledger.PurchasesOf(ctx, user)
	if noRedis != nil && noLedger != nil {
		return nil, false, ticket.Unavailable("catalogue", errors.Join(noRedis, noLedger))
	}
	list, seen := make([]view, 0, len(rows)+len(recs)), map[string]bool{}
	for _, row := range rows {
		list, seen[row.Transaction] = append(list, ofLedger(row)), true
	}
	partial = noRedis != nil || noLedger != nil
	for _, rec := range recs {
		v, ok := ofRedis(rec)
		if ok && !seen[rec.Transaction] && rec.User == user {
			list = append(list, v)
		}
		partial = partial || (rec.State == seatlock.StatePurchasing && !seen[rec.Transaction])
	}
	slices.SortStableFunc(list, func(a, b view) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.Transaction, b.Transaction)) })
	return list, partial, nil
}
