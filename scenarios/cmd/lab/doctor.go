package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"

	"github.com/spf13/cobra"

	"eventflow/scenarios/stack/native"
	"eventflow/toxiproxy/topology"
)

// finding is one thing that the doctor looked at.
type finding struct {
	what  string
	err   error  // nil: it is well
	fix   string // what to do about err
	spare bool   // the lab does without it
}

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "what is missing or in the way on this machine, and the fix",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			out, ill := newPrinter(c), 0
			for _, f := range examine(c.Context()) {
				out.line("%s", f.line(out))
				if f.err != nil && !f.spare {
					ill++
				}
			}
			if ill > 0 {
				return environment(fmt.Errorf("%d of the above must be mended", ill))
			}
			return nil
		},
	}
}

// line is the finding as people read it.
func (f finding) line(out *printer) string {
	switch {
	case f.err == nil:
		return fmt.Sprintf("%s  %s", out.paint(green, "ok  "), f.what)
	case f.spare:
		return fmt.Sprintf("%s  %s: %v\n      not needed; if you want it: %s", out.paint(yellow, "note"), f.what, f.err, f.fix)
	}
	return fmt.Sprintf("%s  %s: %v\n      fix: %s", out.paint(red, "FAIL"), f.what, f.err, f.fix)
}

func examine(ctx context.Context) []finding {
	findings := append(ways(ctx),
		finding{what: "Go compiles EventFlow", err: goInstalled(), fix: "install Go 1.26 or newer: https://go.dev/doc/install"},
		finding{what: "nothing is left of dead labs", err: native.Sweep(ctx), fix: "end the processes named above, then `lab doctor` again"},
		tempDir(),
	)
	stacks, err := target{}.statuses(ctx)
	if err != nil {
		return append(findings, finding{what: "stacks can be listed", err: err, fix: "see the error"})
	}
	return append(append(findings, publicPorts(stacks)...), brokenStacks(stacks)...)
}

func goInstalled() error {
	_, err := exec.LookPath("go")
	return err
}

func tempDir() finding {
	f := finding{what: "the run directory can be written", fix: "set TMPDIR to a folder on a disk with room"}
	file, err := os.CreateTemp("", "eventflow-doctor-*")
	if err != nil {
		f.err = err
		return f
	}
	f.err = errors.Join(file.Close(), os.Remove(file.Name()))
	return f
}

// publicPorts looks whether `lab up`, or compose, could have the well-known ports. An
// EventFlow that has them is no trouble.
func publicPorts(stacks []stackStatus) []finding {
	for _, s := range stacks {
		if s.Public {
			return []finding{{what: fmt.Sprintf("well-known ports belong to the stack on ports from %d, %s", s.Base, s.Name)}}
		}
	}
	var all []finding
	for _, s := range topology.EventFlow().Services {
		if s.Public == 0 {
			continue
		}
		f := finding{what: fmt.Sprintf("port %d is free for %s", s.Public, s.Name), fix: "stop what listens there (`ss -ltnp`), or use `lab up --any-port`"}
		f.err = portFree(s.Public)
		all = append(all, f)
	}
	return all
}

func portFree(port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return l.Close()
}

func brokenStacks(stacks []stackStatus) []finding {
	var findings []finding
	for _, s := range stacks {
		f := finding{what: fmt.Sprintf("links of the stack on ports from %d are whole", s.Base), fix: fmt.Sprintf("lab heal --base %d", s.Base)}
		switch {
		case s.Error != "":
			f.err = errors.New(s.Error)
		case countBroken(s.Links) > 0:
			f.err = fmt.Errorf("%d of %d are broken", countBroken(s.Links), len(s.Links))
		}
		findings = append(findings, f)
	}
	return findings
}
