package settle

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"eventflow/system/internal/seatlock"
)

const (
	// markerRoom is how many batches wait for Redis: a few seconds of a full
	// sale. What does not fit is left to the reconciler.
	markerRoom = 64
	// markTimeout is for one batch, several times a healthy pipeline's.
	markTimeout = time.Second
	markPause   = 250 * time.Millisecond
)

// Marker tells Redis what the ledger has said, behind the ledger's back: a dead
// Redis must not delay a single COMMIT.
type Marker struct {
	locks   *seatlock.Locks
	batches chan []seatlock.Settlement
	metrics *Metrics
	log     *slog.Logger
}

// NewMarker makes one; Around does the work.
func NewMarker(locks *seatlock.Locks, metrics *Metrics, log *slog.Logger) *Marker {
	return &Marker{locks: locks, batches: make(chan []seatlock.Settlement, markerRoom), metrics: metrics, log: log}
}

// Offer hands over a batch and never blocks. A batch that finds no room is
// dropped: its purchases still count as pending in Redis, and the reconciler
// looks them up in the ledger.
func (m *Marker) Offer(batch []seatlock.Settlement) {
	if len(batch) == 0 {
		return
	}
	select {
	case m.batches <- batch:
	default:
		m.metrics.dropped.Add(float64(len(batch)))
	}
}

// Around runs work and marks what it offers. It ends after work has: the last
// batch is marked too, as far as Redis takes it at the first try.
func (m *Marker) Around(ctx context.Context, work func(context.Context) error) error {
	marking, stop := context.WithCancel(context.WithoutCancel(ctx))
	var marked sync.WaitGroup
	marked.Go(func() { m.run(marking) })
	err := work(ctx)
	stop()
	marked.Wait()
	return err
}

func (m *Marker) run(ctx context.Context) {
	for {
		select {
		case batch := <-m.batches:
			m.mark(ctx, batch)
		case <-ctx.Done():
			m.finish(ctx)
			return
		}
	}
}

// mark repeats a batch until Redis has it: to mark twice does no harm.
func (m *Marker) mark(ctx context.Context, batch []seatlock.Settlement) {
	for {
		err := m.once(ctx, batch)
		if err == nil {
			return
		}
		m.log.Warn("mark: will try again", "purchases", len(batch), "err", err)
		if sleep(ctx, markPause/2+rand.N(markPause)) != nil {
			m.metrics.dropped.Add(float64(len(batch)))
			return
		}
	}
}

func (m *Marker) once(ctx context.Context, batch []seatlock.Settlement) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), markTimeout)
	defer cancel()
	return m.locks.Settle(ctx, batch)
}

// finish marks what is left; after a failure the rest would fare no better.
func (m *Marker) finish(ctx context.Context) {
	for failed := false; ; {
		select {
		case batch := <-m.batches:
			if failed || m.once(ctx, batch) != nil {
				failed = true
				m.metrics.dropped.Add(float64(len(batch)))
			}
		default:
			return
		}
	}
}
