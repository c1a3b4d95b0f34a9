package block

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/toxiproxy/topology"
)

func TestRunDirOfSomebodyElseIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	require.NoError(t, OpenRunDir(dir))
	require.NoError(t, OpenRunDir(dir), "there already")
	require.NoError(t, os.Chmod(dir, 0o777))
	assert.ErrorContains(t, OpenRunDir(dir), "not this user's own")
	link := dir + "-link"
	require.NoError(t, os.Symlink(os.TempDir(), link))
	assert.Error(t, OpenRunDir(link), "a link may lead anywhere")
}

func TestBlockIsHeldOnce(t *testing.T) {
	run, m := t.TempDir(), topology.EventFlow()
	one, err := Take(run, m, 0, false)
	require.NoError(t, err)
	_, err = Take(run, m, one.Block.Base, false)
	assert.ErrorContains(t, err, "up already (lab with pid "+strconv.Itoa(os.Getpid()))
	two, err := Take(run, m, 0, false)
	require.NoError(t, err)
	assert.NotEqual(t, one.Block.Base, two.Block.Base)
	require.NoError(t, one.Release())
	require.NoError(t, one.Release(), "released already")
	again, err := Take(run, m, one.Block.Base, false)
	require.NoError(t, err)
	require.NoError(t, again.Release())
	require.NoError(t, two.Release())
	left, err := os.ReadDir(run)
	require.NoError(t, err)
	assert.Empty(t, left, "no lock file stays behind")
}

// Whoever clears up after the dead does not meet the living.
func TestLockOfTheDeadAlone(t *testing.T) {
	run := t.TempDir()
	one, err := Take(run, topology.EventFlow(), 0, false)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(one.Dir(), 0o755))
	bases, err := Bases(run)
	require.NoError(t, err)
	assert.Equal(t, []int{one.Block.Base}, bases)
	_, err = Lock(run, one.Block.Base)
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, one.Unlock())
	sweeper, err := Lock(run, one.Block.Base)
	require.NoError(t, err)
	assert.Equal(t, one.Dir(), sweeper.Dir())
	require.NoError(t, sweeper.Release())
	assert.False(t, sweeper.Held())
}

// Two users' laboratories do not see each other's locks.
func TestBlockIsHeldAgainstOtherUsers(t *testing.T) {
	m := topology.EventFlow()
	one, err := Take(t.TempDir(), m, 0, false)
	require.NoError(t, err)
	_, err = Take(t.TempDir(), m, one.Block.Base, false)
	assert.ErrorContains(t, err, "is taken by")
	require.NoError(t, one.Release())
	for _, l := range ports(m, one.Block) {
		assert.NotEqual(t, guardPort(one.Block).port, l.port, "%s listens on the guard's port", l.owner)
	}
}
