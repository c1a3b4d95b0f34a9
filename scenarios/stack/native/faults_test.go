package native_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/native"
	"eventflow/scenarios/stack/probe"
	"eventflow/scenarios/stack/stacktest"
	"eventflow/toxiproxy/topology"
)

// only narrows a stack to a few services.
func only(names ...topology.Name) func(*native.Config) {
	return func(c *native.Config) { c.Services = names }
}

func upError(t *testing.T, st *native.Stack) error {
	t.Helper()
	t.Cleanup(func() { stacktest.Down(t, st) })
	err := st.Up(t.Context())
	require.Error(t, err)
	return err
}

func TestPortTaken(t *testing.T) {
	base := ownBase(t)
	redis, _ := topology.EventFlow().Service(topology.RedisDB)
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(base+redis.Offset)))
	require.NoError(t, err)
	defer ln.Close()

	err = upError(t, open(t, only(topology.RedisDB), func(c *native.Config) { c.Base = base }))
	assert.ErrorContains(t, err, strconv.Itoa(base+redis.Offset))
	assert.ErrorContains(t, err, "redis")
	assert.ErrorContains(t, err, "pid "+strconv.Itoa(os.Getpid()))
}

func TestBlockTakenByAnotherStack(t *testing.T) {
	one := open(t, only(topology.RedisDB))
	stacktest.Up(t, one)
	base := one.State().Base
	err := upError(t, open(t, only(topology.RedisDB), func(c *native.Config) { c.Base = base }))
	assert.ErrorContains(t, err, "up already (lab with pid "+strconv.Itoa(os.Getpid()))
	assert.NoError(t, probe.Redis(t.Context(), one.Endpoints().RedisAddr, one.Endpoints().RedisPassword), "the first is not touched")
}

func TestBlockOutOfRange(t *testing.T) {
	assert.ErrorContains(t, upError(t, open(t, func(c *native.Config) { c.Base = 32700 })), "outgoing")
}

// tree is a source tree with a schema of its own.
func tree(t *testing.T, sql string) func(*native.Config) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "init.sql"), []byte(sql), 0o644))
	return func(c *native.Config) { c.Source = dir }
}

func TestErrorsSayWhatTheProgramSaid(t *testing.T) {
	t.Run("init.sql is wrong", func(t *testing.T) {
		err := upError(t, open(t, only(topology.PostgresDB), tree(t, "select 1;\nselect broken from nowhere;\n")))
		assert.ErrorContains(t, err, "postgres: apply init.sql")
		assert.ErrorContains(t, err, `relation "nowhere" does not exist`)
	})
	t.Run("initdb fails", func(t *testing.T) {
		// A limit on file size, inherited by initdb, makes it fail in its own words: a
		// segment of its log has 16 MiB. What this process writes meanwhile is smaller.
		st := open(t, only(topology.PostgresDB), tree(t, ""))
		var old syscall.Rlimit
		require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 8 << 20, Max: old.Max}))
		defer func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old)) }()
		err := upError(t, st)
		assert.ErrorContains(t, err, "initdb")
		assert.ErrorContains(t, err, "it wrote last")
	})
	t.Run("the programs do not compile", func(t *testing.T) {
		dir := t.TempDir()
		for name, text := range map[string]string{"go.mod": "module x\n\ngo 1.26\n", "init.sql": "", "system/cmd/app/main.go": "package main\n\nfunc main() { mistake }\n"} {
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
		}
		err := upError(t, open(t, only(topology.App1), func(c *native.Config) { c.Source, c.Bin = dir, "" }))
		var build *native.BuildError
		require.ErrorAs(t, err, &build)
		assert.ErrorContains(t, err, "main.go:3")
		assert.ErrorContains(t, err, "undefined: mistake")
	})
	t.Run("a service does not answer in time", func(t *testing.T) {
		err := upError(t, open(t, only(topology.RabbitMQ), func(c *native.Config) { c.ReadyTimeout = 50 * time.Millisecond }))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "rabbitmq: not ready")
		assert.ErrorContains(t, err, "amqp handshake")
	})
}

func TestDownEndsAnUpThatIsUnderWay(t *testing.T) {
	started := make(chan struct{}, 100)
	st := open(t, only(topology.RabbitMQ), func(c *native.Config) {
		c.Progress = func(stack.Progress) { started <- struct{}{} }
	})
	result := make(chan error, 1)
	go func() { result <- st.Up(context.WithoutCancel(t.Context())) }()
	<-started
	require.NoError(t, st.Down(t.Context()))
	require.Error(t, <-result)
	assert.NoDirExists(t, st.State().Dir)
	assert.Error(t, st.Up(t.Context()), "a stack is used once")
}

func TestExitedTellsADeathFromAKill(t *testing.T) {
	st := open(t, only(topology.RedisDB, topology.PostgresDB))
	stacktest.Up(t, st)
	require.NoError(t, st.Kill(t.Context(), topology.PostgresDB), "asked for: not reported")
	require.NoError(t, syscall.Kill(st.State().Children[topology.RedisDB].PID, syscall.SIGKILL))
	select {
	case exit := <-st.Exited():
		assert.Equal(t, topology.RedisDB, exit.Service)
		assert.ErrorContains(t, exit.Err, "killed")
	case <-time.After(stacktest.Patience):
		t.Fatal("nobody noticed that redis died")
	}
	stacktest.Down(t, st)
	assert.Empty(t, st.Exited())
}

func TestRestartKeepsDataAndPort(t *testing.T) {
	st := open(t, only(topology.PostgresDB, topology.RedisDB, topology.RabbitMQ))
	stacktest.Up(t, st)
	e, before := st.Endpoints(), st.State().Children
	query(t, e.Observer, "create table kept as select 1")
	for _, n := range []topology.Name{topology.PostgresDB, topology.RedisDB, topology.RabbitMQ} {
		begun := time.Now()
		require.NoError(t, st.Restart(t.Context(), n))
		t.Logf("%s killed and back after %v", n, time.Since(begun).Round(time.Millisecond))
		assert.NotEqual(t, before[n], st.State().Children[n])
	}
	query(t, e.Observer, "select * from kept")
	assert.NoError(t, probe.Redis(t.Context(), e.RedisAddr, e.RedisPassword))
	assert.Error(t, st.Restart(t.Context(), topology.Nginx), "it does not run here")
}

func query(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func TestSecretsAreTheOwnersAlone(t *testing.T) {
	st := open(t, only(topology.PostgresDB, topology.RedisDB, topology.RabbitMQ, topology.Nginx, topology.Prometheus))
	stacktest.Up(t, st)
	dir := st.State().Dir
	for _, name := range []string{"stack.json", "redis/redis.conf", "rabbitmq/rabbitmq.config", "rabbitmq/home/.erlang.cookie"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Zerof(t, info.Mode().Perm()&0o077, "%s is open to others", name)
	}
	assert.NoFileExists(t, filepath.Join(dir, "postgres", "password"))
	wrong, err := probe.Through("postgres://postgres:wrong@x/postgres?sslmode=disable", hostOf(t, st.Endpoints().Observer))
	require.NoError(t, err)
	assert.ErrorContains(t, probe.Postgres(t.Context(), wrong), "password authentication failed")
	assert.Error(t, probe.Redis(t.Context(), st.Endpoints().RedisAddr, "wrong"))
}

func hostOf(t *testing.T, dsn string) string {
	t.Helper()
	cfg, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	return net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
}
