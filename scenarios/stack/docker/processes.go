package docker

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

	"github.com/moby/moby/client"

	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// feeling is how long a new client waits before it calls a service silent. On
// loopback an answer takes milliseconds.
const feeling = 500 * time.Millisecond

// Apply puts the fault in force, reads it back and feels it.
func (s *Stack) Apply(ctx context.Context, f stack.ProcessFault) (stack.Effect, error) {
	if err := f.Validate(s.topo); err != nil {
		return stack.Effect{}, err
	}
	if err := s.apply(ctx, f); err != nil {
		return stack.Effect{}, err
	}
	effect := stack.Effect{Fault: f, At: time.Now()}
	err := s.with(f.Service, func(u *unit, b *box) error {
		effect.ReadBack = s.readBack(ctx, f, b)
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

// readBack is what the engine says of the service's container, and the broker of its
// alarm.
func (s *Stack) readBack(ctx context.Context, f stack.ProcessFault, b *box) string {
	if f.Kind == stack.KindAlarm && !b.life.gone() {
		return fmt.Sprintf("alarm at %d bytes of memory", memoryBeyond)
	}
	return s.engineSays(ctx, b)
}

// engineSays is the engine's word on a container.
func (s *Stack) engineSays(ctx context.Context, b *box) string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	now, err := s.engine.ContainerInspect(ctx, b.id, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Sprintf("the engine does not say: %v", err)
	}
	state := now.Container.State
	says := fmt.Sprintf("container %.12s is %s", b.id, state.Status)
	if !state.Running {
		return fmt.Sprintf("%s: %v", says, ending(state.ExitCode, state.OOMKilled))
	}
	return fmt.Sprintf("%s, pid %d", says, state.Pid)
}

// feel is what a new client of the service meets, and in which words. The engine
// accepts on a published port for as long as the container lives: who meets refusal
// meets nobody.
func (s *Stack) feel(ctx context.Context, f stack.ProcessFault, u *unit) (stack.Symptom, error) {
	ctx, cancel := context.WithTimeout(ctx, feeling)
	defer cancel()
	err := u.answers(ctx)
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
	var all []stack.ProcessFault
	add := func(yes bool, f stack.ProcessFault) {
		if yes {
			all = append(all, f)
		}
	}
	for _, svc := range s.topo.Services {
		b := s.boxes[svc.Name]
		if b == nil || s.ended {
			continue
		}
		over := b.life.gone()
		add(b.wiping, stack.Wipe(svc.Name)) // it was cut short
		add(over && b.life.expected.Load(), stack.Kill(svc.Name))
		add(!over && b.life.paused.Load(), stack.Pause(svc.Name))
		add(!over && b.life.alarmed.Load(), stack.Alarm(svc.Name))
	}
	return all
}

// Heal undoes every process fault of the services, all at once. Whatever does
// not become whole in the gentle way is restarted.
func (s *Stack) Heal(ctx context.Context, services ...topology.Name) ([]stack.Healing, error) {
	ctx, release, err := s.operate(ctx)
	if err != nil {
		return nil, fmt.Errorf("heal: %w", err)
	}
	defer release()
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
	if len(failed.Services) == 0 {
		return healed, nil
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
	err = s.with(n, func(u *unit, b *box) error {
		was := s.condition(u, b)
		how, err := s.mend(ctx, u, b)
		if err != nil && ctx.Err() == nil && !b.life.gone() { // restarting what has just failed to start would not help
			how, was = "restarted", fmt.Sprintf("%s; %v", was, err)
			err = s.revive(ctx, u, b)
		}
		if err == nil && how != "" {
			did = append(did, stack.Healing{Service: n, Was: was, How: how})
		}
		return err
	})
	return did, err
}

// condition is what is wrong with a service, in words.
func (s *Stack) condition(u *unit, b *box) string {
	switch l := b.life; {
	case s.isWiping(u.name):
		return "half wiped"
	case l.gone() && l.expected.Load():
		return "killed"
	case l.gone():
		return fmt.Sprintf("it had ended by itself: %v", l.err)
	case l.paused.Load() && l.alarmed.Load():
		return "paused, and in alarm"
	case l.paused.Load():
		return "paused"
	case l.alarmed.Load():
		return "in alarm"
	}
	return "running"
}

// mend does what the service's condition calls for and asks it; how is empty when
// nothing was wrong.
func (s *Stack) mend(ctx context.Context, u *unit, b *box) (how string, err error) {
	if b.life.gone() || s.isWiping(u.name) {
		return "started", s.revive(ctx, u, b)
	}
	if b.life.paused.Load() {
		if err := s.thaw(ctx, b); err != nil {
			return how, err
		}
		how = "resumed"
	}
	if b.life.alarmed.Load() {
		if err := s.alarmOff(ctx, b); err != nil {
			return how, err
		}
		how = "alarm off"
	}
	return how, s.await(ctx, u)
}
