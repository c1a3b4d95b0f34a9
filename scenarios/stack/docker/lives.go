package docker

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/client"

	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// errEnded: the container does not run any more.
var errEnded = errors.New("it has ended; start it")

// Kill ends a service at once, as a crash would, and returns when it and its
// published ports are gone. Its data and its container stay for Start.
func (s *Stack) Kill(ctx context.Context, service topology.Name) error {
	return s.alter(ctx, "kill", service, func(ctx context.Context, _ *unit, b *box) error { return s.kill(ctx, b) })
}

// Start starts a service that has ended, with its old data on its old port, and
// returns when it answers. One that lives is only asked.
func (s *Stack) Start(ctx context.Context, service topology.Name) error {
	return s.alter(ctx, "start", service, func(ctx context.Context, u *unit, b *box) error {
		if b.life.paused.Load() {
			return errors.New("it is paused; resume it")
		}
		if b.life.gone() {
			return s.revive(ctx, u, b)
		}
		return s.await(ctx, u)
	})
}

// Restart kills the service if it lives, starts it again with its old data on its
// old port, and returns when it answers.
func (s *Stack) Restart(ctx context.Context, service topology.Name) error {
	return s.alter(ctx, "restart", service, s.revive)
}

// Wipe is Restart without the data: container and volumes are made anew, and what a
// store does when it is new, it does.
func (s *Stack) Wipe(ctx context.Context, service topology.Name) error {
	return s.alter(ctx, "wipe", service, func(ctx context.Context, u *unit, b *box) error {
		if svc, _ := s.topo.Service(service); svc.Role != topology.Store {
			return errors.New("it keeps no data that could be lost")
		}
		s.markWiping(service, true)
		return s.revive(ctx, u, b)
	})
}

// Pause makes everything in the service's container stand still. Connections to it
// stay open and nothing answers.
func (s *Stack) Pause(ctx context.Context, service topology.Name) error {
	return s.alter(ctx, "pause", service, func(ctx context.Context, _ *unit, b *box) error {
		if b.life.gone() {
			return errEnded
		}
		if b.life.paused.Swap(true) { // noted first: when the answer is lost, it may stand still
			return nil
		}
		if _, err := s.engine.ContainerPause(ctx, b.id, client.ContainerPauseOptions{}); err != nil {
			return fmt.Errorf("pause container: %w", err)
		}
		return nil
	})
}

// Resume lets a paused service go on, on the same connections, and returns when it
// answers.
func (s *Stack) Resume(ctx context.Context, service topology.Name) error {
	return s.alter(ctx, "resume", service, func(ctx context.Context, u *unit, b *box) error {
		if err := s.thaw(ctx, b); err != nil {
			return err
		}
		return s.await(ctx, u)
	})
}

// thaw lets a container go on; one that does not stand still is left alone.
func (s *Stack) thaw(ctx context.Context, b *box) error {
	if !b.life.paused.Load() {
		return nil
	}
	now, err := s.engine.ContainerInspect(ctx, b.id, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("inspect container: %w", err)
	}
	if now.Container.State.Paused {
		if _, err := s.engine.ContainerUnpause(ctx, b.id, client.ContainerUnpauseOptions{}); err != nil {
			return fmt.Errorf("resume container: %w", err)
		}
	}
	b.life.paused.Store(false)
	return nil
}

// Alarm makes the broker call its memory full, and returns when it does.
func (s *Stack) Alarm(ctx context.Context) error {
	return s.alter(ctx, "alarm", topology.RabbitMQ, func(ctx context.Context, _ *unit, b *box) error { return s.alarm(ctx, b) })
}

// AlarmOff gives the broker its memory back, and returns when it says so.
func (s *Stack) AlarmOff(ctx context.Context) error {
	return s.alter(ctx, "alarm off", topology.RabbitMQ, func(ctx context.Context, _ *unit, b *box) error { return s.alarmOff(ctx, b) })
}

// alter does something to one service that was started, while nothing else changes
// the stack.
func (s *Stack) alter(ctx context.Context, what string, service topology.Name, do func(context.Context, *unit, *box) error) error {
	ctx, release, err := s.operate(ctx)
	if err == nil {
		err = s.with(service, func(u *unit, b *box) error { return do(ctx, u, b) })
		release()
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, service, err)
	}
	return nil
}

// operate takes the stack for one operation, which Down may interrupt.
func (s *Stack) operate(ctx context.Context) (context.Context, func(), error) {
	s.life.Lock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.abort == nil {
		s.life.Unlock()
		return nil, nil, errDown
	}
	ctx, s.abort = context.WithCancelCause(ctx)
	abort := s.abort
	return ctx, func() {
		abort(nil)
		s.life.Unlock()
	}, nil
}

// with finds a service that was started, whether or not it still lives.
func (s *Stack) with(service topology.Name, do func(*unit, *box) error) error {
	for _, u := range s.units {
		if u.name == service {
			b, err := s.box(service)
			if err != nil {
				return err
			}
			return do(u, b)
		}
	}
	return fmt.Errorf("no service %q runs in this stack", service)
}

// revive ends a life and begins the next, and completes what a wipe has begun. A
// life that does not answer is ended: half a start would be neither one nor the
// other.
func (s *Stack) revive(ctx context.Context, u *unit, b *box) error {
	if err := s.kill(ctx, b); err != nil {
		return err
	}
	wiping := s.isWiping(u.name)
	if wiping {
		if err := s.renew(ctx, u, b); err != nil {
			return err
		}
	}
	if err := s.start(ctx, u, u.answers); err != nil {
		if half, gone := s.box(u.name); gone == nil {
			err = errors.Join(err, s.kill(ctx, half))
		}
		return err
	}
	s.markWiping(u.name, false)
	return nil
}

// renew puts a new container and new volumes in the place of the old.
func (s *Stack) renew(ctx context.Context, u *unit, b *box) error {
	if err := s.remove(ctx, u, b); err != nil {
		return err
	}
	return s.create(ctx, u)
}

func (s *Stack) isWiping(n topology.Name) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.boxes[n] != nil && s.boxes[n].wiping
}

func (s *Stack) markWiping(n topology.Name, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boxes[n].wiping = yes
}

// await waits until a service that lives answers.
func (s *Stack) await(ctx context.Context, u *unit) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := stack.Until(ctx, poll, u.answers); err != nil {
		return fmt.Errorf("no answer: %w%s", err, s.lastWords(u.name))
	}
	return nil
}
