package docker

import (
	"context"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// listen hears from the engine of every container of this stack that ends, until
// the stack is down.
func (s *Stack) listen() {
	ctx, stop := context.WithCancel(context.Background())
	over, ready := make(chan struct{}), make(chan struct{})
	s.deafen = func() { stop(); <-over }
	go func() {
		defer close(over)
		for first := true; ctx.Err() == nil; first = false {
			said := s.engine.Events(ctx, client.EventsListOptions{Filters: s.whatMatters()})
			if first {
				close(ready)
			}
			s.catchUp(ctx)
			s.hear(ctx, said)
		}
	}()
	<-ready
}

func (s *Stack) whatMatters() client.Filters {
	return client.Filters{}.
		Add("type", string(events.ContainerEventType)).
		Add("event", string(events.ActionDie), string(events.ActionOOM)).
		Add("label", labelStack+"="+s.id)
}

// hear listens until the connection to the engine breaks.
func (s *Stack) hear(ctx context.Context, said client.EventsResult) {
	for {
		select {
		case m := <-said.Messages:
			s.note(m)
		case <-said.Err:
			pause := time.NewTimer(poll)
			defer pause.Stop()
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
			return
		}
	}
}

func (s *Stack) note(m events.Message) {
	n, l := s.lifeOf(m.Actor.ID)
	switch {
	case l == nil: // of a container that was wiped
	case m.Action == events.ActionOOM:
		l.starved.Store(true)
	default:
		code, err := strconv.Atoi(m.Actor.Attributes["exitCode"])
		if err != nil {
			code = -1 // the engine does not know
		}
		s.passed(n, l, code)
	}
}

// catchUp asks for the containers that have ended while nobody listened.
func (s *Stack) catchUp(ctx context.Context) {
	for n, l := range s.living() {
		b, err := s.box(n)
		if err != nil {
			continue
		}
		now, err := s.engine.ContainerInspect(ctx, b.id, client.ContainerInspectOptions{})
		if err != nil || now.Container.State == nil || now.Container.State.Running {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, now.Container.State.FinishedAt)
		if err == nil && at.After(l.begun) { // else of the life before
			s.passed(n, l, now.Container.State.ExitCode)
		}
	}
}

func (s *Stack) living() map[topology.Name]*life {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[topology.Name]*life{}
	for n, b := range s.boxes {
		if !b.life.gone() {
			all[n] = b.life
		}
	}
	return all
}

func (s *Stack) lifeOf(id string) (topology.Name, *life) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, b := range s.boxes {
		if b.id == id {
			return n, b.life
		}
	}
	return "", nil
}

// passed notes the end of a life, and reports one that nobody asked for.
func (s *Stack) passed(n topology.Name, l *life, code int) {
	if !l.end(ending(code, l.starved.Load())) || l.expected.Load() {
		return
	}
	at := time.Now()
	go func() { // the engine is asked for the log
		select {
		case s.exits <- stack.Exit{Service: n, At: at, Err: l.err, Log: s.tail(n)}:
		default: // nobody reads
		}
	}()
}

// ending is a status in words. Above 128 a signal has ended the first process.
func ending(code int, starved bool) error {
	switch {
	case starved:
		return fmt.Errorf("exit status %d: out of memory", code)
	case code > 128 && code < 128+65:
		return fmt.Errorf("exit status %d: signal: %v", code, syscall.Signal(code-128))
	}
	return fmt.Errorf("exit status %d", code)
}
