package serve

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// inside marks the run of this test in a PID namespace of its own.
const inside = "EVENTFLOW_TEST_INSIDE"

// TestProcessMetricsAreThisProcess counts open files where os.Getpid is 1 and
// /proc/1 is another process.
func TestProcessMetricsAreThisProcess(t *testing.T) {
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestProcessMetricsAreThisProcess$")
		cmd.Env = append(os.Environ(), inside+"=1")
		if os.Geteuid() == 0 { // others may not make a namespace; the count must be right all the same
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
		}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return
	}
	for range 150 { // no other process has as many by chance
		f, err := os.Open(os.DevNull)
		require.NoError(t, err)
		defer f.Close()
	}
	families, err := NewMetrics("app", "app-1").Registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != "process_open_fds" {
			continue
		}
		open, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		require.InDelta(t, len(open), f.GetMetric()[0].GetGauge().GetValue(), 3)
		return
	}
	t.Fatal("no process_open_fds")
}
