package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
)

func TestMutantIsKilledOnlyByWhatItNames(t *testing.T) {
	broken := func(name string) invariant.Finding {
		return invariant.Finding{Invariant: name, Verdict: invariant.Broken, Detail: name + " is broken"}
	}
	proofless := invariant.Finding{Invariant: invariant.NonVacuity, Verdict: invariant.Invalid, Detail: "nothing bit"}
	for name, c := range map[string]struct {
		report  invariant.Report
		fate    fate
		verdict invariant.Verdict
	}{
		"named":                     {invariant.Report{Verdict: invariant.Broken, Findings: []invariant.Finding{broken(invariant.NoLoss)}}, killed, invariant.Pass},
		"named, and no proof":       {invariant.Report{Verdict: invariant.Broken, Findings: []invariant.Finding{proofless, broken(invariant.NoLoss)}}, killed, invariant.Pass},
		"something else is noticed": {invariant.Report{Verdict: invariant.Broken, Findings: []invariant.Finding{broken(invariant.NoHang)}}, elsewhere, invariant.Broken},
		"nothing is noticed":        {invariant.Report{Verdict: invariant.Pass}, survived, invariant.Broken},
		"nothing is proved":         {invariant.Report{Verdict: invariant.Invalid, Findings: []invariant.Finding{proofless}}, noProof, invariant.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			tr := trial{Mutant: "m", Wanted: []string{invariant.NoLoss, invariant.Recovery}, Fate: notPlayed}
			tr.judge(c.report)
			assert.Equal(t, c.fate, tr.Fate)
			assert.Equal(t, c.verdict, fateOf([]trial{{Fate: killed}, tr}))
		})
	}
	assert.Equal(t, invariant.Invalid, fateOf([]trial{{Fate: notPlayed}}), "a drill that was not carried out kills nobody")
}

func TestMatrixIsWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "artifacts")
	var said bytes.Buffer
	m := matrix{
		Trials: []trial{
			{Mutant: "bad", ID: "M01", Scenario: "calm", Wanted: []string{"NoLoss"}, Fate: killed, Broken: []string{"NoHang", "NoLoss"}, Evidence: "one | lost", Took: time.Second},
			{Mutant: "worse", ID: "M02", Scenario: "calm", Wanted: []string{"NoLoss"}, Fate: survived},
		},
		Controls: []lab.Result{{History: history.History{Meta: history.Meta{Scenario: "calm"}}, Report: invariant.Report{Verdict: invariant.Pass}}},
	}
	require.NoError(t, writeMatrix(m, dir, &printer{out: &said}))
	assert.Regexp(t, `bad +calm +killed by NoLoss +1 s`, said.String())
	assert.Contains(t, said.String(), "1 of 2 mutants killed by the anomaly that they name; 1 of 1 scenarios pass")
	table, err := os.ReadFile(filepath.Join(dir, matrixTable))
	require.NoError(t, err)
	assert.Contains(t, string(table), `one \| lost`)
	assert.Contains(t, string(table), "| ❌ | worse (M02) | calm | NoLoss | SURVIVED |")
	data, err := os.ReadFile(filepath.Join(dir, matrixData))
	require.NoError(t, err)
	var read struct{ Mutants []trial }
	require.NoError(t, json.Unmarshal(data, &read))
	assert.Equal(t, m.Trials, read.Mutants)
}

func TestMutantsAreListedAndChosen(t *testing.T) {
	var out, errOut bytes.Buffer
	require.Equal(t, exitPass, run([]string{"mutants", "--list", "M01", "auto-ack", "--es"}, &out, &errOut), errOut.String())
	for _, part := range []string{"no-confirms", "auto-ack", "«Enviado» no es «guardado»", "must be noticed by consumer-crashes: NoLoss"} {
		assert.Contains(t, out.String(), part)
	}
	assert.NotContains(t, out.String(), "ack-before-commit")
	for _, args := range [][]string{{"mutants", "no-such-bug"}, {"mutants", "--stack", "running"}, {"up", "--mutant", "no-such-bug"}, {"mutants", "--gate", "auto-ack"}} {
		assert.Equal(t, exitUsage, run(args, &out, &errOut), args)
	}
	cfg := upFlags{base: 1234, mutant: "no-confirms"}.config()
	assert.Equal(t, "no-confirms", cfg.Mutant)
	assert.NotEmpty(t, cfg.Edits)
}
