package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/change"
	"eventflow/scenarios/stack/probe"
	"eventflow/toxiproxy/topology"
)

// postgres is one cluster with fsync off. That is honest for what the laboratory
// does: a killed process loses nothing, since the kernel keeps what was written.
// Only a crash of the whole machine would, and nobody stages that here.
func (s *Stack) postgres() unit {
	data := s.path("postgres", "data")
	port := s.port(topology.PostgresDB)
	return unit{
		name:    topology.PostgresDB,
		data:    s.path("postgres"),
		prepare: s.initdb,
		command: func() command {
			args := settings(
				"-D", data, "listen_addresses="+host, "port="+strconv.Itoa(port), "unix_socket_directories=",
				"max_connections=200", "shared_buffers=128MB", "max_wal_size=1GB", "wal_level=minimal", "max_wal_senders=0",
				"fsync=off", "full_page_writes=off",
			)
			for name, value := range s.cfg.changes().Set(topology.PostgresDB) { // the last word on a parameter counts
				args = append(args, "-c", name+"="+value)
			}
			return s.asPostgres(command{path: s.tools.postgres, dir: s.path("postgres"), args: args})
		},
		// Before init.sql there is only the maintenance database.
		ready: func(ctx context.Context) error { return probe.Postgres(ctx, s.superuser("postgres")) },
		settle: func(ctx context.Context) error {
			if err := s.psql(ctx, "postgres", "-c", "create database "+stack.Database); err != nil {
				return fmt.Errorf("create database: %w", err)
			}
			if err := s.psql(ctx, stack.Database, "-f", s.tree.Path(change.Schema)); err != nil {
				return fmt.Errorf("apply init.sql: %w", err)
			}
			return nil
		},
	}
}

// settings turns "-D dir a=b c=d" into "-D dir -c a=b -c c=d".
func settings(flag, value string, pairs ...string) []string {
	args := []string{flag, value}
	for _, p := range pairs {
		args = append(args, "-c", p)
	}
	return args
}

func (s *Stack) superuser(database string) string {
	return fmt.Sprintf("postgres://postgres:%s@%s/%s?sslmode=disable", s.secrets.Postgres, s.addr(topology.PostgresDB), database)
}

// initdb makes the cluster. The password goes through a file, which an argument
// list would show to every user of the machine, and the file goes at once.
func (s *Stack) initdb(ctx context.Context) error {
	own, secret := s.path("postgres"), s.path("postgres", "password")
	if err := os.Mkdir(own, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	if err := os.WriteFile(secret, []byte(s.secrets.Postgres), 0o600); err != nil {
		return fmt.Errorf("write password: %w", err)
	}
	if err := s.giveToPostgres(own, secret); err != nil {
		return err
	}
	err := s.launch.run(ctx, s.asPostgres(command{path: s.tools.initdb, dir: own, args: []string{
		"-D", filepath.Join(own, "data"), "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret,
		"-E", "UTF8", "--locale=" + locale(), "--no-sync", "--no-instructions",
	}}))
	return errors.Join(err, os.Remove(secret))
}

// locale sorts by code point on every machine. macOS has no C.UTF-8.
func locale() string {
	if runtime.GOOS == "darwin" {
		return "C"
	}
	return "C.UTF-8"
}

// giveToPostgres hands files to the user as whom PostgreSQL runs.
func (s *Stack) giveToPostgres(paths ...string) error {
	account, err := postgresAccount()
	if err != nil || account == nil {
		return err
	}
	for _, p := range paths {
		if err := os.Chown(p, int(account.uid), int(account.gid)); err != nil {
			return fmt.Errorf("give data directory to PostgreSQL's user: %w", err)
		}
	}
	return nil
}

// asPostgres runs the command as an unprivileged user if the laboratory is root,
// which PostgreSQL refuses to be.
func (s *Stack) asPostgres(c command) command {
	c.user, _ = postgresAccount() // initdb has reported the error before
	c.env = map[string]string{"HOME": s.path("postgres"), "TZ": "UTC"}
	return c
}

// postgresAccount is the user that the package made, else nobody; nil if the
// laboratory itself is unprivileged.
func postgresAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
			gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
			return &account{uid: uint32(uid), gid: uint32(gid)}, errors.Join(err1, err2)
		}
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
}

// psql runs as the laboratory's own user: init.sql lies in a source tree that
// PostgreSQL's user may not be able to read.
func (s *Stack) psql(ctx context.Context, database string, args ...string) error {
	env := s.secrets.SQL()
	env["PGPASSWORD"], env["HOME"] = s.secrets.Postgres, s.dir
	return s.launch.run(ctx, command{path: s.tools.psql, dir: s.dir, env: env, args: append([]string{
		"-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", strconv.Itoa(s.port(topology.PostgresDB)), "-U", "postgres", "-d", database,
	}, args...)})
}
