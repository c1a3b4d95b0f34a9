package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"eventflow/scenarios/lab"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/native"
	"eventflow/toxiproxy/topology"
)

// bench is the stack that drills run on, brought up for them or found running.
type bench struct {
	endpoints stack.Endpoints
	logs      func(context.Context, topology.Name) (io.ReadCloser, error)
	exits     <-chan stack.Exit
	restart   func(context.Context, topology.Name) error // nil: not ours to restart
	processes stack.Processes                            // nil: not ours to break
	owners    func() []int                               // processes whose work, and their children's, is the drill's own; nil: not known
	down      func(context.Context) error                // nil: not ours to stop
}

const (
	upDeadline   = 10 * time.Minute // with images to be built and cold caches; warm it takes seconds
	downDeadline = 30 * time.Second
)

// The kinds of stack that drills run on.
const (
	onNative  = "native"
	onDocker  = "docker"
	onRunning = "running"
)

// stackFlags say which kind of stack a command works on; where it is one that is up,
// which.
type stackFlags struct {
	kind string
	target
}

func (f *stackFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.kind, "stack", onNative, "a stack of its own, `native` (processes of this machine) or docker; or running: one that is up")
	f.target.register(c)
	c.Flags().Lookup("base").Usage = "first port of the stack's block of ports (0: a free block; with --stack running: the only stack)"
}

// settle takes a stack that was described for a stack that is up.
func (f *stackFlags) settle(c *cobra.Command) error {
	if err := knownKind(f.kind); err != nil {
		return err
	}
	described, err := f.target.described()
	switch {
	case err != nil:
		return err
	case described && !c.Flags().Changed("stack"):
		f.kind = onRunning
	case described && f.kind != onRunning && f.target.flagged(c):
		return usage("--stack %s brings up a stack of its own, and the addresses describe one that is up: choose --stack running, or leave the addresses out", f.kind)
	}
	return nil
}

// open finds the stack, or brings up one that is set up as needed.
func (f stackFlags) open(ctx context.Context, n lab.Needs, out *printer) (*bench, error) {
	if f.kind != onRunning {
		return raise(ctx, f.kind, plan{base: f.port, needs: n}, out)
	}
	s, err := f.target.whole(ctx)
	if err != nil {
		return nil, err
	}
	out.line("stack: %s; shop %s, proxies %s", s.what, s.endpoints.Shop, s.endpoints.Toxiproxy)
	return &bench{endpoints: s.endpoints, owners: s.owners}, nil
}

// plan is what a stack of the lab's own is made of.
type plan struct {
	base   int       // first port of its block; 0: a free block
	needs  lab.Needs // on top of EventFlow's defaults
	mutant string    // the bug that the needs plant; empty: none
}

// drillCost is the bcrypt cost of a stack that is only drilled: a hash at the
// shop's own cost of 12 takes a fifth of a second of one core, and drills are not
// about guessing passwords.
const drillCost = "6"

func (p plan) env() map[string]string { return map[string]string{"BCRYPT_COST": drillCost} }

func (p plan) native() native.Config {
	return native.Config{
		Base: p.base, Env: p.env(), ServiceEnv: p.needs.Env, Settings: p.needs.Settings, Edits: p.needs.Edits, Mutant: p.mutant,
	}
}

// own is a stack that the lab brings up itself, and may break.
type own interface {
	stack.Stack
	stack.Processes
	Exited() <-chan stack.Exit
	Restart(context.Context, topology.Name) error
}

// knownKind refuses a kind of stack that this lab does not know, or was not built for.
func knownKind(kind string) error {
	switch kind {
	case onNative, onRunning:
		return nil
	case onDocker:
		return startsContainers()
	}
	return usage("no stack is called %q; there are native, docker and running", kind)
}

// raise brings up a stack of that kind.
func raise(ctx context.Context, kind string, p plan, out *printer) (*bench, error) {
	if kind == onDocker {
		return raiseDocker(ctx, p, out)
	}
	return raiseNative(ctx, p.native(), out)
}

func raiseNative(ctx context.Context, cfg native.Config, out *printer) (*bench, error) {
	cfg.Progress = out.progress
	return bringUp(ctx, native.New(cfg), fixed(os.Getpid()), out)
}

// fixed are owners that stay the same while the bench is open.
func fixed(pids ...int) func() []int { return func() []int { return pids } }

func bringUp(ctx context.Context, s own, owners func() []int, out *printer) (*bench, error) {
	upCtx, cancel := context.WithTimeout(ctx, upDeadline)
	defer cancel()
	out.nothingReady()
	began := time.Now()
	err := watched(func() error { return s.Up(upCtx) }, func() { out.onTheWay(time.Since(began)) })
	if err != nil {
		out.endProgress()
		return nil, environment(err)
	}
	out.ready(time.Since(began), s.Endpoints())
	return &bench{endpoints: s.Endpoints(), logs: s.Logs, exits: s.Exited(), restart: s.Restart, processes: s, owners: owners, down: s.Down}, nil
}

// watched calls work, and tell a few times a second until it returns: to build the
// first images takes minutes in which no service makes a step.
func watched(work func() error, tell func()) error {
	ended := make(chan error, 1)
	go func() { ended <- work() }()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
			tell()
		}
	}
}

// close stops what was brought up here, on a fresh context: an interrupted run
// leaves nothing behind either.
func (b *bench) close(ctx context.Context) error {
	if b.down == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), downDeadline)
	defer cancel()
	if err := b.down(ctx); err != nil {
		return fmt.Errorf("stop the stack: %w", err)
	}
	return nil
}
