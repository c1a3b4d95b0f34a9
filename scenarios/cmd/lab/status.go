package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"eventflow/scenarios/lab"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/native"
	"eventflow/scenarios/stack/running"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// stackStatus is what `lab status --json` says of one stack.
type stackStatus struct {
	Name   string             `json:"name"`             // native, compose, running
	Base   int                `json:"base,omitempty"`   // first port of its block; absent: it has none that is known
	PID    int                `json:"pid,omitempty"`    // of the lab that runs it; absent: none does
	Public bool               `json:"public,omitempty"` // on the ports that people know
	Since  time.Time          `json:"since,omitzero"`
	Ready  bool               `json:"ready"`
	Wanted string             `json:"wanted,omitempty"` // why it is not ready
	Shop   string             `json:"shop"`
	Links  []fault.LinkStatus `json:"links,omitempty"`
	Error  string             `json:"error,omitempty"` // why the links are not known
}

func statusCommand() *cobra.Command {
	var t target
	var asJSON, wait bool
	c := &cobra.Command{
		Use:   "status",
		Short: "which stacks are up, and which of their links are broken",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if wait {
				return t.await(c.Context(), newPrinter(c))
			}
			all, err := t.statuses(c.Context())
			switch {
			case asJSON:
				return errors.Join(err, writeJSON(c, all))
			case err == nil || len(all) > 0:
				printStatuses(newPrinter(c), all)
			}
			return err
		},
	}
	t.registerLinks(c)
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	c.Flags().BoolVar(&wait, "wait", false, "wait until the stack is whole, every program with all that it depends on, and print its addresses")
	return c
}

// awaitDeadline is for a stack that has been started and is on its way.
const awaitDeadline = time.Minute

// await returns when every part of the stack answers and every program calls all
// that it depends on reachable.
func (t target) await(ctx context.Context, out *printer) error {
	ctx, cancel := context.WithTimeout(ctx, awaitDeadline)
	defer cancel()
	var s site
	began := time.Now()
	err := stack.Until(ctx, 250*time.Millisecond, func(ctx context.Context) (err error) {
		if s, err = t.whole(ctx); err == nil {
			err = running.Ready(ctx, s.endpoints)
		}
		if err != nil {
			out.move(fmt.Sprintf("stack: waiting for %.0f s: %s", time.Since(began).Seconds(), lastLine(err.Error())))
		}
		return err
	})
	out.endProgress()
	if err != nil {
		return environment(err)
	}
	out.line("stack: %s; every part answers, every link is whole", s.what)
	addresses(out, s.endpoints)
	warn(out, s.endpoints.Mutant)
	out.line("\n  bin/lab cut postgres      bin/lab heal      bin/lab run postgres-cut --stack running")
	return nil
}

// statuses are those of the stack that was described, or of all on this machine; with
// an error, of those that could be asked.
func (t target) statuses(ctx context.Context) ([]stackStatus, error) {
	described, err := t.described()
	if err != nil {
		return nil, err
	}
	if described {
		s, err := t.stated(ctx, false)
		if err != nil {
			return nil, err
		}
		st := stackStatus{Name: s.endpoints.Name, Shop: t.at.Shop, Ready: true}
		st.look(ctx, s)
		return []stackStatus{st}, nil
	}
	all, err := ours(ctx, t.port)
	if err != nil {
		return nil, environment(err)
	}
	if t.port != 0 && t.port != topology.DemoBase {
		return all, nil
	}
	more, err := others(ctx, all)
	return append(all, more...), environment(err)
}

// ours are the stacks that labs of this user run.
func ours(ctx context.Context, base int) ([]stackStatus, error) {
	states, err := native.List()
	if err != nil {
		return nil, err
	}
	all := []stackStatus{}
	for _, s := range states {
		if base == 0 || s.Base == base {
			st := stackStatus{Name: s.Endpoints.Name, Base: s.Base, Public: s.Public, PID: s.Lab.PID, Since: s.Started, Ready: s.Ready, Shop: s.Endpoints.Shop}
			st.look(ctx, site{endpoints: s.Endpoints})
			all = append(all, st)
		}
	}
	return all, nil
}

// others is the stack of docker-compose.yml, unless one of ours has its ports.
func others(ctx context.Context, ours []stackStatus) ([]stackStatus, error) {
	if slices.ContainsFunc(ours, func(s stackStatus) bool { return s.Public }) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askDeadline)
	defer cancel()
	s, err := composeSite(ctx)
	switch {
	case errors.Is(err, errNotUp):
		return nil, nil
	case err != nil:
		return nil, err
	}
	st := stackStatus{Name: composeName, Base: topology.DemoBase, Public: true, Shop: s.endpoints.Shop, Ready: true}
	if err := s.ask(ctx); err != nil {
		st.Ready, st.Wanted = false, err.Error()
	}
	st.look(ctx, s)
	return []stackStatus{st}, nil
}

// look asks the proxy server for the links.
func (st *stackStatus) look(ctx context.Context, s site) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var err error
	if st.Links, err = lab.NewInjector(topology.EventFlow(), s.endpoints).Status(ctx); err != nil {
		st.Error = err.Error()
	}
}

func printStatuses(out *printer, all []stackStatus) {
	if len(all) == 0 {
		out.line("no stack is up; `lab up` starts one")
		return
	}
	for _, s := range all {
		out.line("%s", s.headline())
		if s.Wanted != "" {
			out.line("  %s", s.Wanted)
		}
		if s.Error != "" {
			out.line("  links unknown: %s", s.Error)
			continue
		}
		out.line("  %s", brokenLinks(s.Links))
		for _, l := range s.Links {
			if l.Fault != faultNone {
				out.line("  %-20s %s", l.Link, out.paint(red, l.String()))
			}
		}
	}
}

// headline is the stack in one line.
func (s stackStatus) headline() string {
	text := "stack " + s.Name
	if s.Base != 0 {
		text = fmt.Sprintf("stack on ports from %d, %s", s.Base, s.Name)
	}
	state := ": ready"
	switch {
	case s.Wanted != "":
		state = ": not all of it answers"
	case !s.Ready:
		state = ": starting"
	}
	if text += state; s.Shop != "" {
		text += ", shop " + s.Shop
	}
	if s.PID != 0 {
		text += fmt.Sprintf(", lab pid %d, up for %s", s.PID, time.Since(s.Since).Round(time.Second))
	}
	return text
}

func brokenLinks(links []fault.LinkStatus) string {
	if n := countBroken(links); n > 0 {
		return fmt.Sprintf("%d of %d links broken; `lab heal` mends them:", n, len(links))
	}
	return fmt.Sprintf("all %d links whole", len(links))
}

func countBroken(links []fault.LinkStatus) int {
	broken := 0
	for _, l := range links {
		if l.Fault != faultNone {
			broken++
		}
	}
	return broken
}

// faultNone is how a LinkStatus says that its link is whole.
const faultNone = "none"
