// Package invariant judges a drill from its record: what must never happen, what
// buyers may expect while links are broken, and whether the drill proved anything
// at all.
//
// It must not know servers, links or the lab: it reads a history and nothing
// else, so that a saved journal gives the same verdict next year, and so that a
// history changed by one row can show that a judge has teeth.
package invariant

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"

	"eventflow/scenarios/history"
)

// Verdict is what a history shows.
type Verdict string

// The verdicts. Merged, broken beats invalid and invalid beats pass: a proven
// violation stays proven however badly the drill went.
const (
	Pass    Verdict = "pass"
	Broken  Verdict = "broken"  // EventFlow broke a promise, and the evidence is here
	Invalid Verdict = "invalid" // the drill proves nothing
)

// Merge is the verdict on both together.
func (v Verdict) Merge(w Verdict) Verdict {
	for _, worst := range []Verdict{Broken, Invalid} {
		if v == worst || w == worst {
			return worst
		}
	}
	return Pass
}

// The invariants, by the name that findings carry.
const (
	Sound            = "Sound"            // the history can be judged at all
	NoLoss           = "NoLoss"           // an accepted purchase is in the ledger
	ExactlyOnce      = "ExactlyOnce"      // once, with one ticket if confirmed and none if not
	NoPhantom        = "NoPhantom"        // the ledger holds nothing that was refused or never asked for
	NoDoubleSale     = "NoDoubleSale"     // a seat belongs to one confirmed purchase
	Conservation     = "Conservation"     // seats and money add up
	AcceptConflict   = "AcceptConflict"   // an accepted purchase is not rejected later
	RejectWitness    = "RejectWitness"    // a rejected one lost its seat to a confirmed one
	StatusTruth      = "StatusTruth"      // a final status that a buyer was told is the ledger's
	TerminalMonotone = "TerminalMonotone" // final means final
	Contract         = "Contract"         // a "yes" says what the contract says
	QueueAccounted   = "QueueAccounted"   // nothing is left in queues, no seat is stuck
	LockMutex        = "LockMutex"        // no seat is held by two at once
	LockLinear       = "LockLinear"       // each seat's locks happened as in some lock store that works
	LockLiveness     = "LockLiveness"     // no seat is kept from buyers by what is over
	StaleBound       = "StaleBound"       // what is shown is no older than promised
	NoTimeTravel     = "NoTimeTravel"     // what is shown was written before
	AuthSafety       = "AuthSafety"       // forged credentials open nothing
	Availability     = "Availability"     // the share of ops that are answered as promised
	NoHang           = "NoHang"           // every op is answered in time
	Isolation        = "Isolation"        // what a fault does not touch does not suffer
	RetryBudget      = "RetryBudget"      // trouble does not multiply itself
	Recovery         = "Recovery"         // service returns within its bound after the heal
	NoBypass         = "NoBypass"         // every connection to a store goes through a proxy
	NoLeak           = "NoLeak"           // nothing crashed, nothing is kept
	NonVacuity       = "NonVacuity"       // the fault bit and the risky path ran
)

// Finding is what one invariant found. A pass is a finding too: it says what was
// looked at.
type Finding struct {
	Invariant string           `json:"invariant"`
	Phase     string           `json:"phase,omitempty"`
	Verdict   Verdict          `json:"verdict"`
	Detail    string           `json:"detail"`             // one sentence
	Evidence  []string         `json:"evidence,omitempty"` // the first few cases, with ids, seats and times
	Counts    map[string]int64 `json:"counts,omitempty"`
}

// Report is the judgement on one history.
type Report struct {
	Verdict  Verdict   `json:"verdict"`
	Findings []Finding `json:"findings"`
	Numbers  Numbers   `json:"numbers"`
}

// Of is the findings of one invariant.
func (r Report) Of(invariant string) []Finding {
	var fs []Finding
	for _, f := range r.Findings {
		if f.Invariant == invariant {
			fs = append(fs, f)
		}
	}
	return fs
}

// Failed is the findings that are not a pass, the broken ones first.
func (r Report) Failed() []Finding {
	var fs []Finding
	for _, v := range []Verdict{Broken, Invalid} {
		for _, f := range r.Findings {
			if f.Verdict == v {
				fs = append(fs, f)
			}
		}
	}
	return fs
}

// stage says how finished a drill must be before a check means anything.
type stage int

const (
	// always: what the check forbids can be seen in any snapshot of the ledger,
	// even of a drill that was cut short, and no later event can undo it.
	always stage = iota
	// finished: the check needs links healed, queues drained and stores read. Asked
	// of an unfinished drill it would blame EventFlow for the lab's hurry.
	finished
)

// Judge judges the history by the spec in its own meta. It is pure and total: a
// judge that panics has proved nothing, and that is an invalid finding.
func Judge(h history.History) Report {
	spec, err := specOf(h.Meta)
	if err != nil {
		return conclude(nil, []Finding{{Invariant: Sound, Verdict: Invalid, Detail: err.Error()}})
	}
	return judge(h, spec, checks())
}

// JudgeBy judges the history by another spec than its own.
func JudgeBy(h history.History, spec Spec) Report {
	raw, err := json.Marshal(spec)
	if err != nil {
		return conclude(nil, []Finding{{Invariant: Sound, Verdict: Invalid, Detail: fmt.Sprintf("encode spec: %v", err)}})
	}
	h.Meta.Spec = raw
	return Judge(h)
}

func judge(h history.History, spec Spec, checks []check) Report {
	var v *view
	var grade grade
	findings := total(Sound, func() []Finding {
		var fs []Finding
		fs, grade = sound(&h)
		if grade != unsound {
			v = newView(&h, spec, grade == whole)
		}
		return fs
	})
	if v == nil {
		return conclude(nil, findings)
	}
	for _, c := range checks {
		if c.stage == always || grade == whole {
			findings = append(findings, total(c.name, func() []Finding { return c.run(v) })...)
		}
	}
	return conclude(v, findings)
}

// total turns a panic into an invalid finding.
func total(name string, run func() []Finding) (fs []Finding) {
	defer func() {
		if p := recover(); p != nil {
			fs = []Finding{{
				Invariant: name, Verdict: Invalid, Detail: fmt.Sprintf("the judge itself failed: %v", p),
				Evidence: []string{string(debug.Stack())},
			}}
		}
	}()
	return run()
}

func conclude(v *view, findings []Finding) Report {
	r := Report{Verdict: Pass, Findings: findings}
	if v != nil {
		failed := total("Numbers", func() []Finding { r.Numbers = numbers(v); return nil })
		r.Findings = append(r.Findings, failed...)
	}
	for _, f := range r.Findings {
		r.Verdict = r.Verdict.Merge(f.Verdict)
	}
	return r
}

// shown is how many cases a finding lists; the counts tell how many there were.
const shown = 10

// cases collects what speaks against an invariant.
type cases struct {
	n    int64
	list []string
}

func (c *cases) add(format string, args ...any) {
	if c.n++; c.n <= shown {
		c.list = append(c.list, fmt.Sprintf(format, args...))
	}
}

// finding is broken if there was a case, and a pass otherwise. what names the
// cases in the plural; looked says how many things were examined.
func (c *cases) finding(name, what, looked string, n int) []Finding {
	f := Finding{
		Invariant: name, Verdict: Pass, Detail: fmt.Sprintf("%d %s, no %s", n, looked, what),
		Counts: map[string]int64{"examined": int64(n), "violations": c.n},
	}
	if c.n > 0 {
		f.Verdict, f.Evidence = Broken, slices.Clone(c.list)
		f.Detail = fmt.Sprintf("%d %s among %d %s", c.n, what, n, looked)
	}
	return []Finding{f}
}
