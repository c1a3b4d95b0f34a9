package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

// ErrNoEngine: nobody answers where a container engine should.
var ErrNoEngine = errors.New("no container engine answers")

// Answers says which version of a container engine answers, where DOCKER_HOST, the
// user's Docker context or the usual socket point. No engine: an error that wraps
// ErrNoEngine.
func Answers(ctx context.Context) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	engine, err := dial(ctx)
	if err != nil {
		return "", err
	}
	defer engine.Close()
	said, err := engine.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoEngine, err)
	}
	return said.Version, nil
}

// dial finds the engine as testcontainers does, so that both mean the same one.
func dial(ctx context.Context) (*testcontainers.DockerClient, error) {
	hush()
	if err := asked(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoEngine, err)
	}
	engine, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoEngine, err)
	}
	return engine, nil
}

// asked fails when the engine that the user has named does not answer.
// testcontainers would take another one, and `docker` itself would not.
func asked(ctx context.Context) error {
	named := os.Getenv(client.EnvOverrideHost)
	if named == "" {
		return nil
	}
	engine, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	defer engine.Close()
	if _, err := engine.Ping(ctx, client.PingOptions{}); err != nil {
		return fmt.Errorf("%s=%s: %w", client.EnvOverrideHost, named, err)
	}
	return nil
}

// hush keeps testcontainers from telling standard error about every container:
// what there is to tell, this package tells.
var hush = sync.OnceFunc(func() { log.SetDefault(log.NewNoopLogger()) })
