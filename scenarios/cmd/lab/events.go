package main

import (
	"context"

	"github.com/spf13/cobra"
)

func eventsCommand() *cobra.Command {
	var t target
	var since uint64
	var asJSON bool
	c := &cobra.Command{
		Use:   "events",
		Short: "what the proxy server did lately: faults, leases, and who healed what",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), linkDeadline)
			defer cancel()
			injector, err := t.injector(ctx)
			if err != nil {
				return err
			}
			page, err := injector.Events(ctx, since)
			if err != nil {
				return environment(err)
			}
			if asJSON {
				return writeJSON(c, page)
			}
			out := newPrinter(c)
			for _, e := range page.Events {
				out.line("%4d  %s  %s", e.Seq, e.Time.Local().Format("15:04:05.000"), e.Text)
			}
			if page.Missed > 0 {
				out.line("%d earlier events are forgotten", page.Missed)
			}
			return nil
		},
	}
	t.registerLinks(c)
	c.Flags().Uint64Var(&since, "since", 0, "only events after this number")
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}
