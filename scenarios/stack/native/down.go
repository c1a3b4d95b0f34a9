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
	if s.claim == nil || s.claim.lock == nil {
		return nil // never up, or down already
	}
	s.endAll(ctx)
	err := s.state.killLeftovers(context.WithoutCancel(ctx))
	s.launch.stop()
	if !s.cfg.KeepDir {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	if err = errors.Join(err, s.claim.release()); err != nil {
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
			all.Go(func() { p.terminate(remaining(ctx, grace)) })
		}
	})
	all.Wait()
	s.each(running, func(_ unit, p *process) { all.Go(p.kill) })
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

// Kill ends a service at once, as a crash would, and returns when it is gone. Its
// data and its port stay reserved for Restart.
func (s *Stack) Kill(_ context.Context, service topology.Name) error {
	s.life.Lock()
	defer s.life.Unlock()
	_, p, err := s.running(service)
	if err != nil {
		return fmt.Errorf("kill: %w", err)
	}
	p.kill()
	return nil
}

// Restart kills the service if it runs, starts it again with its old data on its
// old port, and returns when it answers.
func (s *Stack) Restart(ctx context.Context, service topology.Name) error {
	s.life.Lock()
	defer s.life.Unlock()
	u, p, err := s.running(service)
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	p.kill()
	if err := s.start(ctx, u); err != nil {
		return fmt.Errorf("restart %s: %w", service, err)
	}
	return nil
}

// running finds a service that was started, whether or not it still lives.
func (s *Stack) running(service topology.Name) (unit, *process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return unit{}, nil, errDown
	}
	for _, u := range s.units {
		if p := s.processes[service]; u.name == service && p != nil {
			return u, p, nil
		}
	}
	return unit{}, nil, fmt.Errorf("no service %q runs in this stack", service)
}
