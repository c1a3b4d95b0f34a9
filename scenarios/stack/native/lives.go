package native

import (
	"context"
	"errors"
	"fmt"
	"os"

	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// Kill ends a service at once, as a crash would, and returns when it and all
// that it had started are gone. Its data and its port stay reserved for Start.
func (s *Stack) Kill(ctx context.Context, service topology.Name) error {
	return s.change(ctx, "kill", service, func(_ context.Context, _ unit, p *process) error { return p.kill() })
}

// Start starts a service that has ended, with its old data on its old port, and
// returns when it answers. One that lives is only asked.
func (s *Stack) Start(ctx context.Context, service topology.Name) error {
	return s.change(ctx, "start", service, func(ctx context.Context, u unit, p *process) error {
		if p.frozen.any() {
			return errors.New("it is paused; resume it")
		}
		if p.gone() {
			return s.revive(ctx, u, p)
		}
		return s.ask(ctx, u)
	})
}

// Restart kills the service if it lives, starts it again with its old data on
// its old port, and returns when it answers.
func (s *Stack) Restart(ctx context.Context, service topology.Name) error {
	return s.change(ctx, "restart", service, s.revive)
}

// Wipe is Restart without the data: Redis and RabbitMQ come back empty, and
// PostgreSQL is a new cluster with init.sql applied.
func (s *Stack) Wipe(ctx context.Context, service topology.Name) error {
	return s.change(ctx, "wipe", service, func(ctx context.Context, u unit, p *process) error {
		if u.data == "" {
			return errors.New("it keeps no data that could be lost")
		}
		s.markWiping(u.name, true)
		return s.revive(ctx, u, p)
	})
}

// Pause makes a service and everything that it has started stand still, and
// returns when all do. Connections to it stay open and nothing answers.
func (s *Stack) Pause(ctx context.Context, service topology.Name) error {
	return s.change(ctx, "pause", service, func(ctx context.Context, _ unit, p *process) error {
		if p.frozen.any() {
			return nil
		}
		return s.launch.freeze(ctx, p)
	})
}

// Resume lets a paused service go on, on the same connections, and returns when
// it answers.
func (s *Stack) Resume(ctx context.Context, service topology.Name) error {
	return s.change(ctx, "resume", service, func(ctx context.Context, u unit, p *process) error {
		p.thaw()
		return s.ask(ctx, u)
	})
}

// Alarm makes the broker call its memory full, and returns when it does.
func (s *Stack) Alarm(ctx context.Context) error {
	return s.change(ctx, "alarm", topology.RabbitMQ, func(ctx context.Context, _ unit, p *process) error {
		return s.alarm(ctx, p)
	})
}

// AlarmOff gives the broker its memory back, and returns when it says so.
func (s *Stack) AlarmOff(ctx context.Context) error {
	return s.change(ctx, "alarm off", topology.RabbitMQ, func(ctx context.Context, _ unit, p *process) error {
		return s.alarmOff(ctx, p)
	})
}

// change does something to one service that was started, while nothing else
// changes the stack, and notes what is in force afterwards.
func (s *Stack) change(ctx context.Context, what string, service topology.Name, do func(context.Context, unit, *process) error) error {
	ctx, release, err := s.operate(ctx)
	if err == nil {
		err = s.with(service, func(u unit, p *process) error { return do(ctx, u, p) })
		err = errors.Join(err, release())
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, service, err)
	}
	return nil
}

// operate takes the stack for one operation, which Down may interrupt.
func (s *Stack) operate(ctx context.Context) (context.Context, func() error, error) {
	s.life.Lock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.abort == nil {
		s.life.Unlock()
		return nil, nil, errDown
	}
	ctx, s.abort = context.WithCancelCause(ctx)
	abort := s.abort
	return ctx, func() error {
		abort(nil)
		defer s.life.Unlock()
		return s.note()
	}, nil
}

// with finds a service that was started, whether or not it still lives.
func (s *Stack) with(service topology.Name, do func(unit, *process) error) error {
	for _, u := range s.units {
		if p := s.process(service); u.name == service && p != nil {
			return do(u, p)
		}
	}
	return fmt.Errorf("no service %q runs in this stack", service)
}

func (s *Stack) process(service topology.Name) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.processes[service]
}

// revive ends a life and begins the next, and completes what a wipe has begun. A
// life that does not answer is ended: half a start would be neither one nor the
// other.
func (s *Stack) revive(ctx context.Context, u unit, p *process) error {
	if err := p.kill(); err != nil {
		return err
	}
	wiping := s.isWiping(u.name)
	if wiping {
		if err := s.forget(ctx, u); err != nil {
			return err
		}
	}
	err := s.start(ctx, u, u.alone())
	if err == nil && wiping && u.settle != nil {
		err = u.settle(ctx)
	}
	if err != nil {
		if half := s.process(u.name); half != nil {
			err = errors.Join(err, half.kill())
		}
		return err
	}
	s.markWiping(u.name, false)
	return nil
}

// forget removes what the service keeps and prepares it anew.
func (s *Stack) forget(ctx context.Context, u unit) error {
	if err := os.RemoveAll(u.data); err != nil {
		return fmt.Errorf("remove its data: %w", err)
	}
	return u.prepare(ctx)
}

func (s *Stack) isWiping(n topology.Name) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wiping[n]
}

func (s *Stack) markWiping(n topology.Name, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wiping[n] = yes
}

// ask waits until a service that lives answers.
func (s *Stack) ask(ctx context.Context, u unit) error {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	if err := stack.Until(ctx, poll, u.alone()); err != nil {
		return fmt.Errorf("no answer: %w%s", err, stack.Quote([]byte(lastLines(s.logPath(u.name)))))
	}
	return nil
}
