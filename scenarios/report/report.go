// Package report writes down what a drill showed: for people (report.html, and
// index.html over all drills), for programs (result.json, junit.xml), for a pull
// request (summary.md), for a terminal (the table) and for whoever asks why.
//
// Every text is a function of the history and the judgement on it. It must not
// judge, run or measure anything itself.
package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// The files of a drill's folder, and of a run's.
const (
	JournalFile = "journal.jsonl" // what happened; all else follows from it
	ResultFile  = "result.json"   // see Result
	WhyFile     = "why.txt"       // see Why

	SummaryFile = "summary.md" // see WriteSummary
	JUnitFile   = "junit.xml"  // see WriteJUnit
)

// Format is the version of Result. Fields are added without changing it; it
// changes when one is renamed or means something else.
const Format = 1

// Drill is one drill with its verdict.
type Drill struct {
	History history.History
	Report  invariant.Report
	Dir     string // its folder; may be empty
}

// Result is result.json: a drill without its ops. Times are milliseconds since
// Base, with fractions; the fields of Findings and Numbers are documented at
// their types.
type Result struct {
	Format   int               `json:"format"`
	Scenario string            `json:"scenario"`
	Claim    string            `json:"claim"`
	Verdict  invariant.Verdict `json:"verdict"` // pass, broken, invalid
	Seed     uint64            `json:"seed"`
	Base     time.Time         `json:"base"`  // wall time of offset zero
	Stack    string            `json:"stack"` // native, docker, running
	Event    int               `json:"event"` // the drill's own sale
	Versions map[string]string `json:"versions,omitempty"`
	Complete bool              `json:"complete"`         // the drill reached its end
	Mutant   string            `json:"mutant,omitempty"` // the bug that was planted
	Duration float64           `json:"duration_ms"`      // to the last thing that the record speaks of
	Rerun    string            `json:"rerun"`            // the command that plays the drill again

	Findings []invariant.Finding `json:"findings"`
	Numbers  invariant.Numbers   `json:"numbers"`
	Phases   []Phase             `json:"phases"`
	Faults   []Fault             `json:"faults"`
	Notes    []string            `json:"notes,omitempty"`
}

// Phase is a phase of a Result.
type Phase struct {
	Name    string  `json:"name"`
	StartMS float64 `json:"start_ms"`
	EndMS   float64 `json:"end_ms"` // 0: never
}

// Fault is a fault of a Result. A time of 0 means never.
type Fault struct {
	Name      string   `json:"name"`
	Links     []string `json:"links"`
	Phase     string   `json:"phase"`
	StartMS   float64  `json:"start_ms"`
	InForceMS float64  `json:"in_force_ms"`
	HealAtMS  float64  `json:"heal_at_ms"`
	HealedMS  float64  `json:"healed_ms"`
	Symptom   string   `json:"symptom"`
	Bit       bool     `json:"bit"`
	Error     string   `json:"error,omitempty"`
}

// NewResult is the drill as result.json has it.
func NewResult(h history.History, r invariant.Report) Result {
	res := Result{
		Format: Format, Scenario: h.Meta.Scenario, Claim: h.Meta.Claim, Verdict: r.Verdict, Seed: h.Meta.Seed,
		Base: h.Meta.Base, Stack: h.Meta.Stack, Event: h.Meta.Event, Versions: h.Meta.Versions, Complete: h.Complete,
		Mutant: h.Meta.Mutant, Duration: millis(h.End()), Rerun: Rerun(h.Meta),
		Findings: r.Findings, Numbers: r.Numbers, Phases: []Phase{}, Faults: []Fault{}, Notes: h.Notes,
	}
	for _, p := range h.Phases {
		res.Phases = append(res.Phases, Phase{p.Name, millis(p.Start), millis(p.End)})
	}
	for _, f := range h.Faults {
		res.Faults = append(res.Faults, Fault{
			Name: f.Name, Links: f.Links, Phase: f.Phase, StartMS: millis(f.Start), InForceMS: millis(f.InForce),
			HealAtMS: millis(f.HealAt), HealedMS: millis(f.Healed), Symptom: f.Symptom, Bit: f.Bit, Error: f.Error,
		})
	}
	return res
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// WriteResult writes result.json.
func WriteResult(w io.Writer, h history.History, r invariant.Report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(NewResult(h, r)); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// WriteDrill writes a drill's files into its folder, beside the journal.
func WriteDrill(dir string, h history.History, r invariant.Report) error {
	var result bytes.Buffer
	if err := WriteResult(&result, h, r); err != nil {
		return err
	}
	if err := put(dir, ResultFile, result.Bytes()); err != nil {
		return err
	}
	if err := put(dir, WhyFile, []byte(Why(h, r))); err != nil {
		return err
	}
	return WritePage(dir, h, r, English)
}

// WritePage writes report.html into a drill's folder, and the timeline of a seat
// that two buyers held at once, if there is one. lang is as in WriteHTML.
func WritePage(dir string, h history.History, r invariant.Report, lang string) error {
	found, err := writeTimeline(dir, h, r)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := writePage(&text, h, r, lang, journalIn(dir), found); err != nil {
		return err
	}
	return put(dir, PageFile, text.Bytes())
}

// WriteRun writes the files that cover all drills of a run into dir, and the index
// of all drills in it anew.
func WriteRun(dir string, drills []Drill) error {
	var summary, junit bytes.Buffer
	if err := WriteSummary(&summary, drills); err != nil {
		return err
	}
	if err := WriteJUnit(&junit, drills); err != nil {
		return err
	}
	if err := put(dir, SummaryFile, summary.Bytes()); err != nil {
		return err
	}
	if err := put(dir, JUnitFile, junit.Bytes()); err != nil {
		return err
	}
	return WriteIndex(dir)
}

func put(dir, name string, text []byte) error {
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
