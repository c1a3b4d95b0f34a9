package native

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
