// Command lab is the laboratory's command line: it starts EventFlow, breaks its
// links, plays scenarios and judges what was recorded.
//
// It reads flags and prints. What a drill is and what counts as correct it must
// not know: that is package lab's and package invariant's business.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings as parameters, and returns the exit code.
func run(args []string, out, errOut io.Writer) int {
	redis.SetLogger(silent{})
	ctx, stop := interruptible()
	defer stop()
	root := rootCommand(out, errOut)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitPass
	}
	code := exitCode(ctx, err)
	if !errors.Is(err, errSaid) {
		fmt.Fprintf(errOut, "lab: %v\n", err)
		if onGitHub() && code != exitInterrupted && len(args) > 0 {
			fmt.Fprintln(errOut, annotation("error", "lab "+args[0], err.Error()))
		}
	}
	return code
}

// silent keeps a client from telling the terminal of every server that is gone: in a
// drill that is the point, and its record has it.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// interruptible is a context that the first Ctrl-C or SIGTERM ends, so that the
// command heals and stops what it started. The second one quits at once.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			fmt.Fprintln(os.Stderr, "\nlab: interrupted: healing the links and stopping (interrupt again to quit at once)")
			cancel(errInterrupted)
		case <-done:
			return
		}
		select {
		case <-signals:
			fmt.Fprintln(os.Stderr, "lab: quitting at once; links of a stack that is still up may be broken: `lab status` names them, `lab heal` mends them")
			os.Exit(exitInterrupted)
		case <-done:
		}
	}()
	return ctx, func() { signal.Stop(signals); close(done); cancel(nil) }
}

func rootCommand(out, errOut io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:           "lab",
		Short:         "EventFlow's chaos lab: start it, break it, prove what survives",
		Long:          "lab starts EventFlow with every link behind Toxiproxy, plays scenarios against it and judges the record.\n\nExit codes: " + exitHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetOut(out)
	root.SetErr(errOut)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w; see `lab %s --help`", err, c.Name())
	})
	root.AddCommand(upCommand(), downCommand(), statusCommand(), listCommand(), runCommand(), mutantsCommand(), judgeCommand(), reportCommand(), doctorCommand(), selftestCommand(), eventsCommand(), envCommand())
	root.AddCommand(faultCommands()...)
	return root
}

// knownCommand is reached only by words that are no command.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see `lab --help`"
	if near := root.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage("no command is called %q; %s", args[0], hint)
}
