package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/change"
	"eventflow/scenarios/stack/compose"
)

// provide sees to it that every image is there, and programs whose source was edited
// beside them.
func (s *Stack) provide(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.buildImages(gctx) })
	g.Go(func() error { return s.buildEdited(gctx) })
	for _, image := range s.foreign() {
		g.Go(func() error { return s.pull(gctx, image) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := s.pin(ctx); err != nil {
		return err
	}
	close(s.built)
	return nil
}

// foreign are the images that others have built, each once.
func (s *Stack) foreign() []string {
	images := map[string]bool{}
	for _, u := range s.units {
		if _, ours := s.plan.built[u.config.Image]; !ours {
			images[u.config.Image] = true
		}
	}
	return slices.Collect(maps.Keys(images))
}

// pull fetches an image that is not there.
func (s *Stack) pull(ctx context.Context, image string) error {
	_, err := s.engine.ImageInspect(ctx, image)
	if !errdefs.IsNotFound(err) {
		return err
	}
	pulled, err := s.engine.ImagePull(ctx, image, client.ImagePullOptions{})
	if err != nil {
		return fmt.Errorf("image %s is not here, and cannot be had: %w", image, err)
	}
	if err := errors.Join(pulled.Wait(ctx), pulled.Close()); err != nil {
		return fmt.Errorf("pull image %s: %w", image, err)
	}
	return nil
}

// builds remembers which source trees' images this process has built: nothing changes
// in a tree while tests of it run.
var builds struct {
	sync.Mutex
	done map[string]bool
}

// buildImages has the images built that are made from the source tree, as the file
// says. What has not changed is in the builder's cache.
func (s *Stack) buildImages(ctx context.Context) error {
	builds.Lock()
	defer builds.Unlock()
	if builds.done[s.plan.WorkingDir] {
		return nil
	}
	docker, err := exec.LookPath("docker")
	if err != nil {
		return errors.New("the docker command is not installed, and only it can build the images: https://docs.docker.com/engine/install (with the compose and buildx plugins)")
	}
	services := slices.Sorted(maps.Values(s.plan.built))
	cmd := exec.CommandContext(ctx, docker, append([]string{"compose", "--file", compose.File, "--progress", "plain", "build"}, services...)...)
	cmd.Dir = s.plan.WorkingDir
	// The tree's own .env is for the stack that people start.
	cmd.Env = append(os.Environ(), "EVENTFLOW_VERSION=", "EVENTFLOW_BIND=", "COMPOSE_PROFILES=", "COMPOSE_FILE=")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("build images: %w", context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("build images: %w: docker compose build%s", err, stack.Quote(out))
	}
	if builds.done == nil {
		builds.done = map[string]bool{}
	}
	builds.done[s.plan.WorkingDir] = true
	return nil
}

// pin replaces the names of our own images by their numbers: a build in another tree
// may give a name to another image while this stack lives, and a wipe would then
// start that one.
func (s *Stack) pin(ctx context.Context) error {
	for _, u := range s.units {
		if _, ours := s.plan.built[u.config.Image]; !ours {
			continue
		}
		image, err := s.engine.ImageInspect(ctx, u.config.Image)
		if err != nil {
			return fmt.Errorf("image %s: %w", u.config.Image, err)
		}
		u.config.Image = image.ID
	}
	return nil
}

// buildEdited builds EventFlow's programs, if their source was edited, for the
// engine's machine, into the stack's own folder.
func (s *Stack) buildEdited(ctx context.Context) error {
	if s.tree.Overlay() == "" {
		return nil
	}
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("go is not installed, and edited programs are built here: https://go.dev/doc/install")
	}
	version, err := s.engine.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return fmt.Errorf("ask the engine for its machine: %w", err)
	}
	arch := version.Arch
	if arch == "" {
		arch = runtime.GOARCH
	}
	var packages []string
	for _, p := range stack.Programs() {
		if !slices.Contains(packages, change.Package(p.Binary)) {
			packages = append(packages, change.Package(p.Binary))
		}
	}
	env := []string{"GOOS=linux", "GOARCH=" + arch, "CGO_ENABLED=0"}
	return change.Build(ctx, s.plan.WorkingDir, s.path("bin"), s.tree.Overlay(), env, packages...)
}
