package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"eventflow/system/internal/problem"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/ticket"
)

type purchaseRequest struct {
	LockID string `json:"lock_id"`
}

type purchaseAnswer struct {
	Status      string `json:"status"`
	Transaction string `json:"transaction_id"`
	LockID      string `json:"lock_id"`
}

func (s *Shop) purchase(w http.ResponseWriter, r *http.Request) {
	var req purchaseRequest
	if err := problem.Decode(w, r, &req); err != nil {
		s.fail(w, r, err)
		return
	}
	if req.LockID == "" || len(req.LockID) > 64 {
		s.fail(w, r, invalid(fmt.Errorf("%w: lock_id is needed", ticket.ErrInvalid)))
		return
	}
	a, err := s.buy(r.Context(), req.LockID, buyer(r))
	if err != nil {
		s.fail(w, r, withTransaction(err, req.LockID))
		return
	}
	problem.JSON(w, http.StatusAccepted, purchaseAnswer{"ACCEPTED_ASYNC", a.Transaction, req.LockID})
}

// buy makes the lock a purchase and publishes it. A purchase that the queue has
// already is not published again: the answer is the same.
func (s *Shop) buy(ctx context.Context, lockID, user string) (seatlock.Attempt, error) {
	a, err := s.Tills.BeginPurchase(ctx, lockID, user, s.node)
	if err != nil || a.State != seatlock.StatePurchasing {
		return a, err
	}
	return a, s.settle(ctx, a, s.publish(ctx, a))
}

func (s *Shop) publish(ctx context.Context, a seatlock.Attempt) error {
	ctx, cancel := context.WithTimeout(ctx, s.limits.Confirm)
	defer cancel()
	err := s.Publisher.Publish(ctx, ticket.Purchase{
		Transaction: a.Transaction, LockID: a.Lock.ID, User: a.Lock.User, Event: a.Lock.Event, Seats: a.Lock.Seats,
		AmountCents: a.Lock.AmountCents, Node: s.node, AcceptedAt: s.now().UTC(),
	})
	s.Counters.publish(err)
	return err
}

// settle writes down what the broker said, with time of its own: the request's
// may be used up, and what is not written down keeps the seats from everybody.
func (s *Shop) settle(ctx context.Context, a seatlock.Attempt, published error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limits.Mark)
	defer cancel()
	switch {
	case published == nil:
		// The broker's promise is what counts: the consumer will mark the rest.
		s.note(ctx, "accepted", a, s.Tills.Accepted(ctx, a))
		return nil
	case isCertain(published):
		return s.refused(ctx, a, published)
	}
	s.note(ctx, "unknown", a, s.Tills.Unknown(ctx, a))
	return unsure(published)
}

// refused may say "none" only if no other attempt can have published it.
func (s *Shop) refused(ctx context.Context, a seatlock.Attempt, published error) error {
	returned, err := s.Tills.Refused(ctx, a)
	s.note(ctx, "refused", a, err)
	if returned && err == nil {
		return published
	}
	return unsure(errors.Join(published, err))
}

// isCertain says that nothing was published. An error that is also unknown is
// not certain.
func isCertain(err error) bool {
	return errors.Is(err, ticket.ErrUnavailable) && !errors.Is(err, ticket.ErrUnknown)
}

func unsure(err error) error {
	if errors.Is(err, ticket.ErrUnknown) {
		return err
	}
	return ticket.Unknown("rabbitmq", err)
}

func (s *Shop) note(ctx context.Context, mark string, a seatlock.Attempt, err error) {
	if err != nil {
		s.Log.WarnContext(ctx, "purchase not marked", "mark", mark, "transaction_id", a.Transaction, "err", err)
	}
}

// withTransaction tells who does not know what became of a purchase how to find
// out.
func withTransaction(err error, lockID string) error {
	if p := problem.From(err); p.Outcome == problem.Unknown {
		return p.With("transaction_id", ticket.TransactionID(lockID))
	}
	return err
}
