package invariant

import (
	"errors"
	"fmt"
	"slices"

	"eventflow/scenarios/history"
)

// Stale is how old what buyers are shown may be. A bound of zero is not judged;
// a bound for which nothing was recorded makes the drill invalid.
type Stale struct {
	// Fresh is how long after an update of the event a read may still show what was
	// there before, with the source of the copies reachable.
	Fresh Duration `json:"fresh,omitempty"`
	// Outage is the same while the source is away, and until Fresh after it is back.
	Outage Duration `json:"outage,omitempty"`
	// Seats is how long after a purchase was accepted a seat map may still show its
	// seats as free; while the source is away, Outage if that is longer.
	Seats Duration `json:"seats,omitempty"`
	// Source is the services or links with whose fault the source is away.
	Source []string `json:"source,omitempty"`
}

// Isolated promises that what a fault does not touch does not suffer: the 99th
// percentile of the waits in Phase is at most Factor times that in Baseline, and
// Floor on top, below which no buyer feels a difference.
type Isolated struct {
	Kind     history.Kind `json:"kind"`
	Among    Match        `json:"among,omitzero"` // which of these ops; empty: all
	Phase    string       `json:"phase"`
	Baseline string       `json:"baseline,omitempty"` // empty: the phase of that name
	Factor   float64      `json:"factor,omitempty"`   // zero stands for 1.5
	Floor    Duration     `json:"floor,omitempty"`    // zero stands for 20 ms
	MinOps   int          `json:"min_ops"`            // in each phase; fewer prove nothing
}

// Retries is how much of its own traffic the shop may make.
type Retries struct {
	// MaxRatio is how many requests the nodes may serve for each op that was under
	// way, in any window; zero: not judged. nginx repeats reads.
	MaxRatio float64  `json:"max_ratio,omitempty"`
	Window   Duration `json:"window,omitempty"`  // zero stands for 5 s
	MinOps   int      `json:"min_ops,omitempty"` // windows with fewer ops are passed over; zero stands for 50
	// MaxConnects is how many connections a second any link may accept, over a second
	// at least; zero: not judged.
	MaxConnects float64 `json:"max_connects,omitempty"`
	// MaxRates is how much a sampled counter may rise, a second, over a second at
	// least: reads of the database that a crowd must not multiply.
	MaxRates map[string]float64 `json:"max_rates,omitempty"`
}

// The series that Retries reads: counters of the requests that a node has served,
// and of the connections that a link has accepted.
const (
	RequestsOf = "requests:"
	AcceptedOf = "accepted:"
)

func (s Stale) validate() error {
	switch {
	case s.Fresh < 0 || s.Outage < 0 || s.Seats < 0:
		return errors.New("a bound must not be negative")
	case s.Fresh+s.Outage+s.Seats == 0:
		return errors.New("bounds nothing")
	case s.Outage > 0 && len(s.Source) == 0:
		return errors.New("outage needs a source that can be away")
	}
	return nil
}

func (s Isolated) validate() error {
	switch {
	case s.Kind == "" || s.Phase == "":
		return errors.New("phase and kind must be named")
	case s.baseline() == s.Phase:
		return errors.New("a phase is not compared with itself")
	case s.Factor != 0 && s.Factor < 1 || s.Floor < 0:
		return errors.New("factor must be 1 at least, floor must not be negative")
	case s.MinOps < 1:
		return errors.New("min_ops must be at least 1")
	}
	return nil
}

func (s Isolated) baseline() string {
	if s.Baseline == "" {
		return history.Baseline
	}
	return s.Baseline
}

func (r Retries) validate() error {
	switch {
	case r.MaxRatio < 0 || r.MaxConnects < 0 || r.Window < 0 || r.MinOps < 0:
		return errors.New("a bound must not be negative")
	case r.MaxRatio+r.MaxConnects == 0 && len(r.MaxRates) == 0:
		return errors.New("bounds nothing")
	}
	for name, rate := range r.MaxRates {
		if rate <= 0 {
			return fmt.Errorf("at most %g a second of %s is no bound", rate, name)
		}
	}
	return nil
}

// promises validates what was added to a spec beside bounds and witnesses.
func (s Spec) promises() []error {
	var errs []error
	if s.Stale != nil {
		errs = append(errs, named("stale", s.Stale.validate()))
	}
	for i, p := range s.Isolation {
		errs = append(errs, named(fmt.Sprintf("isolation %d", i+1), p.validate()))
	}
	if s.Retries != nil {
		errs = append(errs, named("retries", s.Retries.validate()))
	}
	for _, name := range s.Examine {
		if !slices.ContainsFunc(All(), func(i Info) bool { return i.Name == name }) {
			errs = append(errs, fmt.Errorf("examine: no invariant is called %q", name))
		}
	}
	return errs
}
