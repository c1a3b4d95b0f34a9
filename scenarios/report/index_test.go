package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/report"
)

// artifacts is a folder with one drill of each verdict, a minute apart, and one
// whose result was cut off.
func artifacts(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, d := range drills() {
		d.History.Meta.Base = d.History.Meta.Base.Add(time.Duration(i) * time.Minute)
		run := filepath.Join(dir, d.History.Meta.Scenario)
		require.NoError(t, os.MkdirAll(filepath.Join(run, "logs"), 0o755))
		require.NoError(t, report.WriteDrill(run, d.History, d.Report))
	}
	half := filepath.Join(dir, "half-written")
	require.NoError(t, os.MkdirAll(half, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(half, report.ResultFile), []byte(`{"scenario":"cut o`), 0o600))
	return dir
}

func readIndex(t *testing.T, dir string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, report.IndexFile))
	require.NoError(t, err)
	return string(raw)
}

func TestTheIndexListsDrillsNewestFirstAndNamesWhatItCannotRead(t *testing.T) {
	dir := artifacts(t)
	require.NoError(t, report.WriteIndex(dir))
	page := readIndex(t, dir)
	last := -1
	for _, name := range []string{"rabbitmq-cut", "redis-forgets-everything-it-ever-knew-about-locks", "postgres-cut"} {
		at := strings.Index(page, `<a href="./`+name+`/report.html">`)
		require.Greater(t, at, last, name)
		last = at
	}
	assert.Contains(t, page, "half-written")
	assert.Contains(t, page, "unexpected end of JSON input")
	assert.Contains(t, page, "4 drills in this folder")
	assert.Contains(t, page, `data-k="postgres-cut" data-o="pass"`)
}

func TestTheIndexIsReplacedWholeAndLeavesNothingBehind(t *testing.T) {
	dir := artifacts(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, report.IndexFile), []byte("old"), 0o600))
	require.NoError(t, report.WriteRun(dir, drills()))
	assert.Contains(t, readIndex(t, dir), "</html>")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		assert.False(t, strings.HasPrefix(e.Name(), "."), "%s was left", e.Name())
	}
	require.Error(t, report.WriteIndex(filepath.Join(dir, "missing")))
}

func TestADrillWithoutAPageIsLinkedToWhatThereIs(t *testing.T) {
	dir := artifacts(t)
	require.NoError(t, os.Remove(filepath.Join(dir, "postgres-cut", report.PageFile)))
	require.NoError(t, report.WriteIndex(dir))
	assert.Contains(t, readIndex(t, dir), `href="./postgres-cut/why.txt"`)
}

func TestAnEmptyFolderHasAnIndexToo(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, report.WriteIndex(dir))
	assert.Contains(t, readIndex(t, dir), "No drill in this folder yet.")
}
