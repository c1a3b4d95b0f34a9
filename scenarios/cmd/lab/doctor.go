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
	what string
	err  error  // nil: it is well
	fix  string // what to do about err
}

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "what is missing or in the way on this machine, and the fix",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			out, ill := newPrinter(c), 0
			for _, f := range examine(c.Context()) {
				if f.err == nil {
					out.line("%s  %s", out.paint(green, "ok  "), f.what)
					continue
				}
				ill++
				out.line("%s  %s: %v\n      fix: %s", out.paint(red, "FAIL"), f.what, f.err, f.fix)
			}
			if ill > 0 {
				return environment(fmt.Errorf("%d of the above must be mended", ill))
			}
			return nil
		},
	}
}

func examine(ctx context.Context) []finding {
	findings := []finding{
		{"servers are installed", native.Installed(), "one of the commands above"},
		{"Go compiles EventFlow", goInstalled(), "install Go 1.26 or newer: https://go.dev/doc/install"},
		{"nothing is left of dead labs", native.Sweep(ctx), "end the processes named above, then `lab doctor` again"},
		tempDir(),
	}
	return append(append(findings, publicPorts()...), brokenStacks(ctx)...)
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

// publicPorts looks whether `lab up` could have its well-known ports. A stack of
// the lab's own that has them is no trouble.
func publicPorts() []finding {
	states, err := native.List()
	if err != nil {
		return []finding{{"stacks can be listed", err, "see the error"}}
	}
	for _, s := range states {
		if s.Public {
			return []finding{{what: fmt.Sprintf("well-known ports belong to the stack on ports from %d", s.Base)}}
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

func brokenStacks(ctx context.Context) []finding {
	all, err := target{}.statuses(ctx)
	if err != nil {
		return []finding{{"stacks can be listed", err, "see the error"}}
	}
	var findings []finding
	for _, s := range all {
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
