package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eventflow/scenarios/lab"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

const linksHelp = "LINKS are link names (app-2_redis), services (postgres: every link that ends there), globs (app-*_redis) or all."

// leaseHelp is why a fault that nobody watches ends by itself.
const leaseHelp = "The fault heals by itself when its time is over, whatever becomes of this terminal; --forever leaves it until `lab heal`."

// linkFlags are what every fault command takes.
type linkFlags struct {
	target
	lasts   time.Duration
	forever bool
	up      bool
	down    bool
}

func (f *linkFlags) register(c *cobra.Command, directed bool) {
	f.target.registerLinks(c)
	c.Flags().DurationVar(&f.lasts, "for", time.Minute, "the fault heals by itself after this long")
	c.Flags().BoolVar(&f.forever, "forever", false, "the fault stays until somebody heals it")
	if directed {
		c.Flags().BoolVar(&f.up, "up", false, "requests only")
		c.Flags().BoolVar(&f.down, "down", false, "answers only")
	}
}

func (f linkFlags) validate(c *cobra.Command) error {
	switch {
	case f.lasts <= 0:
		return usage("--for %s: a fault must last longer than nothing; --forever leaves it until `lab heal`", f.lasts)
	case f.forever && c.Flags().Changed("for"):
		return usage("--for and --forever exclude each other: choose one")
	case f.up && f.down:
		return usage("--up and --down exclude each other; without either the fault takes both directions")
	}
	return nil
}

func (f linkFlags) narrow(broken fault.Fault) fault.Fault {
	switch {
	case f.up:
		return broken.Only(fault.Up)
	case f.down:
		return broken.Only(fault.Down)
	}
	return broken
}

// ttl is the lease's length.
func (f linkFlags) ttl() time.Duration {
	if f.forever {
		return fault.Forever
	}
	return f.lasts
}

// faultCommands break and mend the links of a stack that is up.
func faultCommands() []*cobra.Command {
	plain := func(make func(...string) fault.Fault) func(*cobra.Command) func([]string) fault.Fault {
		return func(*cobra.Command) func([]string) fault.Fault {
			return func(links []string) fault.Fault { return make(links...) }
		}
	}
	return []*cobra.Command{
		faultCommand("cut", "connections end and are refused at once", false, plain(fault.Cut)),
		faultCommand("hang", "connect, then silence; what is sent meanwhile is lost", false, plain(fault.Hang)),
		faultCommand("hold", "silence, and everything arrives when it heals: a partition", true, plain(fault.Hold)),
		faultCommand("slow", "every answer is late", false, slowFault),
		faultCommand("late", "every request arrives late, also when its client has given up", false, lateFault),
		faultCommand("lose-replies", "requests are obeyed, answers are lost", false, plain(fault.LoseReplies)),
		faultCommand("lose-requests", "requests are lost, what the server says by itself arrives", false, plain(fault.LoseRequests)),
		faultCommand("reset", "open connections, idle ones too, are reset at once", false, plain(fault.Reset)),
		faultCommand("trickle", "bytes pass slowly", true, trickleFault),
		faultCommand("truncate", "connections end in the middle of an answer", true, truncateFault),
		healCommand(),
	}
}

func slowFault(c *cobra.Command) func([]string) fault.Fault {
	delay := c.Flags().Duration("delay", time.Second, "what a round trip costs on top")
	jitter := c.Flags().Duration("jitter", 0, "spread of the delay, in both directions")
	return func(links []string) fault.Fault { return fault.Slow(*delay, *jitter, links...) }
}

func lateFault(c *cobra.Command) func([]string) fault.Fault {
	delay := c.Flags().Duration("delay", 3*time.Second, "how late each request arrives")
	return func(links []string) fault.Fault { return fault.Late(*delay, links...) }
}

func trickleFault(c *cobra.Command) func([]string) fault.Fault {
	rate := c.Flags().Int64("rate", 1, "thousands of bytes per second")
	return func(links []string) fault.Fault { return fault.Trickle(fault.Rate(*rate), links...) }
}

func truncateFault(c *cobra.Command) func([]string) fault.Fault {
	bytes := c.Flags().Int64("bytes", 100, "how many bytes still pass on each connection")
	return func(links []string) fault.Fault { return fault.Truncate(*bytes, links...) }
}

// faultCommand makes a command of a fault; settings registers the flags that this
// kind takes and returns how to make the fault from them.
func faultCommand(name, short string, directed bool, settings func(*cobra.Command) func([]string) fault.Fault) *cobra.Command {
	var f linkFlags
	c := &cobra.Command{
		Use: name + " LINKS...", Short: short, Long: short + ".\n\n" + linksHelp + "\n\n" + leaseHelp,
		Example: "  lab " + name + " postgres\n  lab " + name + " app-2_redis --for 10s", Args: someLinks,
	}
	make := settings(c)
	f.register(c, directed)
	c.RunE = func(c *cobra.Command, links []string) error { return apply(c, f, f.narrow(make(links))) }
	return c
}

func someLinks(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage("lab %s needs links. %s", c.Name(), linksHelp)
	}
	return nil
}

// linkDeadline bounds a change of links; a slow link's probe waits for one slow
// answer.
const linkDeadline = 15*time.Second + fault.MaxDelay

func apply(c *cobra.Command, f linkFlags, broken fault.Fault) error {
	if err := broken.Validate(topology.EventFlow()); err != nil {
		return usage("%w", err)
	}
	if err := f.validate(c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), linkDeadline)
	defer cancel()
	injector, err := f.target.injector(ctx)
	if err != nil {
		return err
	}
	applied, err := injector.ApplyFor(ctx, broken, f.ttl())
	if err != nil {
		return environment(err)
	}
	out := newPrinter(c)
	out.line("%s: in force on %s", broken, strings.Join(applied.Links, ", "))
	out.line("felt: %s", applied.Symptom)
	if !applied.Bit {
		return environment(fmt.Errorf("%s was put in force and is not felt (%s); see `lab status`", broken, applied.Reason))
	}
	if f.forever {
		out.line("`lab heal` ends it; nothing else will.")
		return nil
	}
	out.line("heals by itself in %s; `lab heal` ends it now.", f.lasts)
	return nil
}

func healCommand() *cobra.Command {
	var t target
	var all bool
	c := &cobra.Command{
		Use: "heal [LINKS...]", Short: "make links whole and prove it; without LINKS, all of them", Long: "Make links whole, with a round trip through each as the proof.\n\n" + linksHelp,
		RunE: func(c *cobra.Command, links []string) error {
			if all && len(links) > 0 {
				return usage("lab heal --all heals every link; leave out %q", links)
			}
			return heal(c, t, links)
		},
	}
	t.registerLinks(c)
	c.Flags().BoolVar(&all, "all", false, "every link: the emergency stop; the same as no LINKS")
	return c
}

func heal(c *cobra.Command, t target, links []string) error {
	if len(links) > 0 {
		if _, err := topology.EventFlow().Select(links...); err != nil {
			return usage("%w", err)
		}
	}
	// An interrupted heal would leave the very thing that it is there to end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), linkDeadline)
	defer cancel()
	injector, err := t.injector(ctx)
	if err != nil {
		return err
	}
	err = injector.Heal(ctx, links...)
	switch {
	case errors.Is(err, fault.ErrServerDown):
		return environment(fmt.Errorf("not healed: %w; start the stack anew (`lab down`, then `lab up`)", err))
	case err != nil:
		return environment(fmt.Errorf("not healed: %w", err))
	}
	newPrinter(c).line("healed: a round trip through each link succeeded")
	return nil
}

// injector breaks and heals the target's links.
func (t target) injector(ctx context.Context) (*fault.Injector, error) {
	s, err := t.links(ctx)
	if err != nil {
		return nil, err
	}
	return lab.NewInjector(topology.EventFlow(), s.endpoints, fault.Owner("command line")), nil
}
