package machine_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/machine"
)

// TestSomebodyElsesWorkIsForeign: the same busy child is foreign to a meter that
// does not know it, and is not to one that does. Both are read over the same
// stretch, so that what else the machine does is the same for both.
func TestSomebodyElsesWorkIsForeign(t *testing.T) {
	child := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
	require.NoError(t, child.Start())
	defer func() {
		require.NoError(t, child.Process.Kill())
		require.Error(t, child.Wait(), "it was killed")
	}()
	stranger := meter(t, fixed(-1))
	owner := meter(t, fixed(child.Process.Pid))
	parent := meter(t, fixed(os.Getpid()))
	require.Eventually(t, func() bool {
		// The child gets a share of at least one core in a hundred even on a busy machine.
		seen, known, family := foreign(t, stranger), foreign(t, owner), foreign(t, parent)
		return seen > 0.01 && known < seen && family < seen
	}, 20*time.Second, 200*time.Millisecond, "a busy process was not told from an idle one")
}

func fixed(pids ...int) func() []int { return func() []int { return pids } }

func meter(t *testing.T, roots func() []int) *machine.Meter {
	t.Helper()
	m, err := machine.NewMeter(roots)
	if errors.Is(err, machine.ErrUnsupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return m
}

func foreign(t *testing.T, m *machine.Meter) float64 {
	t.Helper()
	share, err := m.Foreign()
	require.NoError(t, err)
	assert.GreaterOrEqual(t, share, 0.0)
	assert.LessOrEqual(t, share, 1.0)
	return share
}

// TestAnOwnerThatIsReplaced: the meter asks again who the owners are, and the
// successor's work is as little foreign as its predecessor's.
func TestAnOwnerThatIsReplaced(t *testing.T) {
	var owner int
	m := meter(t, func() []int { return []int{owner} })
	stranger := meter(t, fixed(-1))
	for range 2 {
		child := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
		require.NoError(t, child.Start())
		t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
		owner = child.Process.Pid
		require.Eventually(t, func() bool {
			seen, known := foreign(t, stranger), foreign(t, m)
			return seen > 0.01 && known < seen
		}, 20*time.Second, 200*time.Millisecond, "the owner's work was taken for somebody else's")
		require.NoError(t, child.Process.Kill())
		require.Error(t, child.Wait(), "it was killed")
	}
}
