package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"eventflow/scenarios/mutants"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/native"
	"eventflow/toxiproxy/topology"
)

type upFlags struct {
	base   int
	free   bool
	detach bool
	mutant string
}

func upCommand() *cobra.Command {
	var f upFlags
	c := &cobra.Command{
		Use:   "up",
		Short: "start EventFlow for people and print every address; Ctrl-C stops it",
		Long: "up starts EventFlow with every link behind Toxiproxy, on the ports that people know (shop 8888, Toxiproxy 8474, Prometheus 9090), " +
			"and stops it on Ctrl-C. With --detach it goes on in the background until `lab down`.",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.mutant != "" {
				if _, err := findMutant(f.mutant); err != nil {
					return err
				}
			}
			if f.detach {
				return detach(c, f)
			}
			return up(c, f)
		},
	}
	c.Flags().StringVar(&f.mutant, "mutant", "", "plant this bug in the shop, for a class to find (`lab mutants --list` says which there are)")
	if err := c.RegisterFlagCompletionFunc("mutant", completeMutants); err != nil {
		panic(err) // the flag stands one line above
	}
	c.Flags().IntVar(&f.base, "base", topology.DemoBase, "first port of the stack's block of ports")
	c.Flags().BoolVar(&f.free, "any-port", false, "take a free block of ports and leave the well-known ports alone")
	c.Flags().BoolVarP(&f.detach, "detach", "d", false, "return when the stack is ready and leave it running")
	return c
}

func (f upFlags) config() native.Config {
	cfg := native.Config{Base: f.base, Public: true, Env: map[string]string{}}
	if f.free {
		cfg.Base, cfg.Public = 0, false
	}
	if m, ok := mutants.Find(f.mutant); ok {
		cfg.Mutant, cfg.Edits, cfg.Settings, cfg.ServiceEnv = m.Name, m.Needs.Edits, m.Needs.Settings, m.Needs.Env
	}
	return cfg
}

// warn says loudly that this shop has a bug, and how to see it.
func warn(out *printer, name string) {
	m, ok := mutants.Find(name)
	if !ok {
		return
	}
	out.line("\n%s  %s", out.paint(red, "THIS EVENTFLOW HAS A PLANTED BUG: "+m.Name), m.ID)
	out.line("  %s\n  %s", m.Lesson.EN, m.Lesson.ES)
	drill, err := drillFor(m)
	how := fmt.Sprintf("bin/lab mutants %s   # on a stack of its own", m.Name)
	if err == nil && drill.OwnStack() == "" {
		how = fmt.Sprintf("bin/lab run %s --stack running", m.Scenario)
	}
	out.line("  to see it (%s is broken): %s", strings.Join(m.Anomaly, " or "), how)
}

func up(c *cobra.Command, f upFlags) (err error) {
	ctx, out := c.Context(), newPrinter(c)
	bench, err := raiseNative(ctx, f.config(), out)
	if err != nil {
		return errors.Join(f.inTheWay(ctx), err)
	}
	defer func() { err = errors.Join(err, bench.close(ctx)) }()
	addresses(out, bench.endpoints)
	warn(out, bench.endpoints.Mutant)
	out.line("\nCtrl-C stops it. In another terminal:\n  bin/lab cut postgres      bin/lab heal      bin/lab run postgres-cut --stack running")
	for {
		select {
		case <-ctx.Done():
			out.line("stopping")
			if errors.Is(context.Cause(ctx), errInterrupted) {
				return &codedError{exitInterrupted, errSaid}
			}
			return nil
		case exit := <-bench.exits:
			out.line("%s ended by itself: %v\n%s", exit.Service, exit.Err, exit.Log)
			bench.revive(ctx, exit.Service, out)
		}
	}
}

// inTheWay says which stack has the ports that people know, where it is that of
// docker-compose.yml: thirty ports by their numbers would not.
func (f upFlags) inTheWay(ctx context.Context) error {
	up, err := natives(0)
	if f.free || err != nil || slices.ContainsFunc(up, func(s site) bool { return s.native.Public }) {
		return nil // other ports were asked for, or the error itself tells
	}
	if s, err := composeSite(ctx); err == nil {
		return environment(fmt.Errorf("the stack %s is up%s; or choose --any-port", s.what, s.ends()))
	}
	return nil
}

// reviveDeadline is for one service; RabbitMQ, the slowest, takes under two
// seconds.
const reviveDeadline = 20 * time.Second

// revive starts a service again that ended by itself: people are in the room. A
// dead proxy server is all links down at once, and whole again with its successor.
func (b *bench) revive(ctx context.Context, service topology.Name, out *printer) {
	if service == topology.Toxiproxy {
		out.line("all links are down until the proxy server is back; faults that were in force are gone with it")
	}
	ctx, cancel := context.WithTimeout(ctx, reviveDeadline)
	defer cancel()
	if err := b.restart(ctx, service); err != nil {
		out.line("%s could not be started again: %v; end the stack with Ctrl-C and start it anew", service, err)
		return
	}
	out.line("%s is back", service)
}

func addresses(out *printer, e stack.Endpoints) {
	out.line("")
	for _, row := range [][2]string{
		{"shop", e.Shop},
		{"events (API)", e.Shop + "/api/events"},
		{"Toxiproxy API", e.Toxiproxy + "/proxies"},
		{"Prometheus", e.Prometheus},
		{"RabbitMQ", e.RabbitAPI},
		{"PostgreSQL", e.Observer},
	} {
		out.line("  %-14s %s", row[0], row[1])
	}
}

// detach starts this program again in a session of its own and waits until that
// one's stack is ready.
func detach(c *cobra.Command, f upFlags) error {
	if f.free {
		return usage("--detach needs a known block of ports: use --base rather than --any-port")
	}
	log, err := os.CreateTemp("", "eventflow-up-*.log")
	if err != nil {
		return environment(fmt.Errorf("create log: %w", err))
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	child := exec.Command(self, "up", "--base", strconv.Itoa(f.base), "--mutant", f.mutant)
	child.Stdout, child.Stderr = log, log
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	return awaitDetached(c, f.base, child, log.Name())
}

func awaitDetached(c *cobra.Command, base int, child *exec.Cmd, log string) error {
	out := newPrinter(c)
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	began := time.Now()
	for {
		select {
		case <-ended:
			said, err := os.ReadFile(log)
			return environment(errors.Join(fmt.Errorf("the stack did not come up:\n%s", said), err))
		case <-c.Context().Done():
			return errors.Join(c.Context().Err(), child.Process.Signal(syscall.SIGTERM))
		case <-time.After(100 * time.Millisecond):
		}
		out.move(fmt.Sprintf("stack: starting, %.0f s", time.Since(began).Seconds()))
		s, err := native.Load(base)
		if err == nil && s.Ready && s.Lab.PID == child.Process.Pid {
			out.line("stack: ready in %.1f s, in the background (log %s)", time.Since(began).Seconds(), log)
			addresses(out, s.Endpoints)
			warn(out, s.Endpoints.Mutant)
			out.line("\n`lab down` stops it.")
			return nil
		}
	}
}

func downCommand() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use:   "down",
		Short: "stop a stack that another lab started; of another stack, say what stops it",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := native.Sweep(c.Context()); err != nil {
				return environment(err)
			}
			ctx, cancel := context.WithTimeout(c.Context(), downDeadline)
			defer cancel()
			s, err := t.links(ctx)
			switch {
			case err != nil:
				return err
			case s.native == nil:
				return usage("%s was not started by this lab, which does not end it either%s", s.what, s.ends())
			}
			if err := native.Stop(ctx, s.native.Base); err != nil {
				return environment(err)
			}
			newPrinter(c).line("stack on ports from %d is down", s.native.Base)
			return nil
		},
	}
	t.registerLinks(c)
	return c
}

func writeJSON(c *cobra.Command, v any) error {
	enc := json.NewEncoder(c.OutOrStdout())
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
