package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/report"
)

func TestVerdictsAreAnnotatedOnGitHub(t *testing.T) {
	finding := func(v invariant.Verdict, detail string) invariant.Finding {
		return invariant.Finding{Invariant: invariant.NoLoss, Verdict: v, Detail: detail}
	}
	drill := func(name string, v invariant.Verdict, fs ...invariant.Finding) report.Drill {
		return report.Drill{History: history.History{Meta: history.Meta{Scenario: name}}, Report: invariant.Report{Verdict: v, Findings: fs}}
	}
	drills := []report.Drill{
		drill("calm", invariant.Pass, finding(invariant.Pass, "fine")),
		drill("cut", invariant.Broken, finding(invariant.Broken, "100 %: lost\nseat A1"), finding(invariant.Pass, "fine")),
		drill("hang", invariant.Invalid, finding(invariant.Invalid, "1"), finding(invariant.Invalid, "2"), finding(invariant.Invalid, "3"), finding(invariant.Invalid, "4")),
	}
	trials := []trial{{Mutant: "dead", Fate: killed}, {Mutant: "alive", Scenario: "calm", Fate: survived}, {Mutant: "lost", Scenario: "cut", Fate: notPlayed}}
	play := func() string {
		var said bytes.Buffer
		annotate(&printer{out: &said}, drills)
		annotateTrials(&printer{out: &said}, trials)
		return said.String()
	}
	t.Setenv("GITHUB_ACTIONS", "")
	assert.Empty(t, play(), "elsewhere nobody reads such lines")
	t.Setenv("GITHUB_ACTIONS", "true")
	assert.Equal(t, `::error title=cut%3A broken::NoLoss: 100 %25: lost%0Aseat A1
::warning title=hang%3A invalid::NoLoss: 1%0ANoLoss: 2%0ANoLoss: 3%0Aand 1 more, in the report
::error title=mutant alive::calm: SURVIVED
::warning title=mutant lost::cut: not carried out
`, play())
}

func TestWhatStandsInTheWayIsAnnotatedOnGitHub(t *testing.T) {
	alone(t)
	t.Setenv("GITHUB_ACTIONS", "true")
	code, _, errOut := call(t, "cut", "postgres", "--toxiproxy", "http://127.0.0.1:1")
	assert.Equal(t, exitEnvironment, code)
	assert.Contains(t, errOut, "::error title=lab cut::--toxiproxy http://127.0.0.1:1")
}
