package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/native"
	"eventflow/scenarios/stack/running"
	"eventflow/toxiproxy/topology"
)

// target says which of the stacks that are up a command works on: the one that the
// flags, or the variables that stand for them, describe; else the one on those
// ports; else the only one.
type target struct {
	port   int            // first of the stack's block; 0: nobody said
	at     running.Config // where a stack answers that this lab did not start
	health []string
}

// registerLinks registers what breaking and healing links needs.
func (t *target) registerLinks(c *cobra.Command) {
	c.Flags().IntVar(&t.port, "base", 0, "first port of the stack's block of ports (0: the only stack)")
	t.registerAt(c, func(s running.Setting) bool { return s.Flag == running.ProxyFlag })
}

// register registers all that drills need.
func (t *target) register(c *cobra.Command) {
	c.Flags().IntVar(&t.port, "base", 0, "first port of the stack's block of ports (0: the only stack)")
	t.registerAt(c, func(running.Setting) bool { return true })
	c.Flags().StringArrayVar(&t.health, running.HealthFlag, nil, "`NAME=URL` of each of the running stack's app-1, app-2, app-3, auth, consumer: what they count is read there (or "+running.HealthEnv+")")
}

func (t *target) registerAt(c *cobra.Command, which func(running.Setting) bool) {
	for _, s := range t.at.Settings() {
		if which(s) {
			c.Flags().StringVar(s.Value, s.Flag, "", fmt.Sprintf("running stack's `URL` of %s (or %s)", s.Why, s.Env))
		}
	}
}

// flagged says whether the command line itself describes a stack.
func (t *target) flagged(c *cobra.Command) bool {
	for _, s := range t.at.Settings() {
		if c.Flags().Changed(s.Flag) {
			return true
		}
	}
	return c.Flags().Changed(running.HealthFlag)
}

// described completes the description from the environment, and says whether there
// is one. A block of ports names a stack of this machine, whatever the environment
// says.
func (t *target) described() (bool, error) {
	if len(t.health) > 0 {
		if err := t.at.SetHealth(t.health); err != nil {
			return false, usage("--%s: %w", running.HealthFlag, err)
		}
	}
	switch {
	case t.port != 0 && !t.at.Zero():
		return false, usage("--base names a stack of this machine, and the addresses describe another: leave one of them out")
	case t.port != 0:
		return false, nil
	}
	if err := t.at.Complete(os.Getenv); err != nil {
		return false, usage("%w", err)
	}
	return !t.at.Zero(), nil
}

// site is a stack that is up, whoever runs it.
type site struct {
	what      string // for people
	endpoints stack.Endpoints
	owners    func() []int  // see bench
	native    *native.State // nil: no lab runs it
	secrets   string        // the file that its passwords were read from; empty: they were stated
}

// askDeadline bounds the search for a stack, with a question to each of its parts.
const askDeadline = 10 * time.Second

// links is the stack, as far as breaking and healing its links needs: it is found
// while its stores are down.
func (t target) links(ctx context.Context) (site, error) { return t.find(ctx, false) }

// whole is the stack with all that a drill needs; each part has answered.
func (t target) whole(ctx context.Context) (site, error) { return t.find(ctx, true) }

func (t target) find(ctx context.Context, whole bool) (site, error) {
	ctx, cancel := context.WithTimeout(ctx, askDeadline)
	defer cancel()
	described, err := t.described()
	switch {
	case err != nil:
		return site{}, err
	case described:
		return t.stated(ctx, whole)
	}
	up, err := natives(t.port)
	if err != nil {
		return site{}, environment(err)
	}
	switch {
	case len(up) == 1:
		return up[0], nil
	case len(up) > 1:
		return site{}, usage("%d stacks are up; choose one with --base (`lab status` lists them)", len(up))
	}
	s, err := t.compose(ctx, whole)
	if err != nil {
		return site{}, environment(err)
	}
	return s, nil
}

// stated is the stack that was described.
func (t target) stated(ctx context.Context, whole bool) (site, error) {
	find := t.at.Links
	if whole {
		find = t.at.Attach
	}
	e, err := find(ctx, topology.EventFlow())
	var missing *running.MissingError
	switch {
	case errors.As(err, &missing):
		return site{}, usage("%w", err)
	case err != nil:
		return site{}, environment(err)
	}
	return site{what: "the one whose proxies are at " + e.Toxiproxy, endpoints: e}, nil
}

// natives are the stacks of this machine that are ready, on that block of ports or
// on any.
func natives(base int) ([]site, error) {
	states, err := native.List()
	if err != nil {
		return nil, err
	}
	var up []site
	for _, s := range states {
		if s.Ready && (base == 0 || s.Base == base) {
			up = append(up, site{
				what: fmt.Sprintf("native, on ports from %d", s.Base), endpoints: s.Endpoints,
				owners: fixed(os.Getpid(), s.Lab.PID), native: &s,
			})
		}
	}
	return up, nil
}

// ends says what ends a stack that no lab runs.
func (s site) ends() string {
	if s.endpoints.Name == composeName {
		return "; `docker compose down` ends it, with --volumes its data too (or `make down STACK=docker`)"
	}
	return ""
}
