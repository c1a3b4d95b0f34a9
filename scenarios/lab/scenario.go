// Package lab carries out drills: it opens a sale, lets buyers in, breaks links
// and heals them, waits until the stores are quiet, reads the ledger and has the
// record judged.
//
// It is the one engine behind the command line, the Go tests and the browser. It
// must not know how EventFlow is built: it sees the shop as a buyer does, the
// links through Toxiproxy, and the stores through the auditor.
package lab

import (
	"errors"
	"fmt"
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/traffic"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// Text is a sentence in the two languages of the classrooms.
type Text struct {
	ES string `json:"es"`
	EN string `json:"en"`
}

// Scenario is a drill as data: it can be listed, drawn and checked before it
// runs, and stripped of its faults for a control run.
type Scenario struct {
	Name  string       `json:"name"`
	Claim Text         `json:"claim"` // what EventFlow promises, and the drill tries to refute
	Sale  traffic.Sale `json:"sale"`
	// Phases follow each other without a pause; links are healed and proven whole
	// between a phase with faults and the next.
	Phases []Phase        `json:"phases"`
	Spec   invariant.Spec `json:"spec"` // what must hold, and the witnesses that it was tried
}

// Phase is a stretch of a drill with the same faults in force all through.
type Phase struct {
	Name   string             `json:"name"`
	For    invariant.Duration `json:"for"`
	Faults []fault.Fault      `json:"faults,omitempty"`
}

// Validate refuses a scenario that could not be carried out or would prove
// nothing: a fault on no link, a phase of no length, two phases of one name.
func (s Scenario) Validate(m topology.Map) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.Name == "" || s.Claim.ES == "" || s.Claim.EN == "" {
		fail("a scenario needs a name and a claim in both languages")
	}
	if len(s.Phases) == 0 {
		fail("no phases")
	}
	names := map[string]bool{}
	for _, p := range s.Phases {
		if p.Name == "" || names[p.Name] {
			fail("phase name %q is empty or used twice", p.Name)
		}
		names[p.Name] = true
		if p.For <= 0 {
			fail("phase %s lasts %s; it must last longer than nothing", p.Name, p.For)
		}
		for _, f := range p.Faults {
			if err := f.Validate(m); err != nil {
				fail("phase %s: %w", p.Name, err)
			}
		}
	}
	if err := s.Spec.Validate(); err != nil {
		fail("%w", err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("scenario %q: %w", s.Name, err)
	}
	return nil
}

// WithoutFaults is the control run: the same sale and the same phases on whole
// links. Witnesses of the fault must then be missing.
func (s Scenario) WithoutFaults() Scenario {
	phases := make([]Phase, len(s.Phases))
	for i, p := range s.Phases {
		phases[i] = Phase{Name: p.Name, For: p.For}
	}
	s.Phases = phases
	return s
}

// Duration is how long the buyers are let in.
func (s Scenario) Duration() time.Duration {
	var d time.Duration
	for _, p := range s.Phases {
		d += p.For.D()
	}
	return d
}

// Result is a drill that was carried out.
type Result struct {
	History history.History
	Report  invariant.Report
	Dir     string // where its artifacts are
}
