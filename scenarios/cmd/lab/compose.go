package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/running"
	"eventflow/toxiproxy/topology"
)

// The files of a stack that `docker compose` starts.
const (
	composeFile = "docker-compose.yml"
	secretsFile = ".env"
	// composeName is what such a stack is called in records.
	composeName = "compose"
)

// errNotUp: the stack of docker-compose.yml does not answer where it would.
var errNotUp = errors.New("it is not up")

// compose is the stack that this source tree's docker-compose.yml describes, if it
// is up and the ports are the one asked for.
func (t target) compose(ctx context.Context, whole bool) (site, error) {
	if t.port != 0 && t.port != topology.DemoBase {
		return site{}, fmt.Errorf("no stack is up on ports from %d; `lab status` lists the stacks, `lab up` starts one", t.port)
	}
	s, err := composeSite(ctx)
	switch {
	case errors.Is(err, errNotUp):
		return site{}, fmt.Errorf("no stack is up; start one with `lab up` (or `make up`)%s", strings.TrimPrefix(err.Error(), errNotUp.Error()))
	case err == nil && whole:
		return s, s.ask(ctx)
	}
	return s, err
}

// composeSite looks where docker-compose.yml publishes its ports. What answers there
// is known by the links that its proxy server has.
func composeSite(ctx context.Context) (site, error) {
	secrets, from, err := composeSecrets()
	if err != nil {
		return site{}, err
	}
	m := topology.EventFlow()
	e := stack.At(composeName, "127.0.0.1", m, topology.Block{Base: topology.DemoBase, Public: true}, secrets)
	there, err := running.Config{Toxiproxy: e.Toxiproxy}.Links(ctx, m)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return site{}, errNotUp
	}
	if err != nil {
		return site{}, fmt.Errorf("%w. Where the one of %s would answer, something else does: %w", errNotUp, composeFile, err)
	}
	e.Links, e.Proxies, e.QueueLag = there.Links, there.Proxies, stack.QueueLag
	return site{what: fmt.Sprintf("%s, on ports from %d", composeName, topology.DemoBase), endpoints: e, secrets: from}, nil
}

// ask asks every part of the stack. Passwords that are refused are those of another
// file: volumes keep the ones with which they were made.
func (s site) ask(ctx context.Context) error {
	err := running.Ask(ctx, s.endpoints)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == wrongPassword {
		return fmt.Errorf("a stack is up whose passwords are not those of %s: it was started from another folder, or its volumes are older than the file; "+
			"use the file with which it was started, or `docker compose down --volumes` and start it anew\n%w", s.secrets, err)
	}
	return err
}

// wrongPassword is how PostgreSQL calls one.
const wrongPassword = "28P01"

// composeSecrets are the secrets with which docker-compose.yml of this source tree
// starts, and where they come from.
func composeSecrets() (secrets stack.Secrets, from string, err error) {
	dir, err := sourceTree()
	if err != nil {
		return stack.LocalSecrets(), composeFile, nil // the lab alone, in no source tree: nobody has written a file for it
	}
	from = filepath.Join(dir, secretsFile)
	env, err := readEnv(from)
	if errors.Is(err, fs.ErrNotExist) {
		return stack.LocalSecrets(), composeFile, nil
	}
	if err != nil {
		return secrets, from, err
	}
	if secrets, err = stack.ComposeSecrets(func(name string) string { return env[name] }); err != nil {
		return secrets, from, fmt.Errorf("%s: %w", from, err)
	}
	return secrets, from, nil
}

// sourceTree is the folder with docker-compose.yml, at or above the working
// directory.
func sourceTree() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("working directory: %w", err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, composeFile)); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("no %s at or above %s", composeFile, dir)
		}
	}
}

// readEnv reads lines like NAME=value: what `lab env` writes, and no more of what
// the format allows.
func readEnv(path string) (map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	defer file.Close()
	env := map[string]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		name, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if ok && !strings.HasPrefix(name, "#") {
			env[name] = strings.Trim(value, `"'`)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read secrets of %s: %w", path, err)
	}
	return env, nil
}
