package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"eventflow/scenarios/stack"
)

// Down ends everything and leaves nothing. EventFlow's programs are asked to
// finish; the servers are killed, since nobody needs their data any more.
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
		return s.hangUp() // never up, or down already
	}
	s.finish(ctx)
	// Whatever happens to the caller, nothing may stay behind.
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 4*patience)
	defer cancel()
	err := s.clear(clean)
	if s.deafen != nil {
		s.deafen()
	}
	err = errors.Join(err, os.RemoveAll(s.dir), s.claim.Release(), s.hangUp())
	if err != nil {
		return fmt.Errorf("docker stack down: %w", err)
	}
	return nil
}

// hangUp closes the connections to the engine.
func (s *Stack) hangUp() error {
	if s.engine == nil {
		return nil
	}
	return s.engine.Close()
}

// finish asks the programs to end in good order and waits for them. What does not
// end is removed with everything else.
func (s *Stack) finish(ctx context.Context) {
	limit := remaining(ctx, grace)
	for _, l := range s.living() {
		l.expected.Store(true)
	}
	var all sync.WaitGroup
	for _, u := range s.units {
		b, err := s.box(u.name)
		if err != nil || !u.orderly || b.life.gone() || limit == 0 {
			continue
		}
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			if b.life.paused.Load() { // or it would never hear
				_, _ = s.engine.ContainerUnpause(ctx, b.id, client.ContainerUnpauseOptions{})
			}
			_, _ = s.engine.ContainerKill(ctx, b.id, client.ContainerKillOptions{Signal: "SIGTERM"})
			select {
			case <-b.life.done:
			case <-ctx.Done():
			}
		})
	}
	all.Wait()
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

// clear removes everything that has this stack's label, known or not: when Up was cut
// short, the engine may have made more than it could tell. It looks again until there
// is nothing.
func (s *Stack) clear(ctx context.Context) error {
	return stack.Until(ctx, poll, func(ctx context.Context) error {
		if err := s.removeContainers(ctx); err != nil {
			return err
		}
		return errors.Join(s.removeNetworks(ctx), s.removeVolumes(ctx))
	})
}

func (s *Stack) mine() client.Filters { return client.Filters{}.Add("label", labelStack+"="+s.id) }

func (s *Stack) removeContainers(ctx context.Context) error {
	found, err := s.engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: s.mine()})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, c := range found.Items {
		g.Go(func() error {
			_, err := s.engine.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			if err != nil && !errdefs.IsNotFound(err) {
				return fmt.Errorf("remove container %s: %w", c.Names, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func (s *Stack) removeNetworks(ctx context.Context) error {
	found, err := s.engine.NetworkList(ctx, client.NetworkListOptions{Filters: s.mine()})
	if err != nil {
		return fmt.Errorf("list networks: %w", err)
	}
	var errs []error
	for _, n := range found.Items {
		if _, err := s.engine.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("remove network %s: %w", n.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Stack) removeVolumes(ctx context.Context) error {
	found, err := s.engine.VolumeList(ctx, client.VolumeListOptions{Filters: s.mine()})
	if err != nil {
		return fmt.Errorf("list volumes: %w", err)
	}
	var errs []error
	for _, v := range found.Items {
		if _, err := s.engine.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("remove volume %s: %w", v.Name, err))
		}
	}
	return errors.Join(errs...)
}
