package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"eventflow/scenarios/lab"
	"eventflow/scenarios/stack/native"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// stackStatus is what `lab status --json` says of one stack.
type stackStatus struct {
	Base  int                `json:"base"`
	PID   int                `json:"pid"`
	Since time.Time          `json:"since"`
	Ready bool               `json:"ready"`
	Shop  string             `json:"shop"`
	Links []fault.LinkStatus `json:"links,omitempty"`
	Error string             `json:"error,omitempty"` // why the links are not known
}

func statusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "which stacks are up, and which of their links are broken",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := statuses(c.Context())
			if err != nil {
				return environment(err)
			}
			if asJSON {
				return writeJSON(c, all)
			}
			printStatuses(newPrinter(c), all)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func statuses(ctx context.Context) ([]stackStatus, error) {
	states, err := native.List()
	if err != nil {
		return nil, err
	}
	all := []stackStatus{}
	for _, s := range states {
		st := stackStatus{Base: s.Base, PID: s.Lab.PID, Since: s.Started, Ready: s.Ready, Shop: s.Endpoints.Shop}
		if st.Links, err = linksOf(ctx, s); err != nil {
			st.Error = err.Error()
		}
		all = append(all, st)
	}
	return all, nil
}

func linksOf(ctx context.Context, s native.State) ([]fault.LinkStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return lab.NewInjector(topology.EventFlow(), s.Endpoints).Status(ctx)
}

func printStatuses(out *printer, all []stackStatus) {
	if len(all) == 0 {
		out.line("no stack is up; `lab up` starts one")
		return
	}
	for _, s := range all {
		state := "ready"
		if !s.Ready {
			state = "starting"
		}
		out.line("stack on ports from %d: %s, shop %s, lab pid %d, up for %s", s.Base, state, s.Shop, s.PID, time.Since(s.Since).Round(time.Second))
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
