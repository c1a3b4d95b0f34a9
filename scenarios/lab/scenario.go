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
	"maps"
	"slices"
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/overlay"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/tamper"
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
	// Needs is how EventFlow must be set up for this scenario, where its defaults
	// will not do: it then gets a stack of its own.
	Needs Needs `json:"needs,omitzero"`
	// Supervised are the services that may end by themselves in this scenario and
	// are started again at once, as by a supervisor. The end of any other stops the
	// drill.
	Supervised []topology.Name `json:"supervised,omitempty"`
	// Gate: the scenario is played for every change, and not only every night.
	Gate bool `json:"gate,omitempty"`
	// Phases follow each other without a pause; links are healed and proven whole
	// between a phase with faults and the next.
	Phases []Phase        `json:"phases"`
	Spec   invariant.Spec `json:"spec"` // what must hold, and the witnesses that it was tried
}

// Phase is a stretch of a drill with the same faults in force all through.
type Phase struct {
	Name   string             `json:"name"`
	For    invariant.Duration `json:"for"`
	Faults []fault.Fault      `json:"faults,omitempty"` // of links
	// Processes are put in force after the links' faults, in this order, and healed
	// before them.
	Processes []stack.ProcessFault `json:"processes,omitempty"`
	// Tampers begin last and are undone first.
	Tampers []tamper.Tamper `json:"tampers,omitempty"`
}

// Faulty says whether the phase breaks anything.
func (p Phase) Faulty() bool { return len(p.Faults)+len(p.Processes)+len(p.Tampers) > 0 }

// Needs is how EventFlow must be set up, on top of its defaults. The zero value is
// EventFlow as it is shipped.
type Needs struct {
	// Env is set for EventFlow's programs, by service; "" stands for all of them.
	Env map[topology.Name]map[string]string `json:"env,omitempty"`
	// Settings changes a server's configuration, by service and name: PostgreSQL's
	// synchronous_commit, Redis' appendonly.
	Settings map[topology.Name]map[string]string `json:"settings,omitempty"`
	// Edits change EventFlow's source: a point at which a program fails, or, in a
	// mutant, a bug.
	Edits []overlay.Edit `json:"edits,omitempty"`
}

// Zero says that EventFlow will do as it is shipped.
func (n Needs) Zero() bool { return len(n.Env)+len(n.Settings)+len(n.Edits) == 0 }

// With is both needs together; where they differ, more wins.
func (n Needs) With(more Needs) Needs {
	return Needs{Env: merge(n.Env, more.Env), Settings: merge(n.Settings, more.Settings), Edits: slices.Concat(n.Edits, more.Edits)}
}

func merge(a, b map[topology.Name]map[string]string) map[topology.Name]map[string]string {
	sum := map[topology.Name]map[string]string{}
	for _, m := range []map[topology.Name]map[string]string{a, b} {
		for service, values := range m {
			if sum[service] == nil {
				sum[service] = map[string]string{}
			}
			maps.Copy(sum[service], values)
		}
	}
	return sum
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
		for _, f := range p.Processes {
			if err := f.Validate(m); err != nil {
				fail("phase %s: %w", p.Name, err)
			}
		}
		for _, t := range p.Tampers {
			if err := t.Validate(); err != nil {
				fail("phase %s: %w", p.Name, err)
			}
		}
	}
	if err := s.Spec.Validate(); err != nil {
		fail("%w", err)
	}
	for _, r := range s.Spec.Recovery {
		if watched := s.calmEnd(); max(r.First, r.Last) >= watched {
			fail("recovery of %s within %s is watched for %s", r.Kind, max(r.First, r.Last), watched)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("scenario %q: %w", s.Name, err)
	}
	return nil
}

// WithoutFaults is the control run: the same sale and the same phases on whole
// links, and programs without the scenario's failpoints. Witnesses of the fault
// must then be missing.
func (s Scenario) WithoutFaults() Scenario {
	s.Needs.Edits, s.Supervised = nil, nil
	phases := make([]Phase, len(s.Phases))
	for i, p := range s.Phases {
		phases[i] = Phase{Name: p.Name, For: p.For}
	}
	s.Phases = phases
	return s
}

// Uncounted is the scenario on a stack whose programs nobody can ask how much they
// served: that retries do not multiply is then not judged. Witnesses that only the
// programs can give stay, and will be missed: without them a pass proves nothing.
func (s Scenario) Uncounted() Scenario {
	if s.Spec.Retries == nil {
		return s
	}
	left := *s.Spec.Retries
	left.MaxRatio = 0
	s.Spec.Retries = &left
	return s
}

// OwnStack says why the scenario cannot be played on a stack that is up already
// and belongs to somebody else; empty: it can.
func (s Scenario) OwnStack() string {
	switch processes, _ := s.breaks(); {
	case !s.Needs.Zero():
		return "it wants EventFlow set up in its own way"
	case processes:
		return "it ends services and starts them again"
	}
	return ""
}

// breaks says whether the scenario has faults of processes, or of data.
func (s Scenario) breaks() (processes, data bool) {
	processes = len(s.Supervised) > 0
	for _, p := range s.Phases {
		processes = processes || len(p.Processes) > 0
		data = data || len(p.Tampers) > 0
	}
	return processes, data
}

// calmEnd is how long the buyers are still there after the last fault.
func (s Scenario) calmEnd() (d invariant.Duration) {
	for _, p := range s.Phases {
		if d += p.For; p.Faulty() {
			d = 0
		}
	}
	return d
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
