package tamper

import (
	"context"
	"fmt"
	"sync"
	"time"

	"eventflow/scenarios/stack"
)

// rounds is the part of a tamper that goes on in the background. A nil one has
// ended.
type rounds struct {
	stop chan struct{}
	done chan struct{}
	once sync.Once

	// Written by the goroutine, read when it has ended.
	tried, failed int
	last          error // of those that failed
}

// begin does the work each pace until end. A round under way is not broken off:
// half an update would be of unknown outcome.
func begin(pace time.Duration, work func(context.Context) error) *rounds {
	r := &rounds{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for {
			select {
			case <-r.stop:
				return
			case <-tick.C:
				r.one(work)
			}
		}
	}()
	return r
}

func (r *rounds) one(work func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), roundDeadline)
	defer cancel()
	r.tried++
	if err := work(ctx); err != nil {
		r.failed++
		r.last = err
	}
}

// end stops the rounds, waits for the one under way, and tells once how many
// failed.
func (r *rounds) end() (err error) {
	if r == nil {
		return nil
	}
	r.once.Do(func() {
		close(r.stop)
		<-r.done
		if r.failed > 0 {
			err = fmt.Errorf("%d of %d rounds failed, the last one: %w", r.failed, r.tried, r.last)
		}
	})
	return err
}

// bite repeats work until it got hold of something, for biteDeadline at most. No
// error and nothing got: there was nothing to bite on.
func bite(ctx context.Context, work func(context.Context) (int, error)) (got int, err error) {
	ctx, cancel := context.WithTimeout(ctx, biteDeadline)
	defer cancel()
	empty := fmt.Errorf("nothing there yet")
	waited := stack.Until(ctx, poll, func(ctx context.Context) error {
		if got, err = work(ctx); err == nil && got == 0 {
			return empty
		}
		return nil // an error is for the caller, not to be tried again
	})
	if waited != nil && err == nil {
		return 0, nil
	}
	return got, err
}
