package scenarios_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// journalVar makes this test binary write a journal to the file it names, without
// end, instead of testing.
const journalVar = "EVENTFLOW_TEST_JOURNAL"

// TestAKilledDrillIsNeverAPass kills the writer of a journal at fifty moments.
// Whatever was on its way to the disk, what is there can be read, and is judged to
// prove nothing.
func TestAKilledDrillIsNeverAPass(t *testing.T) {
	dir := t.TempDir()
	for i := range 50 {
		path := filepath.Join(dir, "journal.jsonl")
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		killed(t, path, i)
		h, err := history.ReadFile(path)
		require.NoError(t, err, "kill %d", i)
		verdict := invariant.Judge(h).Verdict
		require.Equal(t, invariant.Invalid, verdict, "kill %d: a journal of %d ops", i, len(h.Ops))
	}
}

// killed runs a writer until its journal has some length, different for each kill,
// and then ends it without notice.
func killed(t *testing.T, path string, kill int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWriteAJournalUntilKilled$")
	cmd.Env = append(os.Environ(), journalVar+"="+path)
	require.NoError(t, cmd.Start())
	defer func() {
		require.NoError(t, cmd.Process.Kill())
		err := cmd.Wait()
		var exit *exec.ExitError
		require.True(t, errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL, "the writer ended by itself: %v", err)
	}()
	wanted := int64(kill*kill) * 997 // bytes: some within the first record, some after thousands
	require.Eventually(t, func() bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() > wanted
	}, 20*time.Second, time.Millisecond, "the writer writes nothing")
}

// TestWriteAJournalUntilKilled is the writer: it looks like a passing drill that
// has not come to its end.
func TestWriteAJournalUntilKilled(t *testing.T) {
	path := os.Getenv(journalVar)
	if path == "" {
		t.Skip("the writer of TestAKilledDrillIsNeverAPass, which runs it")
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o600)
	require.NoError(t, err)
	spec := []byte(`{"witnesses":[{"name":"reads","measure":"ops","kind":"seats","min":1}]}`)
	rec := history.NewRecorder(out, history.Meta{Scenario: "written", Spec: spec})
	rec.PhaseStart("sale")
	for i := 1; ; i++ {
		op := history.Op{Process: i, Kind: history.Seats, Event: 1}
		op.ID = rec.Invoke(op)
		op.Outcome, op.Code = history.OK, 200
		rec.Return(op)
		if i%500 == 0 {
			rec.Sample(history.Sample{Values: map[string]float64{"queue_total": 0}})
			time.Sleep(time.Millisecond) // leaves a core to the test that watches
		}
	}
}
