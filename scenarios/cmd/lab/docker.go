//go:build docker

package main

import (
	"context"
	"os"

	"eventflow/scenarios/stack/docker"
)

// startsContainers says that this lab was built to.
func startsContainers() error { return nil }

func raiseDocker(ctx context.Context, p plan, out *printer) (*bench, error) {
	s := docker.New(docker.Config{
		Base: p.base, Env: p.env(), ServiceEnv: p.needs.Env, Settings: p.needs.Settings, Edits: p.needs.Edits, Mutant: p.mutant,
		Progress: out.progress,
	})
	return bringUp(ctx, s, func() []int { return append(s.Owners(), os.Getpid()) }, out)
}
