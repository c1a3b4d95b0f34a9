package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with testdata/name, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// drill is a small drill of one fault: three reads, a purchase before it, one
// under it and one after it.
func drill(name string) history.History {
	second := time.Second
	h := history.History{
		Meta: history.Meta{
			Format: 1, Scenario: name, Claim: "While PostgreSQL is cut, purchases are accepted | and none is lost.", Seed: 5, Event: 1001, Stack: "native",
			Base: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Versions: map[string]string{"postgres": "15"},
			Spec: json.RawMessage(`{"bounds":[{"name":"warm reads","phase":"cut","kind":"seats","want":{"code":[200]},"limit":"at_least","ratio":0.99,"within":"300ms","min_ops":1}],
				"no_hang":{"purchase":"3s"},"recovery":[{"kind":"purchase","first":"2s","last":"800ms","min_ops":1}],
				"witnesses":[{"name":"accepted while cut","measure":"ops","phase":"cut","kind":"purchase","match":{"code":[202]},"min":1}]}`),
		},
		Phases: []history.Phase{{Name: "baseline", End: 4 * second}, {Name: "cut", Start: 5 * second, End: 9 * second}, {Name: "recover", Start: 10 * second, End: 16 * second}},
		Faults: []history.Fault{{Index: 1, Name: "cut", Links: []string{"app-1_postgres", "consumer_postgres"}, Phase: "cut", Start: 4 * second, InForce: 5 * second,
			HealAt: 9 * second, Healed: 10 * second, ReadBack: "enabled=false", Symptom: "refused", Bit: true}},
		Samples:  []history.Sample{{At: 8 * second, Values: map[string]float64{"queue_total": 41}}},
		Ledger:   &history.Ledger{At: 20 * second, Effects: map[string]int{}},
		Notes:    []string{"traffic: all well"},
		Complete: true,
	}
	for i, at := range []time.Duration{second, 6 * second, 10200 * time.Millisecond} {
		id := string(rune('a' + i))
		add := func(o history.Op) {
			o.ID, o.Process, o.Event = int64(len(h.Ops)+1), i+1, 1001
			o.Call = at + time.Duration(o.ID)*100*time.Millisecond
			o.Intended, o.Return = o.Call, o.Call+20*time.Millisecond
			h.Ops = append(h.Ops, o)
		}
		add(history.Op{Kind: history.Seats, Outcome: history.OK, Code: 200, Source: "cache"})
		add(history.Op{Kind: history.Lock, Outcome: history.OK, Code: 201, LockID: id, Transaction: "tx-" + id, Seats: []string{"A-" + id}, Expires: time.Minute})
		add(history.Op{Kind: history.Purchase, Outcome: history.OK, Code: 202, LockID: id, Transaction: "tx-" + id, Seats: []string{"A-" + id}, Node: "app-" + id})
		h.Ledger.Purchases = append(h.Ledger.Purchases, history.PurchaseRow{Transaction: "tx-" + id, Event: 1001, Seats: []string{"A-" + id}, Status: "CONFIRMED"})
		h.Ledger.Sold = append(h.Ledger.Sold, history.SoldSeat{Event: 1001, Seat: "A-" + id, Transaction: "tx-" + id})
		h.Ledger.Effects["tx-"+id] = 1
	}
	return h
}

// judge keeps the findings that the golden files are about: judges that are added
// later do not change how a report is written.
func judge(h history.History) invariant.Report {
	r := invariant.Judge(h)
	told := []string{invariant.Sound, invariant.NoLoss, invariant.ExactlyOnce, invariant.NoPhantom, invariant.Availability, invariant.NoHang, invariant.Recovery, invariant.NonVacuity}
	r.Findings = slices.DeleteFunc(r.Findings, func(f invariant.Finding) bool { return !slices.Contains(told, f.Invariant) })
	return r
}

// drills is one of each verdict.
func drills() []report.Drill {
	lost := drill("redis-forgets-everything-it-ever-knew-about-locks")
	lost.Ledger.Purchases, lost.Ledger.Sold = lost.Ledger.Purchases[:2], lost.Ledger.Sold[:2]
	delete(lost.Ledger.Effects, "tx-c")
	lost.Ledger.Effects["tx-a"] = 2
	blind := drill("rabbitmq-cut")
	blind.Ledger, blind.Complete, blind.Samples = nil, false, nil
	var list []report.Drill
	for _, h := range []history.History{drill("postgres-cut"), lost, blind} {
		list = append(list, report.Drill{History: h, Report: judge(h), Dir: "artifacts/20260301T100000-" + h.Meta.Scenario + "-5"})
	}
	return list
}

func text(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, write(&b))
	return b.String()
}

func TestTheVerdictsAreWhatTheGoldenFilesAreAbout(t *testing.T) {
	var got []invariant.Verdict
	for _, d := range drills() {
		got = append(got, d.Report.Verdict)
	}
	require.Equal(t, []invariant.Verdict{invariant.Pass, invariant.Broken, invariant.Invalid}, got)
}

func TestGolden(t *testing.T) {
	ds := drills()
	golden(t, "table.txt", text(t, func(w io.Writer) error { return report.WriteTable(w, ds, false) }))
	golden(t, "summary.md", text(t, func(w io.Writer) error { return report.WriteSummary(w, ds) }))
	golden(t, "junit.xml", text(t, func(w io.Writer) error { return report.WriteJUnit(w, ds) }))
	for i, name := range []string{"pass", "broken", "invalid"} {
		h, r := ds[i].History, ds[i].Report
		golden(t, name+".json", text(t, func(w io.Writer) error { return report.WriteResult(w, h, r) }))
		golden(t, name+".why.txt", report.Why(h, r))
		golden(t, name+".brief.txt", report.Brief(h, r))
	}
}

func TestTheTableFitsAHundredColumnsAndIsAligned(t *testing.T) {
	lines := strings.Split(text(t, func(w io.Writer) error { return report.WriteTable(w, drills(), false) }), "\n")
	for _, l := range lines {
		require.LessOrEqual(t, utf8.RuneCountInString(l), 100)
	}
	for _, l := range lines[1:4] {
		require.Equal(t, utf8.RuneCountInString(lines[0]), utf8.RuneCountInString(l))
	}
}

func TestColourChangesNothingButColour(t *testing.T) {
	plain := text(t, func(w io.Writer) error { return report.WriteTable(w, drills(), false) })
	colour := text(t, func(w io.Writer) error { return report.WriteTable(w, drills(), true) })
	require.NotContains(t, plain, "\x1b")
	require.Contains(t, colour, "\x1b[31mbroken\x1b[0m")
	require.Contains(t, colour, "\x1b[31m1\x1b[0m", "a loss stands out")
	strip := strings.NewReplacer("\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[0m", "")
	require.Equal(t, plain, strip.Replace(colour))
}

func TestJUnitCountsBrokenAsFailureAndInvalidAsError(t *testing.T) {
	var run struct {
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Tests    int `xml:"tests,attr"`
		Suites   []struct {
			Cases []struct {
				Name string `xml:"name,attr"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal([]byte(text(t, func(w io.Writer) error { return report.WriteJUnit(w, drills()) })), &run))
	require.Equal(t, 2, run.Failures)
	require.Equal(t, 1, run.Errors)
	n := 0
	for _, s := range run.Suites {
		n += len(s.Cases)
	}
	require.Equal(t, n, run.Tests)
}

func TestTheFilesAreWritten(t *testing.T) {
	dir := t.TempDir()
	ds := drills()
	require.NoError(t, report.WriteDrill(dir, ds[0].History, ds[0].Report))
	require.NoError(t, report.WriteRun(dir, ds))
	for _, name := range []string{report.ResultFile, report.WhyFile, report.PageFile, report.SummaryFile, report.JUnitFile, report.IndexFile} {
		require.FileExists(t, filepath.Join(dir, name))
	}
	raw, err := os.ReadFile(filepath.Join(dir, report.ResultFile))
	require.NoError(t, err)
	var got report.Result
	require.NoError(t, json.Unmarshal(raw, &got))
	require.Equal(t, report.NewResult(ds[0].History, ds[0].Report), got)

	missing := filepath.Join(dir, "missing")
	require.ErrorContains(t, report.WriteDrill(missing, ds[0].History, ds[0].Report), report.ResultFile)
	require.ErrorContains(t, report.WriteRun(missing, ds), report.SummaryFile)
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestAFullDiskIsReported(t *testing.T) {
	ds := drills()
	require.ErrorContains(t, report.WriteTable(full{}, ds, false), "disk full")
	require.ErrorContains(t, report.WriteSummary(full{}, ds), "disk full")
	require.ErrorContains(t, report.WriteJUnit(full{}, ds), "disk full")
	require.ErrorContains(t, report.WriteResult(full{}, ds[0].History, ds[0].Report), "disk full")
}
