package invariant

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"eventflow/scenarios/history"
)

// Spec is what a scenario expects, as data. It travels in the journal's meta. The
// safety invariants need no spec: they hold always.
type Spec struct {
	Bounds   []Bound                   `json:"bounds,omitempty"`
	NoHang   map[history.Kind]Duration `json:"no_hang,omitempty"` // longest wait for an answer, from sending
	Recovery []RecoveryBound           `json:"recovery,omitempty"`
	// Stale bounds the age of what is shown; nil: not judged.
	Stale *Stale `json:"stale,omitempty"`
	// Isolation is which ops a fault must not slow down.
	Isolation []Isolated `json:"isolation,omitempty"`
	// Retries bounds the shop's own traffic; nil: not judged.
	Retries *Retries `json:"retries,omitempty"`
	// Examine names invariants that must have had something to look at. Some need
	// evidence that not every drill takes (peers, holds, a last sample); where it is
	// missing they say so and pass, unless they are named here: then it is invalid.
	Examine []string `json:"examine,omitempty"`
	// Witnesses prove that the drill did what it is about. There must be at least
	// one: a green drill without witnesses is not green.
	Witnesses []Witness `json:"witnesses"`

	// LeaseSlack is by how much a server's idea of a hold's end may be earlier than
	// what it told the buyer; zero stands for a second, as answers count in seconds.
	LeaseSlack Duration `json:"lease_slack,omitempty"`
	// HoldFloor is what a buyer has left at least after a purchase that was refused
	// for want of a queue; zero stands for 30 s, as in the shop's contract.
	HoldFloor Duration `json:"hold_floor,omitempty"`
	// Amnesia names the faults in which the lock store forgets what it knew: a hold
	// does not survive one.
	Amnesia []string `json:"amnesia,omitempty"`
	// AcceptedMayLose allows an accepted purchase to be rejected in the end. Only a
	// scenario that erases locks may say so; RejectWitness holds all the same.
	AcceptedMayLose bool `json:"accepted_may_lose,omitempty"`
	// DeadLetters is how many dead letters the scenario itself makes: exactly so
	// many must be found.
	DeadLetters int `json:"dead_letters,omitempty"`
}

// Limit says on which side of its ratio a bound lies.
type Limit string

// The limits. "Never" is AtMost with a ratio of zero.
const (
	AtLeast Limit = "at_least"
	AtMost  Limit = "at_most"
)

// Bound is a promise about the ops of one kind in one phase: at least, or at
// most, such a share of them is answered so.
//
// AtLeast counts ops that were called while the phase's faults were in force. Of
// those that were answered in time after healing began, only the ones that match
// count: the others were answered by a healed shop.
// AtMost counts those that also returned before healing began: what is answered
// afterwards may rightly have succeeded.
type Bound struct {
	Name   string       `json:"name"`
	Phase  string       `json:"phase"`
	Kind   history.Kind `json:"kind"`
	Among  Match        `json:"among,omitzero"` // which of these ops count; empty: all
	Want   Match        `json:"want"`           // the answer that is bounded
	Limit  Limit        `json:"limit"`
	Ratio  float64      `json:"ratio"`            // 0 to 1
	Within Duration     `json:"within,omitempty"` // AtLeast: slower answers do not count; zero: any
	MinOps int          `json:"min_ops"`          // fewer prove nothing; at least 1
}

// RecoveryBound is how soon, after the last heal was proven, ops of a kind are
// served again and no longer fail. Ops called after the heal count.
type RecoveryBound struct {
	Kind   history.Kind `json:"kind"`
	First  Duration     `json:"first,omitempty"` // heal to the first success, if somebody asked; zero: not bounded
	Last   Duration     `json:"last,omitempty"`  // heal to the last failure; zero: not bounded
	MinOps int          `json:"min_ops"`         // fewer prove nothing; at least 1
}

// Match is a predicate on an op's answer. An empty list allows anything, so the
// zero Match is true of every op.
type Match struct {
	Outcome []history.Outcome `json:"outcome,omitempty"`
	Code    []int             `json:"code,omitempty"`
	Source  []string          `json:"source,omitempty"`
	Claim   []string          `json:"claim,omitempty"`
	Problem []string          `json:"problem,omitempty"`
	Node    []string          `json:"node,omitempty"`
	MaxAge  Duration          `json:"max_age,omitempty"` // reads: zero allows any age
	State   []string          `json:"state,omitempty"`   // status: queued, confirmed, rejected
	Forgery []string          `json:"forgery,omitempty"` // forge: what was wrong with it
	// MinAttempt allows only retries: 1 is the first repetition of an intent.
	MinAttempt int `json:"min_attempt,omitempty"`
}

// Matches says whether the op was answered so.
func (m Match) Matches(o history.Op) bool {
	return among(m.Outcome, o.Known()) && among(m.Code, o.Code) && among(m.Source, o.Source) &&
		among(m.State, o.State) && among(m.Forgery, o.Forgery) &&
		among(m.Claim, o.Claim) && among(m.Problem, o.Problem) && among(m.Node, o.Node) &&
		(m.MaxAge == 0 || o.Age <= m.MaxAge.D()) && o.Attempt >= m.MinAttempt
}

func among[T comparable](list []T, x T) bool {
	return len(list) == 0 || slices.Contains(list, x)
}

// Measure is what a witness counts.
type Measure string

// The measures. Phase, where it is given, limits each to one phase.
const (
	CountOps      Measure = "ops"       // ops of Kind (any if empty) that match Match
	CountFaults   Measure = "faults"    // faults that were read back and felt
	FaultMillis   Measure = "fault_ms"  // time under a fault that was felt
	SampleRise    Measure = "rise"      // by how much Series rose above an earlier value
	SampleMax     Measure = "max"       // highest value of Series
	CountUnknown  Measure = "unknown"   // purchases whose outcome no buyer learned
	CountLanded   Measure = "recovered" // those of them that are in the ledger
	CountRejected Measure = "rejected"  // rejected purchases in the ledger
	CountHolds    Measure = "holds"     // definite holds that LockMutex compared
	CountUpdates  Measure = "updates"   // updates of the event that were committed
)

// Witness is proof that the drill exercised what it is about.
type Witness struct {
	Name    string       `json:"name"` // for people: "purchases accepted while the link was cut"
	Measure Measure      `json:"measure"`
	Phase   string       `json:"phase,omitempty"`
	Kind    history.Kind `json:"kind,omitempty"`
	Match   Match        `json:"match,omitzero"`
	Series  string       `json:"series,omitempty"`
	// Layer limits CountFaults and FaultMillis to faults of a link, a process or
	// data; Fault limits them to those of a name. Empty: all.
	Layer history.Layer `json:"layer,omitempty"`
	Fault string        `json:"fault,omitempty"`
	Min   int64         `json:"min"` // at least 1
}

// Duration is a time.Duration that is written as "300ms".
type Duration time.Duration

// D is the duration as the standard library's type.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String writes the duration as people do.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the duration as time.Duration's String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("duration: %w", err)
	}
	*d = Duration(parsed)
	return nil
}

// specOf reads the spec of a history. A field that this program does not know is
// an error: it would be a promise that nobody checks.
func specOf(m history.Meta) (Spec, error) {
	if len(m.Spec) == 0 {
		return Spec{}, errors.New("the history carries no spec")
	}
	d := json.NewDecoder(bytes.NewReader(m.Spec))
	d.DisallowUnknownFields()
	var s Spec
	if err := d.Decode(&s); err != nil {
		return Spec{}, fmt.Errorf("read spec: %w", err)
	}
	if err := s.Validate(); err != nil {
		return Spec{}, fmt.Errorf("spec: %w", err)
	}
	return s, nil
}

// Validate names every part of the spec that could not be judged or would always
// hold.
func (s Spec) Validate() error {
	var errs []error
	if len(s.Witnesses) == 0 {
		errs = append(errs, errors.New("no witnesses: a pass would prove nothing"))
	}
	for i, b := range s.Bounds {
		errs = append(errs, named(fmt.Sprintf("bound %d (%s)", i+1, b.Name), b.validate()))
	}
	for kind, limit := range s.NoHang {
		errs = append(errs, named(fmt.Sprintf("no_hang %s", kind), positive(limit)))
	}
	for _, r := range s.Recovery {
		errs = append(errs, named(fmt.Sprintf("recovery %s", r.Kind), r.validate()))
	}
	for i, w := range s.Witnesses {
		errs = append(errs, named(fmt.Sprintf("witness %d (%s)", i+1, w.Name), w.validate()))
	}
	return errors.Join(append(errs, s.promises()...)...)
}

func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func positive(d Duration) error {
	if d <= 0 {
		return fmt.Errorf("%s is no limit", d)
	}
	return nil
}

func (b Bound) validate() error {
	switch {
	case b.Phase == "" || b.Kind == "":
		return errors.New("phase and kind must be named")
	case b.Limit != AtLeast && b.Limit != AtMost:
		return fmt.Errorf("unknown limit %q", b.Limit)
	case b.Ratio < 0 || b.Ratio > 1:
		return fmt.Errorf("ratio %v is not a share", b.Ratio)
	case b.Limit == AtLeast && b.Ratio == 0, b.Limit == AtMost && b.Ratio == 1:
		return errors.New("holds whatever happens")
	case b.Limit == AtMost && b.Within != 0:
		return errors.New("within goes with at_least only")
	case b.Within < 0 || b.MinOps < 1:
		return errors.New("within must not be negative, min_ops must be at least 1")
	}
	return nil
}

func (r RecoveryBound) validate() error {
	switch {
	case r.Kind == "":
		return errors.New("kind must be named")
	case r.First < 0 || r.Last < 0 || r.First+r.Last == 0:
		return errors.New("bounds nothing")
	case r.MinOps < 1:
		return errors.New("min_ops must be at least 1")
	}
	return nil
}

func (w Witness) validate() error {
	if w.Min < 1 {
		return errors.New("min must be at least 1")
	}
	switch w.Measure {
	case SampleRise, SampleMax:
		if w.Series == "" {
			return errors.New("series must be named")
		}
	case CountOps, CountFaults, FaultMillis, CountUnknown, CountLanded, CountRejected, CountHolds, CountUpdates:
	default:
		return fmt.Errorf("unknown measure %q", w.Measure)
	}
	return nil
}
