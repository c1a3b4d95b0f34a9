// Package servertest starts the real servers that links lead to, for tests, each on
// a port of its own until the test ends. A server that is not installed skips the
// test, and fails it where CI is true.
package servertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Postgres runs a new cluster as nobody, for PostgreSQL refuses root.
func Postgres(t testing.TB) string {
	t.Helper()
	const bin = "/usr/lib/postgresql/15/bin/"
	program(t, bin+"postgres")
	if os.Getuid() != 0 {
		t.Skip("starts PostgreSQL as another user, which takes root")
	}
	data := publicDir(t)
	if err := os.Chown(data, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	initdb := exec.Command(bin+"initdb", "-D", data+"/pg", "-U", "postgres", "-A", "trust", "--no-sync", "--no-instructions")
	initdb.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=" + data}
	initdb.Dir = data
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	addr := FreeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	startAs(t, nobody, data, nil, bin+"postgres", "-D", data+"/pg", "-c", "listen_addresses=127.0.0.1", "-c", "port="+port,
		"-c", "unix_socket_directories=", "-c", "fsync=off")
	Eventually(t, "postgres", func() error { return accepts(addr) })
	return addr
}

const nobody = 65534

// RabbitMQ runs a broker of its own the short way: Erlang itself instead of
// the wrapper, which would change to another user and to system folders.
func RabbitMQ(t testing.TB) string {
	t.Helper()
	roots, err := filepath.Glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins")
	erts, err2 := filepath.Glob("/usr/lib/erlang/erts-*/bin")
	if err != nil || err2 != nil || len(roots) == 0 || len(erts) == 0 {
		program(t, "a RabbitMQ in /usr/lib/rabbitmq")
	}
	dir, addr, dist := publicDir(t), FreeAddr(t), FreeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	_, distPort, _ := net.SplitHostPort(dist)
	write(t, dir+"/.erlang.cookie", "linktest", 0o400)
	write(t, dir+"/enabled_plugins", "[].\n", 0o644)
	write(t, dir+"/rabbitmq.config", fmt.Sprintf(`[{rabbit,[{tcp_listeners,[{"127.0.0.1",%s}]},{log,[{file,[{file,false}]},{console,[{enabled,false}]}]}]}].`, port), 0o644)
	env := []string{
		"ROOTDIR=/usr/lib/erlang", "BINDIR=" + erts[0], "EMU=beam", "PROGNAME=erl", "HOME=" + dir, "ERL_LIBS=" + roots[0],
		"RABBITMQ_PLUGINS_DIR=" + roots[0], "RABBITMQ_CONF_ENV_FILE=/dev/null", "SYS_PREFIX=", "ERL_MAX_PORTS=65536", "ERL_MAX_ETS_TABLES=50000",
		"RABBITMQ_NODENAME=linktest@localhost", "RABBITMQ_DIST_PORT=" + distPort, "RABBITMQ_MNESIA_BASE=" + dir + "/mnesia",
		"RABBITMQ_LOG_BASE=" + dir + "/log", "RABBITMQ_LOGS=-", "RABBITMQ_ENABLED_PLUGINS_FILE=" + dir + "/enabled_plugins",
		"RABBITMQ_CONFIG_FILE=" + dir + "/rabbitmq.config", "RABBITMQ_GENERATED_CONFIG_DIR=" + dir + "/gen",
	}
	startAs(t, uint32(os.Getuid()), dir, env, erts[0]+"/erlexec", "-sname", "linktest@localhost", "-start_epmd", "false", "-erl_epmd_port", distPort,
		"-kernel", "inet_dist_use_interface", "{127,0,0,1}", "-noshell", "-noinput", "-s", "rabbit", "boot", "-boot", "start_sasl",
		"+W", "w", "+sbwt", "none", "-syslog", "logger", "[]", "-syslog", "syslog_error_logger", "false")
	Eventually(t, "rabbitmq", func() error { return accepts(addr) })
	return addr
}

// publicDir is a directory that another user can enter: t.TempDir's parents are
// closed to all but their owner.
func publicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "link-server-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func startAs(t testing.TB, uid uint32, dir string, env []string, bin string, args ...string) {
	t.Helper()
	cmd := exec.Command(bin, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // the whole group, or it is gone already
		_ = cmd.Wait()
	})
}

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func accepts(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Redis runs one that asks for a password, as a stack's does.
func Redis(t testing.TB) string {
	t.Helper()
	addr := FreeAddr(t)
	host, port, _ := net.SplitHostPort(addr)
	startAs(t, uint32(os.Getuid()), publicDir(t), nil, program(t, "redis-server"), "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--requirepass", "linktest")
	Eventually(t, "redis", func() error { return accepts(addr) })
	return addr
}

// Web answers GET /healthz.
func Web(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	web := &http.Server{Handler: mux}
	go web.Serve(listener)
	t.Cleanup(func() { web.Close() })
	return listener.Addr().String()
}

// givenAddrs are the ones that this process's tests have, listened on or not.
var givenAddrs sync.Map

// FreeAddr is a loopback address nobody listens on, below the range from which
// outgoing connections are given ports: a cut link's port must stay free. It is also
// below the blocks of ports that stacks take, and above the self-test's.
func FreeAddr(t testing.TB) string {
	t.Helper()
	var last error
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 17000+rand.IntN(4000))
		if _, given := givenAddrs.LoadOrStore(addr, true); given {
			continue
		}
		l, err := net.Listen("tcp", addr)
		if err == nil {
			l.Close()
			return addr
		}
		last = err
	}
	t.Fatal(last)
	return ""
}

// program finds a server's binary. CI may not do without.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// Eventually polls until the condition holds and reports the last error if it
// never does.
func Eventually(t testing.TB, what string, condition func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}
