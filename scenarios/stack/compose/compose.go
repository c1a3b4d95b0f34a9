// Package compose reads docker-compose.yml as docker compose does: variables
// filled in, fragments merged, paths made absolute.
//
// It must not know what is done with the project: it starts nothing, and needs no
// Docker.
package compose

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// File is the file's name in a source tree.
const File = "docker-compose.yml"

// AllProfiles, as a profile, stands for all of them.
const AllProfiles = "*"

// Load reads docker-compose.yml of a source tree. env is all that the file's
// variables are filled in from: neither this process's environment nor a .env file
// is looked at. Services that belong to a profile are there if it is named.
//
// The error is the file's own, as docker compose would say it.
func Load(ctx context.Context, source string, env map[string]string, profiles ...string) (*types.Project, error) {
	source, err := filepath.Abs(source)
	if err != nil {
		return nil, fmt.Errorf("find source tree: %w", err)
	}
	project, err := loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  source,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(source, File)}},
		Environment: maps.Clone(env),
	}, func(o *loader.Options) { o.Profiles = profiles })
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", File, err)
	}
	return project, nil
}
