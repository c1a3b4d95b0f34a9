package settle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/store"
	"eventflow/system/internal/ticket"

	"github.com/redis/go-redis/v9"
)

// Timing of the reconciler.
const (
	// tick is also the distance between two looks at the queue: the second one
	// sees what was on its way during the first.
	tick = time.Second
	// tickTimeout bounds one round; it reads whole tables.
	tickTimeout = 10 * time.Second
	// DefaultGrace is how long a missing epoch is left alone: twice the longest
	// handler, so that no node is still publishing what it locked before Redis
	// lost its memory.
	DefaultGrace = 3 * time.Second
	// pendingAfter is when a purchase that is not settled in Redis is looked up.
	pendingAfter = 5 * time.Second
	// lookUp is how many are looked up at once.
	lookUp = 250
)

// ReconcilerConfig says what is reconciled and when.
type ReconcilerConfig struct {
	Ledger *store.Store
	Locks  *seatlock.Locks
	Redis  *redis.Client // only asked which process it is
	// Drained reports whether the queue is empty and nothing is in hand.
	Drained        func(context.Context) (bool, error)
	AbandonedAfter time.Duration // longer than any outage a message could sit out
	Grace          time.Duration // 0: DefaultGrace
	// New says that the whole system is: Redis has never had an epoch, so nobody has
	// ever locked a seat and nothing can be on its way. The first epoch is then
	// opened without a grace. See reopen for why this cannot weaken a later one.
	New     bool
	Metrics *Metrics
	Log     *slog.Logger
}

// Reconciler mends Redis from the ledger: all of it after Redis lost its memory,
// single purchases after a mark was lost.
type Reconciler struct {
	ReconcilerConfig
	missing time.Time // since when the epoch is missing; zero: it is not
	calm    int       // looks in a row at a drained queue
	process string    // Redis's run id at the last look
}

// NewReconciler makes one; Run does the work.
func NewReconciler(cfg ReconcilerConfig) *Reconciler {
	if cfg.Grace == 0 {
		cfg.Grace = DefaultGrace
	}
	return &Reconciler{ReconcilerConfig: cfg}
}

// Run reconciles once a second until ctx ends. A dependency that is gone costs a
// round, nothing else.
func (r *Reconciler) Run(ctx context.Context) error {
	timer := time.NewTicker(tick)
	defer timer.Stop()
	for {
		if err := r.round(ctx); err != nil && ctx.Err() == nil {
			r.Log.Debug("reconcile: will try again", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// round looks at the queue before it looks at the ledger, never after: what the
// queue still held at the first look may be in the ledger at the second, but
// what was in neither, in this order, is nowhere.
func (r *Reconciler) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tickTimeout)
	defer cancel()
	r.look(ctx)
	epoch, err := r.Locks.Epoch(ctx)
	if err != nil {
		return fmt.Errorf("read the epoch: %w", err)
	}
	process, err := r.runID(ctx)
	if err != nil {
		return err
	}
	if epoch == "" {
		return r.reopen(ctx, process)
	}
	r.missing, r.New = time.Time{}, false
	return errors.Join(r.remind(ctx, process), r.settlePending(ctx))
}

// look counts how often in a row the queue was found drained.
func (r *Reconciler) look(ctx context.Context) {
	drained, err := r.Drained(ctx)
	if err != nil || !drained {
		r.calm = 0
		return
	}
	r.calm++
}

// drained believes the second look.
func (r *Reconciler) drained() bool { return r.calm >= 2 }

// reopen fills an empty Redis from the ledger once nothing is on its way there
// any more. Until then nodes refuse new locks.
//
// In a new system nothing ever was: a lock needs an epoch, and only reopen makes
// one. That holds until it is tried for the first time. The answer to that try
// may be lost, and the epoch with its first locks wiped before anybody reads it,
// so that a second try is no longer the first.
func (r *Reconciler) reopen(ctx context.Context, process string) error {
	if r.missing.IsZero() {
		r.missing = time.Now()
		r.Log.Warn("redis has no epoch: no locks until it is rebuilt", "grace", r.Grace.String())
	}
	if !r.first() && (time.Since(r.missing) < r.Grace || !r.drained()) {
		return nil
	}
	if err := r.rebuild(ctx); err != nil {
		return err
	}
	r.Metrics.rebuilds.Inc()
	r.Log.Info("redis rebuilt from the ledger", "after_ms", time.Since(r.missing).Milliseconds())
	r.missing, r.process = time.Time{}, process
	return nil
}

// first is true once at the most, and never after an epoch was seen.
func (r *Reconciler) first() bool {
	first := r.New
	r.New = false
	return first
}

func (r *Reconciler) rebuild(ctx context.Context) error {
	sold, err := r.Ledger.AllSold(ctx)
	if err != nil {
		return fmt.Errorf("rebuild: read the ledger: %w", err)
	}
	marks := make([]seatlock.Sold, len(sold))
	for i, s := range sold {
		marks[i] = seatlock.Sold(s)
	}
	if err := r.Locks.Rebuild(ctx, marks); err != nil {
		return fmt.Errorf("rebuild: write redis: %w", err)
	}
	return nil
}

// remind notices a Redis that was restarted and kept its epoch, but perhaps not
// its last second of writes (appendfsync everysec): it is told again what is
// sold. Locks need nothing, a buyer whose lock is gone is told so.
func (r *Reconciler) remind(ctx context.Context, process string) error {
	if r.process != "" && r.process != process {
		if err := r.rebuild(ctx); err != nil {
			return err
		}
		r.Log.Info("redis was restarted: sold seats marked again")
	}
	r.process = process
	return nil
}

// runID tells one Redis process from the next.
func (r *Reconciler) runID(ctx context.Context) (string, error) {
	info, err := r.Redis.Info(ctx, "server").Result()
	if err != nil {
		return "", fmt.Errorf("ask redis for its run id: %w", err)
	}
	return field(info, "run_id"), nil
}

func field(info, name string) string {
	_, rest, _ := strings.Cut(info, name+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// settlePending finds out what became of purchases that Redis still counts as
// under way.
func (r *Reconciler) settlePending(ctx context.Context) error {
	pending, err := r.Locks.Pending(ctx, pendingAfter)
	if err != nil {
		return fmt.Errorf("list pending purchases: %w", err)
	}
	for len(pending) > 0 {
		n := min(len(pending), lookUp)
		if err := r.settleSome(ctx, pending[:n]); err != nil {
			return err
		}
		pending = pending[n:]
	}
	return nil
}

func (r *Reconciler) settleSome(ctx context.Context, pending []seatlock.Pending) error {
	ids := make([]string, len(pending))
	for i, p := range pending {
		ids[i] = p.Purchase.Transaction
	}
	found, err := r.Ledger.PurchaseStatuses(ctx, ids)
	if err != nil {
		return fmt.Errorf("look up pending purchases: %w", err)
	}
	var marks []seatlock.Settlement
	var lost []ticket.Purchase
	for _, p := range pending {
		row, ok := found[p.Purchase.Transaction]
		switch {
		case ok:
			marks = append(marks, settlement(p.Purchase.LockID, row))
		case p.Accepted && r.drained():
			lost = append(lost, accepted(p))
		default:
			if err := r.abandon(ctx, p); err != nil {
				return err
			}
		}
	}
	rescued, err := r.rescue(ctx, lost)
	if err != nil {
		return err
	}
	if err := r.Locks.Settle(ctx, append(marks, rescued...)); err != nil {
		return fmt.Errorf("mark pending purchases: %w", err)
	}
	return nil
}

func settlement(lock string, row store.Record) seatlock.Settlement {
	return seatlock.Settlement{Status: row.Status, Reason: row.Reason, Purchase: ticket.Purchase{Transaction: row.Transaction,
		LockID: lock, User: row.User, Event: row.Event, Seats: row.Seats, AmountCents: row.AmountCents, Node: row.Node, AcceptedAt: row.AcceptedAt}}
}

// accepted is the message that a node sent for the purchase, but for the time: that
// of its last attempt.
func accepted(p seatlock.Pending) ticket.Purchase {
	purchase := p.Purchase
	purchase.AcceptedAt = p.Since
	return purchase
}

// rescue writes purchases that the broker confirmed and no longer has: somebody
// deleted the queue, or a disk was lost. Redis still knows all that was in their
// messages. Should a message turn up after all, the ledger has its purchase, as
// after any other second delivery.
func (r *Reconciler) rescue(ctx context.Context, lost []ticket.Purchase) (marks []seatlock.Settlement, err error) {
	if len(lost) == 0 {
		return nil, nil
	}
	results, err := r.Ledger.SettleBatch(ctx, lost)
	for i, result := range results {
		switch {
		case result.Err == nil:
			marks = append(marks, seatlock.Settlement{Purchase: lost[i], Status: result.Status, Reason: result.Reason})
			r.Metrics.rescued.Inc()
			r.Log.Warn("the queue has lost a purchase, written from redis", "transaction_id", lost[i].Transaction, "result", string(result.Status))
		case errors.Is(result.Err, store.ErrPoison): // its message is among the dead letters
			r.Log.Debug("rescue: it can never be stored", "transaction_id", lost[i].Transaction, "err", result.Err)
		}
	}
	if err != nil {
		err = fmt.Errorf("rescue purchases: %w", err)
	}
	return marks, err
}

// abandon frees the seats of a purchase that is nowhere: not in the ledger, not
// in the queue, never accepted, and older than any message could still be on its
// way. How old it is, Redis's clock says alone: beside a consumer whose clock is
// wrong by an hour, every purchase would look abandoned.
func (r *Reconciler) abandon(ctx context.Context, p seatlock.Pending) error {
	if p.Accepted || !r.drained() || p.Age < r.AbandonedAfter {
		return nil
	}
	err := r.Locks.Abandon(ctx, p)
	if errors.Is(err, ticket.ErrLockInUse) {
		return nil // somebody has just tried again
	}
	if err != nil {
		return fmt.Errorf("abandon purchase %s: %w", p.Purchase.Transaction, err)
	}
	r.Metrics.abandoned.Inc()
	r.Log.Warn("abandoned", "transaction_id", p.Purchase.Transaction, "event_id", p.Purchase.Event, "since", p.Since)
	return nil
}
