package main

import (
	"context"
	"errors"
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
	upDeadline   = 3 * time.Minute // with a cold Go build cache; warm it takes seconds
	downDeadline = 20 * time.Second
)

func openBench(ctx context.Context, kind string, base int, needs lab.Needs, out *printer) (*bench, error) {
	switch kind {
	case "native":
		cfg := needsConfig(needs)
		cfg.Base = base
		return raise(ctx, cfg, out)
	case "running":
		return attach(base)
	}
	return nil, usage("no stack is called %q; there are native and running", kind)
}

// drillCost is the bcrypt cost of a stack that is only drilled: a hash at the
// shop's own cost of 12 takes a fifth of a second of one core, and drills are not
// about guessing passwords.
const drillCost = "6"

// needsConfig is the stack for drills that need this EventFlow.
func needsConfig(n lab.Needs) native.Config {
	return native.Config{
		Env:        map[string]string{"BCRYPT_COST": drillCost},
		ServiceEnv: n.Env, Settings: n.Settings, Edits: n.Edits,
	}
}

func raise(ctx context.Context, cfg native.Config, out *printer) (*bench, error) {
	cfg.Progress = out.progress
	s := native.New(cfg)
	upCtx, cancel := context.WithTimeout(ctx, upDeadline)
	defer cancel()
	began := time.Now()
	if err := s.Up(upCtx); err != nil {
		out.endProgress()
		return nil, environment(err)
	}
	out.ready(time.Since(began), s.Endpoints())
	return &bench{endpoints: s.Endpoints(), logs: s.Logs, exits: s.Exited(), restart: s.Restart, processes: s, owners: fixed(os.Getpid()), down: s.Down}, nil
}

// fixed are owners that stay the same while the bench is open.
func fixed(pids ...int) func() []int { return func() []int { return pids } }

// attach finds a stack that another process brought up.
func attach(base int) (*bench, error) {
	state, err := running(base)
	if err != nil {
		return nil, err
	}
	return &bench{endpoints: state.Endpoints, owners: fixed(os.Getpid(), state.Lab.PID)}, nil
}

// onlyStack registers --base of the commands that work on a stack that is up.
func onlyStack(c *cobra.Command, base *int) {
	c.Flags().IntVar(base, "base", 0, "first port of the stack's block of ports (0: the only stack)")
}

// running is the stack on that block of ports, or the only one there is.
func running(base int) (native.State, error) {
	states, err := native.List()
	if err != nil {
		return native.State{}, environment(err)
	}
	var up []native.State
	for _, s := range states {
		if s.Ready && (base == 0 || s.Base == base) {
			up = append(up, s)
		}
	}
	switch {
	case len(up) == 1:
		return up[0], nil
	case len(up) == 0 && base != 0:
		return native.State{}, environment(fmt.Errorf("no stack is up on ports from %d; `lab status` lists the stacks, `lab up` starts one", base))
	case len(up) == 0:
		return native.State{}, environment(errors.New("no stack is up; start one with `lab up` (or `make up`)"))
	}
	return native.State{}, usage("%d stacks are up; choose one with --base (`lab status` lists them)", len(up))
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
