package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/change"
)

// The proxy server of this repository, and what go build calls it.
const (
	toxiproxyPackage = "./toxiproxy/cmd/toxiproxy"
	toxiproxyBinary  = "toxiproxy"
)

// BuildError says that the programs could not be built, with the compiler's own
// words.
type BuildError = change.BuildError

// build compiles packages of the source tree, EventFlow's programs and the proxy
// server, and returns the folder that holds the results, each named after its
// package. What has not changed is not built again.
func build(ctx context.Context, source string, packages []string) (string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return "", errors.New("go is not installed: install Go 1.26 or newer from https://go.dev/doc/install, or pass built programs")
	}
	dir, err := buildDir(source)
	if err != nil {
		return "", err
	}
	unlock, err := lockFile(ctx, filepath.Join(dir, "build.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	return dir, change.Build(ctx, source, dir, "", nil, packages...)
}

// buildDir is in the source tree, where it is ignored by git, or in the user's
// cache if the tree is not the user's to write.
func buildDir(source string) (string, error) {
	dir := filepath.Join(source, ".cache", "native")
	if err := os.MkdirAll(dir, 0o755); err == nil {
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("folder for programs: %w", err)
	}
	dir = filepath.Join(cache, "eventflow", strings.ReplaceAll(source, string(filepath.Separator), "_"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("folder for programs: %w", err)
	}
	return dir, nil
}

// lockFile waits for the lock: two test binaries build the same tree at once.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open build lock: %w", err)
	}
	err = stack.Until(ctx, 10*poll, func(context.Context) error {
		return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wait for another build: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}
