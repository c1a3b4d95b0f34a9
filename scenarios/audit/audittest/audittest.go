// Package audittest starts the real stores for the tests of those who observe and
// meddle with them: one PostgreSQL with EventFlow's schema, one Redis, one
// RabbitMQ, each on a free loopback port and gone with the test.
//
// It must not know what the tests do with them, and nothing but tests imports it.
package audittest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// Eventually polls until check returns nil, and reports what it said last.
func Eventually(t *testing.T, within time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", within, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// locate finds a program. Without it the test is skipped, but not in CI.
func locate(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	require.NoError(t, err)
	if len(found) > 0 {
		return found[len(found)-1]
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", pattern)
	}
	t.Skipf("%s is not installed", pattern)
	return ""
}

// room is a directory that other users may enter.
func room(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "audit-test-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // what is left is the system's to clean
	return dir
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// start runs a server until the test ends. Its parent-death signal is tied to
// the thread that forks, so that thread stays with it.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed: that is how it ends
		}
		close(ended)
	}()
	require.NoError(t, <-started)
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // gone already is as good
		<-ended
		if text, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("%s:\n%s", filepath.Base(cmd.Path), text[max(0, len(text)-2000):])
		}
	})
}

// Postgres gives the superuser's URL of a database made by init.sql.
func Postgres(t *testing.T) string {
	t.Helper()
	bin := filepath.Dir(locate(t, "/usr/lib/postgresql/*/bin/initdb"))
	dir, port := room(t), freePort(t)
	data := filepath.Join(dir, "pg")
	require.NoError(t, os.Mkdir(data, 0o700))
	server := func(program string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, program), append([]string{"-D", data}, args...)...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "HOME=" + dir}
		if os.Geteuid() == 0 { // which PostgreSQL refuses
			require.NoError(t, os.Chown(data, 65534, 65534))
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		return cmd
	}
	out, err := server("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions").CombinedOutput()
	require.NoError(t, err, string(out))
	start(t, server("postgres", "-c", "listen_addresses=127.0.0.1", "-c", fmt.Sprint("port=", port), "-c", "unix_socket_directories=", "-c", "fsync=off"))
	dsn := func(db string) string {
		return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable&connect_timeout=2", port, db)
	}
	Eventually(t, 30*time.Second, func() error {
		conn, err := pgx.Connect(t.Context(), dsn("postgres"))
		if err != nil {
			return err
		}
		defer conn.Close(t.Context())
		_, err = conn.Exec(t.Context(), "create database eventflow")
		return err
	})
	psql := exec.Command("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn("eventflow"), "-f", filepath.Join("..", "..", "init.sql"))
	psql.Env = append(os.Environ(), "EVENTFLOW_APP_PASSWORD=a", "EVENTFLOW_AUTH_PASSWORD=b", "EVENTFLOW_CONSUMER_PASSWORD=c")
	out, err = psql.CombinedOutput()
	require.NoError(t, err, string(out))
	return dsn("eventflow")
}

// Redis gives the address of an empty Redis with password "secret".
func Redis(t *testing.T) *redis.Client {
	t.Helper()
	port := freePort(t)
	start(t, exec.Command(locate(t, "/usr/bin/redis-server"), "--bind", "127.0.0.1", "--port", fmt.Sprint(port), "--dir", room(t),
		"--save", "", "--appendonly", "no", "--requirepass", "secret"))
	rdb := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", port), Password: "secret"})
	t.Cleanup(func() { _ = rdb.Close() })
	Eventually(t, 10*time.Second, func() error { return rdb.Ping(context.WithoutCancel(t.Context())).Err() })
	return rdb
}

// Broker is a running RabbitMQ with its management API.
type Broker struct {
	API  string // of the management plugin, with user and password
	AMQP string // likewise
}

// rabbitPlugins are the applications that a broker with management needs.
const rabbitPlugins = `rabbit rabbit_common rabbitmq_prelaunch rabbitmq_management rabbitmq_management_agent rabbitmq_web_dispatch
	rabbitmq_prometheus prometheus ra osiris sysmon_handler accept amqp_client amqp10_common aten gen_batch_server seshat cowboy cowlib
	ranch cuttlefish credentials_obfuscation jsx recon observer_cli syslog systemd stdout_formatter enough quantile_estimator`

// Rabbit boots the Erlang VM itself: the system's start script would change
// users and leave a port mapper behind.
func Rabbit(t *testing.T) Broker {
	t.Helper()
	erlang := locate(t, "/usr/lib/erlang/erts-*/bin")
	plugins := locate(t, "/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins")
	dir, port, api, dist := room(t), freePort(t), freePort(t), freePort(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, d := range []string{"home", "plugins", "mnesia", "log", "gen"} {
		require.NoError(t, os.Mkdir(in(d), 0o755))
	}
	for _, p := range strings.Fields(rabbitPlugins) {
		found, err := filepath.Glob(filepath.Join(plugins, p+"-[0-9]*"))
		require.NoError(t, err)
		for _, f := range found {
			require.NoError(t, os.Symlink(f, filepath.Join(in("plugins"), filepath.Base(f))))
		}
	}
	write := func(name string, mode os.FileMode, text string) {
		require.NoError(t, os.WriteFile(in(name), []byte(text), mode))
	}
	write("home/.erlang.cookie", 0o400, "audittest")
	write("enabled_plugins", 0o644, "[rabbitmq_management].\n")
	write("rabbitmq.config", 0o644, fmt.Sprintf(`[{rabbit,[{tcp_listeners,[{"127.0.0.1",%d}]},{loopback_users,[]},{disk_free_limit,50000000},{quorum_tick_interval,250},`+
		`{log,[{file,[{file,false}]},{console,[{enabled,true},{level,warning}]}]}]},{rabbitmq_management,[{tcp_config,[{ip,"127.0.0.1"},{port,%d}]}]}].`, port, api))
	cmd := exec.Command(filepath.Join(erlang, "erlexec"), strings.Fields(fmt.Sprintf(
		"-sname audit@localhost -start_epmd false -erl_epmd_port %d -kernel inet_dist_use_interface {127,0,0,1} -noshell -noinput "+
			"-s rabbit boot -boot start_sasl +P 1048576 +t 5000000 +sbwt none +sbwtdcpu none +sbwtdio none +B i "+
			"-syslog logger [] -syslog syslog_error_logger false -kernel prevent_overlapping_partitions false", dist))...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "HOME=" + in("home"), "ROOTDIR=" + filepath.Join(erlang, "../.."), "BINDIR=" + erlang,
		"EMU=beam", "PROGNAME=erl", "SYS_PREFIX=", "ERL_MAX_PORTS=65536", "ERL_MAX_ETS_TABLES=50000", "ERL_LIBS=" + in("plugins"),
		"RABBITMQ_PLUGINS_DIR=" + in("plugins"), "RABBITMQ_CONF_ENV_FILE=/dev/null", "RABBITMQ_NODENAME=audit@localhost",
		fmt.Sprint("RABBITMQ_DIST_PORT=", dist), "RABBITMQ_MNESIA_BASE=" + in("mnesia"), "RABBITMQ_LOG_BASE=" + in("log"), "RABBITMQ_LOGS=-",
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + in("enabled_plugins"), "RABBITMQ_CONFIG_FILE=" + in("rabbitmq.config"), "RABBITMQ_GENERATED_CONFIG_DIR=" + in("gen")}
	start(t, cmd)
	b := Broker{API: fmt.Sprintf("http://guest:guest@127.0.0.1:%d", api), AMQP: fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", port)}
	Eventually(t, 60*time.Second, func() error {
		conn, err := amqp.DialConfig(b.AMQP, amqp.Config{Dial: amqp.DefaultDial(2 * time.Second)})
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return b
}

// Channel opens a channel with both queues declared.
func (b Broker) Channel(t *testing.T) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(b.AMQP)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.CloseDeadline(time.Now().Add(time.Second)) }) // the broker ends too
	ch, err := conn.Channel()
	require.NoError(t, err)
	quorum := amqp.Table{"x-queue-type": "quorum"}
	for _, q := range []string{"purchases", "purchases.dead"} {
		_, err = ch.QueueDeclare(q, true, false, false, false, quorum)
		require.NoError(t, err)
	}
	require.NoError(t, ch.Confirm(false))
	return ch
}

// Publish puts n messages into a queue and waits for the broker to have them.
func Publish(t *testing.T, ch *amqp.Channel, queue string, n int) {
	t.Helper()
	for range n {
		c, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", queue, true, false, amqp.Publishing{Body: []byte("x"), DeliveryMode: amqp.Persistent})
		require.NoError(t, err)
		ok, err := c.WaitContext(t.Context())
		require.NoError(t, err)
		require.True(t, ok)
	}
}
