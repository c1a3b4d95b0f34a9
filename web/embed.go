// Package web holds the built pages, so that a Go program can serve them without
// a folder beside it. It knows nothing of what the pages show.
package web

import (
	"embed"
	"errors"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// ErrNotBuilt says that this binary was compiled before `make web`.
var ErrNotBuilt = errors.New("web: the pages are not built: run `make web` and build again")

// FS is the root of the built pages, or ErrNotBuilt.
func FS() (fs.FS, error) {
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, err
	}
	return built(root)
}

func built(root fs.FS) (fs.FS, error) {
	if _, err := fs.Stat(root, "index.html"); err != nil {
		return nil, ErrNotBuilt
	}
	return root, nil
}
