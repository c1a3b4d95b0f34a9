package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// Exit codes, after sysexits.h.
const (
	ExitOK       = 0
	ExitSick     = 1   // asked by the argument "health", the program did not say that it is well
	ExitUsage    = 64  // the configuration is wrong: starting again will not help
	ExitInternal = 70  // it was running and something broke
	ExitQuit     = 130 // a second signal arrived while draining
)

// Main is a program's whole main function: it reads the configuration, lets wire
// build the program on a Service, and runs that until SIGINT or SIGTERM. It
// returns the exit code. A second signal ends the process at once.
//
// With the one argument "health" it does none of that: it asks the program that
// runs beside it whether it is well, and returns ExitOK or ExitSick.
//
//	func main() { os.Exit(serve.Main("auth", about, wire)) }
func Main[C interface{ Common() Config }](name, about string, wire func(context.Context, C, *Service) error) int {
	if slices.Equal(os.Args[1:], []string{"health"}) {
		return health(os.LookupEnv, os.Stderr)
	}
	var cfg C
	switch err := Load(&cfg, os.Args[1:], os.LookupEnv); {
	case errors.Is(err, ErrHelp):
		fmt.Printf("%s: %s\n\n", name, about)
		Usage(os.Stdout, &cfg)
		return ExitOK
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return ExitUsage
	}
	ctx, stop := signalled(ExitQuit)
	defer stop()
	s := New(name, cfg.Common(), os.Stdout)
	s.Log.Info("starting", Redacted(&cfg), "version", version())
	if err := start(ctx, cfg, s, wire); err != nil {
		s.Log.Error("stopped with an error", "err", err)
		return ExitInternal
	}
	return ExitOK
}

func start[C any](ctx context.Context, cfg C, s *Service, wire func(context.Context, C, *Service) error) error {
	if err := wire(ctx, cfg, s); err != nil {
		return errors.Join(fmt.Errorf("wire: %w", err), s.stopAll(ctx))
	}
	return s.Run(ctx)
}

// signalled returns a context that ends with the first SIGINT or SIGTERM. The
// second one ends the process with code: whoever sends it does not want to wait.
func signalled(code int) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(code)
	}()
	return ctx, func() { signal.Stop(signals); cancel() }
}
