package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/report"
)

// saved is a folder of artifacts with two journals of drills that were cut short.
func saved(t *testing.T) (dir, journal string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"one", "two"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
		journal = filepath.Join(dir, name, report.JournalFile)
		require.NoError(t, os.WriteFile(journal, []byte(`{"t":"meta","meta":{"format":1,"scenario":"calm","claim":"","seed":1,"base":"2026-03-01T10:00:00Z","stack":"native","event":1,"spec":{"witnesses":[]}}}`+"\n"), 0o600))
	}
	return dir, journal
}

func TestReportMakesPagesOfJournals(t *testing.T) {
	dir, journal := saved(t)
	code, out, errOut := call(t, "report", journal, "--lang", "es")
	require.Equal(t, exitPass, code, errOut)
	page := filepath.Join(filepath.Dir(journal), report.PageFile)
	assert.Contains(t, out, page)
	raw, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Contains(t, string(raw), `<html lang="es"`)

	code, out, errOut = call(t, "report", dir)
	require.Equal(t, exitPass, code, errOut)
	for _, path := range []string{"one/report.html", "two/report.html", "index.html"} {
		assert.FileExists(t, filepath.Join(dir, filepath.FromSlash(path)))
		assert.Contains(t, out, filepath.Join(dir, filepath.FromSlash(path)))
	}
}

func TestReportSaysWhatItNeeds(t *testing.T) {
	_, journal := saved(t)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"report"}, "artifacts/*/journal.jsonl"},
		{[]string{"report", "nowhere"}, "no such file"},
		{[]string{"report", t.TempDir()}, "no journal.jsonl below"},
		{[]string{"report", journal, "--lang", "fr"}, "en and es"},
	} {
		code, _, errOut := call(t, c.args...)
		assert.Equal(t, exitUsage, code)
		assert.Contains(t, errOut, c.says)
	}
}

func TestJudgeNamesThePage(t *testing.T) {
	_, journal := saved(t)
	_, out, _ := call(t, "judge", journal)
	assert.Contains(t, out, "lab report "+journal)
	_, _, _ = call(t, "report", journal)
	_, out, _ = call(t, "judge", journal)
	assert.Contains(t, out, "Page: "+filepath.Join(filepath.Dir(journal), report.PageFile))
}
