package native

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"time"

	"eventflow/toxiproxy/topology"
)

// Down ends everything and leaves nothing. EventFlow's programs are asked to
// finish; the servers are killed, since nobody needs their data any more and
// RabbitMQ alone would take 6 s to end in good order.
func (s *Stack) Down(ctx context.Context) error {
	s.mu.Lock()
	s.ended = true
	if s.abort != nil {
		s.abort(errDown)
	}
	s.mu.Unlock()

	s.life.Lock()
	defer s.life.Unlock()
	if !s.claim.Held() {
		return nil // never up, or down already
	}
	s.endAll(ctx)
	err := s.state.killLeftovers(context.WithoutCancel(ctx))
	s.launch.stop()
	if !s.cfg.KeepDir {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	if err = errors.Join(err, s.claim.Release()); err != nil {
		return fmt.Errorf("native stack down: %w", err)
	}
	return nil
}

// endAll returns when every child is gone.
func (s *Stack) endAll(ctx context.Context) {
	s.mu.Lock()
	running := maps.Clone(s.processes)
	s.mu.Unlock()
	var all sync.WaitGroup
	s.each(running, func(u unit, p *process) {
		if u.orderly {
			all.Go(func() { _ = p.terminate(remaining(ctx, grace)) }) // what does not end is killed below
		}
	})
	all.Wait()
	s.each(running, func(_ unit, p *process) { all.Go(func() { _ = p.kill() }) }) // and reported by killLeftovers
	all.Wait()
}

func (s *Stack) each(running map[topology.Name]*process, f func(unit, *process)) {
	for _, u := range s.units {
		if p := running[u.name]; p != nil {
			f(u, p)
		}
	}
}

// remaining is the time until ctx ends, at most limit.
func remaining(ctx context.Context, limit time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	if ctx.Err() != nil {
		return 0
	}
	return max(0, limit)
}
