package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/testcontainers/testcontainers-go"
	"golang.org/x/sync/errgroup"

	"eventflow/scenarios/overlay"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/change"
	"eventflow/toxiproxy/topology"
)

// Up starts every service, each as soon as what it needs is there, and returns
// when all answer. When it fails, it has taken down what it had started.
func (s *Stack) Up(ctx context.Context) error {
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	if err := s.begin(abort); err != nil {
		return err
	}
	err := s.up(ctx)
	s.life.Unlock()
	if err == nil {
		return nil
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*patience)
	defer cancel()
	return errors.Join(fmt.Errorf("docker stack: %w", err), s.Down(clean))
}

// begin makes sure that a stack goes up once, and lets Down interrupt it.
func (s *Stack) begin(abort context.CancelCauseFunc) error {
	s.life.Lock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.abort != nil {
		s.life.Unlock()
		return errors.New("docker stack: it goes up only once; make a new one")
	}
	s.abort = abort
	return nil
}

func (s *Stack) up(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	s.listen()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.provide(gctx) })
	came := map[topology.Name]milestones{}
	for _, u := range s.units {
		came[u.name] = milestones{started: make(chan struct{}), healthy: make(chan struct{})}
	}
	for _, u := range s.units {
		g.Go(func() error { return s.raise(gctx, u, came) })
	}
	return g.Wait()
}

// prepare does all that can fail before anything is started: it reads the plan and
// makes what the containers stand in.
func (s *Stack) prepare(ctx context.Context) error {
	source, err := change.Source(s.cfg.Source)
	if err != nil {
		return err
	}
	if err := s.cfg.changes().Validate(); err != nil {
		return err
	}
	if s.engine, err = dial(ctx); err != nil {
		return err
	}
	if s.provider, err = testcontainers.NewDockerProvider(); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if err := s.occupy(); err != nil {
		return err
	}
	if s.tree, err = overlay.Apply(source, s.path("source"), s.cfg.Edits); err != nil {
		return fmt.Errorf("edit EventFlow: %w", err)
	}
	if err := s.read(ctx, source); err != nil {
		return err
	}
	if err := s.understand(); err != nil {
		return err
	}
	return s.createNetworks(ctx)
}

// createNetworks makes them by way of testcontainers, which starts its reaper first:
// whatever this process leaves behind when it is killed, that one takes away.
func (s *Stack) createNetworks(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, want := range s.networks {
		g.Go(func() error {
			if _, err := s.provider.CreateNetwork(ctx, want); err != nil {
				return fmt.Errorf("create network %s: %w", want.Name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// milestones are what others wait for on a service's way up.
type milestones struct{ started, healthy chan struct{} }

// raise brings one service up and tells those that wait for it.
func (s *Stack) raise(ctx context.Context, u *unit, came map[topology.Name]milestones) (err error) {
	begun := time.Now()
	report := func(st stack.State, err error) {
		s.report(stack.Progress{Service: u.name, State: st, Elapsed: time.Since(begun), Err: err})
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", u.name, err)
		}
		if err != nil && ctx.Err() == nil { // else another service's failure, or the caller, ended it
			report(stack.Failed, err)
		}
	}()
	report(stack.Preparing, nil)
	if err := arrive(ctx, s.built); err != nil {
		return err
	}
	if err := s.create(ctx, u); err != nil {
		return err
	}
	if err := await(ctx, u, came); err != nil {
		return err
	}
	report(stack.Starting, nil)
	if err := s.start(ctx, u, s.ready(u, came[u.name])); err != nil {
		return err
	}
	report(stack.Ready, nil)
	return nil
}

// ready asks the service first, and then the engine for the service's health check,
// which is what others wait for, and last whether it has all that it needs.
func (s *Stack) ready(u *unit, me milestones) func(context.Context) error {
	questions := []func(context.Context) error{
		func(context.Context) error { close(me.started); return nil },
		u.answers,
		func(ctx context.Context) error { return s.healthy(ctx, u.name) },
		func(context.Context) error { close(me.healthy); return nil },
	}
	if u.whole != nil {
		questions = append(questions, u.whole)
	}
	return func(ctx context.Context) error {
		for len(questions) > 0 {
			if err := questions[0](ctx); err != nil {
				return err
			}
			questions = questions[1:]
		}
		return nil
	}
}

// await waits for the services that this one needs.
func await(ctx context.Context, u *unit, came map[topology.Name]milestones) error {
	for n, condition := range u.needs {
		c := came[n].started
		if condition == types.ServiceConditionHealthy {
			c = came[n].healthy
		}
		if err := arrive(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func arrive(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Stack) report(p stack.Progress) {
	if s.cfg.Progress == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Progress(p)
}
