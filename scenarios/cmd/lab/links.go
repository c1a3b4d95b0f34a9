package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eventflow/scenarios/lab"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

const linksHelp = "LINKS are link names (app-2_redis), services (postgres: every link that ends there), globs (app-*_redis) or all."

// faultCommands break and mend the links of a stack that is up.
func faultCommands() []*cobra.Command {
	return []*cobra.Command{
		faultCommand("cut", "refuse connections at once", fault.Cut),
		slowCommand(),
		faultCommand("hang", "connect, then silence; what is sent meanwhile is lost", fault.Hang),
		faultCommand("lose-replies", "requests are obeyed, answers are lost", fault.LoseReplies),
		healCommand(),
	}
}

func faultCommand(name, short string, make func(...string) fault.Fault) *cobra.Command {
	var base int
	c := &cobra.Command{
		Use: name + " LINKS...", Short: short, Long: short + ".\n\n" + linksHelp,
		Example: "  lab " + name + " postgres\n  lab " + name + " app-2_redis", Args: someLinks,
		RunE: func(c *cobra.Command, links []string) error { return apply(c, base, make(links...)) },
	}
	c.Flags().IntVar(&base, "base", 0, "first port of the stack's block of ports (0: the only stack)")
	return c
}

func slowCommand() *cobra.Command {
	var base int
	var delay, jitter time.Duration
	c := &cobra.Command{
		Use: "slow LINKS...", Short: "make every answer late", Long: "Make every answer late.\n\n" + linksHelp,
		Example: "  lab slow postgres --delay 2s --jitter 500ms", Args: someLinks,
		RunE: func(c *cobra.Command, links []string) error {
			return apply(c, base, fault.Slow(delay, jitter, links...))
		},
	}
	c.Flags().IntVar(&base, "base", 0, "first port of the stack's block of ports (0: the only stack)")
	c.Flags().DurationVar(&delay, "delay", time.Second, "what a round trip costs on top")
	c.Flags().DurationVar(&jitter, "jitter", 0, "spread of the delay, in both directions")
	return c
}

func someLinks(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage("lab %s needs links. %s", c.Name(), linksHelp)
	}
	return nil
}

const linkDeadline = 15 * time.Second

func apply(c *cobra.Command, base int, f fault.Fault) error {
	if err := f.Validate(topology.EventFlow()); err != nil {
		return usage("%w", err)
	}
	injector, err := injectorOf(base)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), linkDeadline)
	defer cancel()
	applied, err := injector.Apply(ctx, f)
	if err != nil {
		return environment(err)
	}
	out := newPrinter(c)
	out.line("%s: in force on %s", f, strings.Join(applied.Links, ", "))
	out.line("felt: %s", applied.Symptom)
	if !applied.Bit {
		return environment(fmt.Errorf("%s was put in force and is not felt: see `lab status`", f))
	}
	out.line("`lab heal` ends it.")
	return nil
}

func healCommand() *cobra.Command {
	var base int
	c := &cobra.Command{
		Use: "heal [LINKS...]", Short: "make links whole and prove it; without LINKS, all of them", Long: "Make links whole, with a round trip through each as the proof.\n\n" + linksHelp,
		RunE: func(c *cobra.Command, links []string) error {
			if len(links) > 0 {
				if _, err := topology.EventFlow().Select(links...); err != nil {
					return usage("%w", err)
				}
			}
			injector, err := injectorOf(base)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), linkDeadline)
			defer cancel()
			if err := injector.Heal(ctx, links...); err != nil {
				return environment(fmt.Errorf("not healed: %w", err))
			}
			newPrinter(c).line("healed: a round trip through each link succeeded")
			return nil
		},
	}
	c.Flags().IntVar(&base, "base", 0, "first port of the stack's block of ports (0: the only stack)")
	return c
}

func injectorOf(base int) (*fault.Injector, error) {
	s, err := running(base)
	if err != nil {
		return nil, err
	}
	return lab.NewInjector(topology.EventFlow(), s.Endpoints), nil
}
