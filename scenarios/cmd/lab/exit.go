package main

import (
	"context"
	"errors"
	"fmt"

	"eventflow/scenarios/invariant"
)

// Exit codes: a program that calls the lab learns the verdict from these alone.
const (
	exitPass        = 0
	exitBroken      = 1
	exitInvalid     = 2
	exitEnvironment = 3
	exitUsage       = 64
	exitInternal    = 70
	exitInterrupted = 130
)

const exitHelp = "0 pass, 1 broken (EventFlow broke a claim), 2 invalid (the drill proved nothing), " +
	"3 environment (a server is missing, a port is taken), 64 usage, 70 internal, 130 interrupted and healed."

var (
	errInterrupted = errors.New("interrupted")
	// errSaid marks an error that the command has already put before the user.
	errSaid = errors.New("")
)

// codedError carries the exit code that an error stands for.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// usage is the caller's mistake: what is wrong, why, and what to write instead.
func usage(format string, args ...any) error {
	return &codedError{exitUsage, fmt.Errorf(format, args...)}
}

// environment is something that this machine lacks or that stands in the way.
func environment(err error) error {
	if err == nil {
		return nil
	}
	return &codedError{exitEnvironment, err}
}

// verdictError is nil for a pass, and otherwise carries the verdict's exit code.
// The table that was printed already says why.
func verdictError(v invariant.Verdict) error {
	switch v {
	case invariant.Pass:
		return nil
	case invariant.Broken:
		return &codedError{exitBroken, errSaid}
	default:
		return &codedError{exitInvalid, errSaid}
	}
}

func exitCode(ctx context.Context, err error) int {
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return exitInterrupted
	}
	var coded *codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	return exitInternal
}
