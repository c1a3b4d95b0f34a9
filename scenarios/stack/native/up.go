package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/change"
	"eventflow/toxiproxy/topology"
)

// unit is how one service is brought up. Its ready question is asked in the
// service's own protocol.
type unit struct {
	name    topology.Name
	needs   []topology.Name             // must be ready before it starts
	prepare func(context.Context) error // its files and data; once; may be nil
	command func() command              // asked again at every restart
	ready   func(context.Context) error // with all that it needs
	answers func(context.Context) error // by itself, whatever it needs is broken; nil: as ready
	settle  func(context.Context) error // once, after it is ready for the first time; may be nil
	orderly bool                        // deserves SIGTERM and time to finish
	data    string                      // folder with all that it keeps, which prepare makes; empty: it keeps nothing
}

// alone is the question whether the service itself is there.
func (u unit) alone() func(context.Context) error {
	if u.answers != nil {
		return u.answers
	}
	return u.ready
}

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
	return errors.Join(fmt.Errorf("native stack: %w", err), s.Down(clean))
}

// begin makes sure that a stack goes up once, and lets Down interrupt it.
func (s *Stack) begin(abort context.CancelCauseFunc) error {
	s.life.Lock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.abort != nil {
		s.life.Unlock()
		return errors.New("native stack: it goes up only once; make a new one")
	}
	s.abort = abort
	return nil
}

func (s *Stack) up(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	source, err := change.Source(s.cfg.Source)
	if err != nil {
		return err
	}
	if err := s.cfg.changes().Validate(); err != nil {
		return err
	}
	if s.tools, err = findTools(s.wants); err != nil {
		return err
	}
	if err := s.occupy(ctx); err != nil {
		return err
	}
	if err := s.edit(source); err != nil {
		return err
	}
	s.units = s.plan(source)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.provide(gctx, source) })
	done := map[topology.Name]chan struct{}{}
	for _, u := range s.units {
		done[u.name] = make(chan struct{})
	}
	for _, u := range s.units {
		g.Go(func() error { return s.raise(gctx, u, done) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return s.markReady()
}

// plan is the units of the services that are wanted.
func (s *Stack) plan(source string) []unit {
	all := []unit{s.postgres(), s.redis(), s.rabbitmq(), s.toxiproxy(), s.prometheus(source), s.nginx(source)}
	for _, p := range stack.Programs() {
		all = append(all, s.program(p))
	}
	var chosen []unit
	for _, u := range all {
		if s.wants(u.name) {
			chosen = append(chosen, u)
		}
	}
	return chosen
}

// provide puts the built programs into the stack's bin folder. Servers that need
// none start meanwhile.
func (s *Stack) provide(ctx context.Context, source string) error {
	wanted := s.wantedPrograms()
	if err := s.buildEdited(ctx, source, wanted); err != nil {
		return err
	}
	programs, err := s.programs(ctx, source, wanted)
	if err != nil {
		return err
	}
	for name, path := range programs {
		if err := link(path, s.path("bin", name)); err != nil {
			return err
		}
	}
	close(s.built)
	return nil
}

// Programs builds what Up would build if nothing were edited, without starting
// anything, and returns where each program lies by its name.
func (s *Stack) Programs(ctx context.Context) (map[string]string, error) {
	source, err := change.Source(s.cfg.Source)
	if err != nil {
		return nil, err
	}
	return s.programs(ctx, source, s.wantedPrograms())
}

func (s *Stack) programs(ctx context.Context, source string, wanted map[string]string) (map[string]string, error) {
	paths := map[string]string{}
	var missing []string
	for name, pkg := range wanted {
		paths[name] = filepath.Join(s.cfg.Bin, name)
		if _, err := os.Stat(paths[name]); s.cfg.Bin == "" || err != nil {
			missing = append(missing, pkg)
			delete(paths, name)
		}
	}
	if len(missing) == 0 {
		return paths, nil
	}
	slices.Sort(missing)
	dir, err := build(ctx, source, missing)
	if err != nil {
		return nil, err
	}
	for _, pkg := range missing {
		paths[filepath.Base(pkg)] = filepath.Join(dir, filepath.Base(pkg))
	}
	return paths, nil
}

// wantedPrograms maps each program that the stack runs to its package.
func (s *Stack) wantedPrograms() map[string]string {
	wanted := map[string]string{}
	if s.wants(topology.Toxiproxy) {
		wanted[toxiproxyBinary] = toxiproxyPackage
	}
	for _, p := range stack.Programs() {
		if s.wants(p.Service) {
			wanted[p.Binary] = change.Package(p.Binary)
		}
	}
	return wanted
}

// raise brings one service up and then tells those that wait for it.
func (s *Stack) raise(ctx context.Context, u unit, done map[topology.Name]chan struct{}) (err error) {
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
	if u.prepare != nil {
		report(stack.Preparing, nil)
		if err := u.prepare(ctx); err != nil {
			return err
		}
	}
	if err := s.await(ctx, u, done); err != nil {
		return err
	}
	report(stack.Starting, nil)
	if err := s.start(ctx, u, u.ready); err != nil {
		return err
	}
	if u.settle != nil {
		if err := u.settle(ctx); err != nil {
			return err
		}
	}
	report(stack.Ready, nil)
	close(done[u.name])
	return nil
}

// await waits for the programs, if the service is one of ours, and for the
// services that it needs.
func (s *Stack) await(ctx context.Context, u unit, done map[topology.Name]chan struct{}) error {
	wait := []<-chan struct{}{}
	if u.name == topology.Toxiproxy || u.orderly {
		wait = append(wait, s.built)
	}
	for _, n := range u.needs {
		if c := done[n]; c != nil {
			wait = append(wait, c)
		}
	}
	for _, c := range wait {
		select {
		case <-c:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// start starts one life of a service and waits until the question is answered, or
// it dies.
func (s *Stack) start(ctx context.Context, u unit, question func(context.Context) error) error {
	p, err := s.launch.launch(u.command(), s.logPath(u.name), func(p *process) { s.exited(u.name, p) })
	if err != nil {
		return err
	}
	if err := s.adopt(u.name, p); err != nil {
		return errors.Join(err, p.kill())
	}
	ctx, give := context.WithCancelCause(ctx)
	defer give(nil)
	go s.watch(ctx, p, give)
	if err := stack.Until(ctx, poll, question); err != nil {
		return fmt.Errorf("not ready: %w%s", err, stack.Quote([]byte(lastLines(s.logPath(u.name)))))
	}
	return nil
}

// watch ends the wait for a service that has died, or had its time. The time
// counts from when the programs are built: a compiler at work leaves a server
// next to nothing of a small machine.
func (s *Stack) watch(ctx context.Context, p *process, give context.CancelCauseFunc) {
	late := make(<-chan time.Time)
	built := s.built
	for {
		select {
		case <-built:
			timer := time.NewTimer(s.cfg.ReadyTimeout)
			defer timer.Stop()
			late, built = timer.C, nil
		case <-late:
			give(fmt.Errorf("no answer within %v: %w", s.cfg.ReadyTimeout, context.DeadlineExceeded))
			return
		case <-p.done:
			give(fmt.Errorf("it ended: %w", p.err))
			return
		case <-ctx.Done():
			return
		}
	}
}

// adopt notes a child in stack.json, unless the stack is going down.
func (s *Stack) adopt(n topology.Name, p *process) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errDown
	}
	s.processes[n] = p
	s.state.Children[n] = Process{PID: p.pid(), Start: p.mark}
	return s.state.save()
}

// exited passes on an end that nobody asked for.
func (s *Stack) exited(n topology.Name, p *process) {
	if p.expected.Load() {
		return
	}
	select {
	case s.exits <- stack.Exit{Service: n, At: time.Now(), Err: p.err, Log: lastLines(s.logPath(n))}:
	default: // nobody reads
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

func (s *Stack) markReady() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Ready = true
	return s.state.save()
}
