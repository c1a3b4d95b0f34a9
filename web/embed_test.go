package web

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBuiltTellsWhenNothingWasBuilt(t *testing.T) {
	_, err := built(fstest.MapFS{".keep": {}})
	require.ErrorIs(t, err, ErrNotBuilt)

	page := fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}}
	root, err := built(page)
	require.NoError(t, err)
	assert.Equal(t, fs.FS(page), root)
}

// TestFSIsWholeOrSaysSo holds in a fresh clone as well as after `make web`.
func TestFSIsWholeOrSaysSo(t *testing.T) {
	root, err := FS()
	if err != nil {
		require.ErrorIs(t, err, ErrNotBuilt)
		return
	}
	assets, err := fs.Glob(root, "assets/*.js")
	require.NoError(t, err)
	assert.NotEmpty(t, assets, "an index.html without its scripts is half a build")
}
