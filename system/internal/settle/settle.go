// Package settle is the consumer's work: it brings queued purchases into the
// ledger, tells Redis what the ledger said, and mends what Redis has missed.
//
// The ledger comes first and alone decides; Redis is told afterwards and may be
// gone for days. It must not know how buyers ask, nor how messages travel.
package settle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"eventflow/system/internal/queue"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/store"
	"eventflow/system/internal/ticket"
)

// The pauses between two tries while PostgreSQL does not take a batch, with
// jitter. The store's breaker answers within microseconds meanwhile, so the
// longest pause is what recovery costs at most, beside the breaker's own second.
const (
	minPause = 50 * time.Millisecond
	maxPause = 500 * time.Millisecond
)

// Settler is a queue.Handler: it keeps a batch until the ledger has all of it.
type Settler struct {
	ledger  *store.Store
	marker  *Marker
	metrics *Metrics
	log     *slog.Logger
}

// NewSettler wires one; marker gets what was settled.
func NewSettler(ledger *store.Store, marker *Marker, metrics *Metrics, log *slog.Logger) *Settler {
	return &Settler{ledger: ledger, marker: marker, metrics: metrics, log: log}
}

// task is one message of a batch on its way into the ledger.
type task struct {
	index    int
	purchase ticket.Purchase
}

// Handle settles a batch, as long as that takes. Its error means that ctx ended
// first.
func (s *Settler) Handle(ctx context.Context, batch []queue.Message) ([]queue.Verdict, error) {
	verdicts := make([]queue.Verdict, len(batch))
	tasks := s.read(batch, verdicts)
	pause := minPause
	for len(tasks) > 0 {
		left, err := s.try(ctx, tasks, verdicts)
		if len(left) < len(tasks) {
			pause = minPause
		}
		if tasks = left; len(tasks) == 0 {
			break
		}
		s.metrics.errors.Inc()
		s.log.Warn("settle: will try again", "held", len(tasks), "transaction_id", tasks[0].purchase.Transaction, "err", err)
		if err := sleep(ctx, pause/2+rand.N(pause)); err != nil {
			return nil, fmt.Errorf("settle: gave up on %d messages: %w", len(tasks), err)
		}
		pause = min(2*pause, maxPause)
	}
	return verdicts, nil
}

// read takes out what no version of the shop would have sent.
func (s *Settler) read(batch []queue.Message, verdicts []queue.Verdict) []task {
	tasks := make([]task, 0, len(batch))
	for i, m := range batch {
		var p ticket.Purchase
		err := json.Unmarshal(m.Body, &p)
		if err == nil {
			err = p.Validate()
		}
		if err != nil {
			s.poison(m.ID, err)
			verdicts[i] = queue.Poison
			continue
		}
		tasks = append(tasks, task{i, p})
	}
	return tasks
}

// try settles once, files what came of it and gives back what has to be tried
// again.
func (s *Settler) try(ctx context.Context, tasks []task, verdicts []queue.Verdict) (left []task, err error) {
	purchases := make([]ticket.Purchase, len(tasks))
	for i, t := range tasks {
		purchases[i] = t.purchase
	}
	results, err := s.ledger.SettleBatch(ctx, purchases)
	marks := make([]seatlock.Settlement, 0, len(tasks))
	for i, r := range results {
		switch {
		case r.Err == nil:
			s.settled(tasks[i].purchase, r)
			verdicts[tasks[i].index] = queue.Stored
			marks = append(marks, seatlock.Settlement{Purchase: tasks[i].purchase, Status: r.Status, Reason: r.Reason})
		case errors.Is(r.Err, store.ErrPoison):
			s.poison(r.Transaction, r.Err)
			verdicts[tasks[i].index] = queue.Poison
		default:
			left = append(left, tasks[i])
		}
	}
	s.marker.Offer(marks)
	return left, err
}

func (s *Settler) settled(p ticket.Purchase, r store.Settled) {
	result := string(r.Status)
	if r.Duplicate {
		result = "dup_" + result
	} else {
		s.metrics.lag.Observe(max(0, r.Committed.Sub(p.AcceptedAt).Seconds()))
	}
	s.metrics.settled.WithLabelValues(result).Inc()
	s.log.Info("settled", "transaction_id", p.Transaction, "event_id", p.Event, "result", result, "reason", r.Reason)
}

func (s *Settler) poison(id string, err error) {
	s.metrics.settled.WithLabelValues("poison").Inc()
	s.log.Error("to the dead letters", "transaction_id", id, "err", err)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
