package native

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// feeling is how long a new client waits before it calls a service silent. On
// loopback an answer takes milliseconds.
const feeling = 300 * time.Millisecond

// Apply puts the fault in force, reads it back and feels it.
func (s *Stack) Apply(ctx context.Context, f stack.ProcessFault) (stack.Effect, error) {
	if err := f.Validate(s.topo); err != nil {
		return stack.Effect{}, err
	}
	if err := s.apply(ctx, f); err != nil {
		return stack.Effect{}, err
	}
	effect := stack.Effect{Fault: f, At: time.Now()}
	err := s.with(f.Service, func(u unit, p *process) error {
		effect.ReadBack = s.readBack(f, p)
		effect = effect.Felt(s.feel(ctx, f, u))
		return nil
	})
	return effect, errors.Join(err, context.Cause(ctx))
}

func (s *Stack) apply(ctx context.Context, f stack.ProcessFault) error {
	switch f.Kind {
	case stack.KindKill:
		return s.Kill(ctx, f.Service)
	case stack.KindPause:
		return s.Pause(ctx, f.Service)
	case stack.KindRestart:
		return s.Restart(ctx, f.Service)
	case stack.KindWipe:
		return s.Wipe(ctx, f.Service)
	case stack.KindAlarm:
		return s.Alarm(ctx)
	}
	return fmt.Errorf("nobody knows how to %s", f)
}

// readBack is what the system says of the service's process.
func (s *Stack) readBack(f stack.ProcessFault, p *process) string {
	switch {
	case p.gone():
		return fmt.Sprintf("pid %d is gone: %v", p.pid(), p.err)
	case f.Kind == stack.KindPause:
		return fmt.Sprintf("%d processes stand still", p.frozen.count())
	case f.Kind == stack.KindAlarm:
		return fmt.Sprintf("alarm at %d bytes of memory", memoryBeyond)
	}
	return fmt.Sprintf("pid %d, state %s", p.pid(), processState(p.pid()))
}

// feel is what a new client of the service meets, and in which words.
func (s *Stack) feel(ctx context.Context, f stack.ProcessFault, u unit) (stack.Symptom, error) {
	ctx, cancel := context.WithTimeout(ctx, feeling)
	defer cancel()
	err := u.alone()(ctx)
	var slow net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return stack.Refused, err
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return stack.Silent, err
	case err != nil:
		return stack.Broken, err
	case f.Kind == stack.KindAlarm && s.alarms(ctx, http.StatusServiceUnavailable) == nil:
		return stack.Blocked, nil
	}
	return stack.Answered, nil
}

// InForce are the faults that wait to be healed.
func (s *Stack) InForce() []stack.ProcessFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inForce()
}

func (s *Stack) inForce() []stack.ProcessFault {
	var all []stack.ProcessFault
	add := func(yes bool, f stack.ProcessFault) {
		if yes {
			all = append(all, f)
		}
	}
	for _, svc := range s.topo.Services {
		p := s.processes[svc.Name]
		if p == nil || s.ended {
			continue
		}
		over := p.gone()
		add(s.wiping[svc.Name], stack.Wipe(svc.Name)) // it was cut short
		add(over && p.expected.Load(), stack.Kill(svc.Name))
		add(!over && p.frozen.any(), stack.Pause(svc.Name))
		add(!over && p.alarmed.Load(), stack.Alarm(svc.Name))
	}
	return all
}

// note writes what is in force into stack.json, unless the stack goes down.
func (s *Stack) note() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	faults := s.inForce()
	if s.ended || slices.Equal(faults, s.state.Faults) {
		return nil
	}
	s.state.Faults = faults
	return s.state.save()
}

// Heal undoes every process fault of the services, all at once. Whatever does
// not become whole in the gentle way is restarted.
func (s *Stack) Heal(ctx context.Context, services ...topology.Name) ([]stack.Healing, error) {
	ctx, release, err := s.operate(ctx)
	if err != nil {
		return nil, fmt.Errorf("heal: %w", err)
	}
	var (
		mu     sync.Mutex
		healed []stack.Healing
		failed stack.HealError
		all    sync.WaitGroup
	)
	for _, n := range s.chosen(services) {
		all.Go(func() {
			did, err := s.heal(ctx, n)
			mu.Lock()
			defer mu.Unlock()
			healed = append(healed, did...)
			if err != nil {
				failed.Services = append(failed.Services, stack.ServiceError{Service: n, Err: err})
			}
		})
	}
	all.Wait()
	slices.SortFunc(healed, func(a, b stack.Healing) int { return cmp.Compare(a.Service, b.Service) })
	if err := release(); len(failed.Services) == 0 {
		return healed, err
	}
	return healed, &failed
}

// chosen is the services asked for, or all of the stack.
func (s *Stack) chosen(services []topology.Name) []topology.Name {
	if len(services) > 0 {
		return services
	}
	all := make([]topology.Name, len(s.units))
	for i, u := range s.units {
		all[i] = u.name
	}
	return all
}

func (s *Stack) heal(ctx context.Context, n topology.Name) (did []stack.Healing, err error) {
	err = s.with(n, func(u unit, p *process) error {
		was := s.condition(u, p)
		how, err := s.mend(ctx, u, p)
		if err != nil && ctx.Err() == nil && !p.gone() { // restarting what has just failed to start would not help
			how, was = "restarted", fmt.Sprintf("%s; %v", was, err)
			err = s.revive(ctx, u, p)
		}
		if err == nil && how != "" {
			did = append(did, stack.Healing{Service: n, Was: was, How: how})
		}
		return err
	})
	return did, err
}

// condition is what is wrong with a service, in words.
func (s *Stack) condition(u unit, p *process) string {
	switch {
	case s.isWiping(u.name):
		return "half wiped"
	case p.gone() && p.expected.Load():
		return "killed"
	case p.gone():
		return fmt.Sprintf("it had ended by itself: %v", p.err)
	case p.frozen.any() && p.alarmed.Load():
		return "paused, and in alarm"
	case p.frozen.any():
		return "paused"
	case p.alarmed.Load():
		return "in alarm"
	}
	return "running"
}

// mend does what the service's condition calls for and asks it; how is empty when
// nothing was wrong.
func (s *Stack) mend(ctx context.Context, u unit, p *process) (how string, err error) {
	if p.gone() || s.isWiping(u.name) {
		return "started", s.revive(ctx, u, p)
	}
	if p.frozen.any() {
		p.thaw()
		how = "resumed"
	}
	if p.alarmed.Load() {
		if err := s.alarmOff(ctx, p); err != nil {
			return how, err
		}
		how = "alarm off"
	}
	return how, s.ask(ctx, u)
}
