package native

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/toxiproxy/topology"
)

func TestMissingSaysWhichAndHow(t *testing.T) {
	err := &MissingError{Programs: []string{"initdb", "redis-server"}}
	for _, part := range []string{"initdb, redis-server", "apt-get install", "dnf install", "brew install", "install.sh"} {
		assert.ErrorContains(t, err, part)
	}
}

func TestLocatePrefersTheNewestVersion(t *testing.T) {
	dir := t.TempDir()
	for _, v := range []string{"9", "15", "14"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, v, "bin"), 0o755))
	}
	assert.Equal(t, filepath.Join(dir, "15", "bin"), locate("bin", []string{filepath.Join(dir, "none", "*"), filepath.Join(dir, "*", "bin")}))
	assert.Empty(t, locate("no-such-program", nil))
}

func TestExpand(t *testing.T) {
	text, err := expand("server ${APP_1_ADDR}; log $request_id;", map[string]string{"APP_1_ADDR": "127.0.0.1:1"})
	require.NoError(t, err)
	assert.Equal(t, "server 127.0.0.1:1; log $request_id;", text)
	_, err = expand("server ${APP_9_ADDR};", nil)
	assert.ErrorContains(t, err, "${APP_9_ADDR}")
}

func TestWebRootIsWhatWasBuilt(t *testing.T) {
	source := t.TempDir()
	dist := filepath.Join(source, "web", "dist")
	require.NoError(t, os.MkdirAll(dist, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dist, ".gitkeep"), nil, 0o644))
	assert.Equal(t, filepath.Join(source, "web", "unbuilt"), webRoot(source), "the placeholder is no page")
	require.NoError(t, os.WriteFile(filepath.Join(dist, "index.html"), nil, 0o644))
	assert.Equal(t, dist, webRoot(source))
}

func TestStartMarkTellsLivesApart(t *testing.T) {
	me := processOf(os.Getpid())
	assert.True(t, me.Alive())
	assert.False(t, Process{PID: me.PID, Start: me.Start + "0"}.Alive(), "same PID, another birth")
	assert.False(t, Process{PID: me.PID}.Alive(), "no birth noted")
	assert.False(t, Process{PID: 1 << 30, Start: me.Start}.Alive())
}

func TestRunDirOfSomebodyElseIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	require.NoError(t, openRunDir(dir))
	require.NoError(t, openRunDir(dir), "there already")
	require.NoError(t, os.Chmod(dir, 0o777))
	assert.ErrorContains(t, openRunDir(dir), "not this user's own")
	link := dir + "-link"
	require.NoError(t, os.Symlink(os.TempDir(), link))
	assert.Error(t, openRunDir(link), "a link may lead anywhere")
}

func TestBlockIsHeldOnce(t *testing.T) {
	run, m := t.TempDir(), topology.EventFlow()
	one, err := claimBlock(run, m, 0, false)
	require.NoError(t, err)
	_, err = claimBlock(run, m, one.block.Base, false)
	assert.ErrorContains(t, err, "up already")
	two, err := claimBlock(run, m, 0, false)
	require.NoError(t, err)
	assert.NotEqual(t, one.block.Base, two.block.Base)
	require.NoError(t, one.release())
	require.NoError(t, one.release(), "released already")
	again, err := claimBlock(run, m, one.block.Base, false)
	require.NoError(t, err)
	require.NoError(t, again.release())
	require.NoError(t, two.release())
	left, err := os.ReadDir(run)
	require.NoError(t, err)
	assert.Empty(t, left, "no lock file stays behind")
}

// Two users' laboratories do not see each other's locks.
func TestBlockIsHeldAgainstOtherUsers(t *testing.T) {
	m := topology.EventFlow()
	one, err := claimBlock(t.TempDir(), m, 0, false)
	require.NoError(t, err)
	_, err = claimBlock(t.TempDir(), m, one.block.Base, false)
	assert.ErrorContains(t, err, "is taken by")
	require.NoError(t, one.release())
	for _, l := range ports(m, one.block) {
		assert.NotEqual(t, guardPort(one.block).port, l.port, "%s listens on the guard's port", l.owner)
	}
}
