package fault_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// Every protocol's probe must tell every fault from every other, on the real
// server: the farewell of lose-replies most of all, for each server has its own
// way of hanging up.
func TestEveryProtocolFeelsEveryFault(t *testing.T) { onBoth(t, testEveryProtocolFeelsEveryFault) }

func testEveryProtocolFeelsEveryFault(t *testing.T) {
	servers := map[topology.Protocol]func(*testing.T) string{
		topology.Redis:    func(t *testing.T) string { l := newLab(t); return l.upstreams["redis"] },
		topology.HTTP:     func(t *testing.T) string { return startWeb(t) },
		topology.Postgres: startPostgres,
		topology.AMQP:     startRabbit,
	}
	for protocol, start := range servers {
		t.Run(string(protocol), func(t *testing.T) {
			l := soloLab(t, protocol, start(t))
			everyFault(t, l)
		})
	}
}

func everyFault(t *testing.T, l *lab) {
	link, refused := l.link("client_server"), 0
	defer func() {
		if want := map[string]int{stock: 11}[serverOf(t)]; refused != want {
			t.Errorf("%d faults refused, want %d", refused, want)
		}
	}()
	for _, tt := range []struct {
		fault fault.Fault
		want  fault.SymptomKind
	}{
		{fault.Cut("server"), fault.Refused},
		{fault.Slow(60*time.Millisecond, 20*time.Millisecond, "server"), fault.Answered},
		{fault.Hang("server"), fault.Silent},
		{fault.LoseReplies("server"), fault.Obeyed},
		{fault.Hold("server"), fault.Silent},
		{fault.Hold("server").Only(fault.Up), fault.Silent},
		{fault.Hold("server").Only(fault.Down), fault.Silent},
		{fault.LoseRequests("server"), fault.Silent},
		{fault.Late(60*time.Millisecond, "server"), fault.Answered},
		{fault.Reset("server"), fault.WasReset},
		{fault.Trickle(2, "server"), fault.Answered},
		{fault.Trickle(2, "server").Only(fault.Up), fault.Answered},
		{fault.Truncate(5, "server"), "broke off after 5 bytes"},
		{fault.Truncate(5, "server").Only(fault.Up), ""},
		{fault.Flap(200*time.Millisecond, "server"), "by turns"},
	} {
		if s := l.Probe(t.Context(), link); s.Kind != fault.Answered {
			t.Fatalf("before %s: %s", tt.fault, s)
		}
		a, err := l.Apply(t.Context(), tt.fault)
		if want := "this server does not know " + string(tt.fault.Kind) + "; it is stock Toxiproxy"; err != nil && serverOf(t) == stock && strings.Contains(err.Error(), want) && errors.Is(err, fault.ErrStock) {
			refused++
			continue
		}
		if err != nil || !a.Bit {
			t.Fatalf("%s: %+v, %v", tt.fault, a, err)
		}
		if !strings.Contains(a.Symptom, string(tt.want)) {
			t.Errorf("%s: felt %q, want %s", tt.fault, a.Symptom, tt.want)
		}
		l.heal()
	}
}

// soloLab is a network of one link to a server that runs already.
func soloLab(t *testing.T, p topology.Protocol, upstream string) *lab {
	t.Helper()
	l := soloOf(t, p, upstream)
	if s := l.Probe(t.Context(), l.link("client_server")); s.Kind != fault.Answered {
		t.Fatalf("%s: %s", p, s)
	}
	return l
}

func soloOf(t *testing.T, p topology.Protocol, upstream string) *lab {
	t.Helper()
	l := &lab{t: t, upstreams: map[topology.Name]string{"server": upstream}, links: topology.Map{
		Services: []topology.Service{{Name: "client"}, {Name: "server", Protocol: p}},
		Links:    []topology.Link{{From: "client", To: "server"}},
	}}
	l.connect(fault.Patience(500 * time.Millisecond))
	return l
}

func TestProbeSeesThatTheWrongServerAnswers(t *testing.T) {
	web := startWeb(t)
	for _, p := range []topology.Protocol{topology.Redis, topology.Postgres, topology.AMQP} {
		addr := func(topology.Link) string { return web }
		m := topology.Map{Services: []topology.Service{{Name: "server", Protocol: p}}, Links: []topology.Link{{From: "client", To: "server"}}}
		i := fault.New("http://127.0.0.1:1", m, addr, fault.Patience(300*time.Millisecond))
		if s := i.Probe(t.Context(), m.Links[0]); s.Kind == fault.Answered {
			t.Errorf("a web server passes for %s: %s", p, s)
		}
	}
}

// startPostgres runs a new cluster as nobody, for PostgreSQL refuses root.
func startPostgres(t *testing.T) string {
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
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	startAs(t, nobody, data, nil, bin+"postgres", "-D", data+"/pg", "-c", "listen_addresses=127.0.0.1", "-c", "port="+port,
		"-c", "unix_socket_directories=", "-c", "fsync=off")
	eventually(t, "postgres", func() error { return accepts(addr) })
	return addr
}

const nobody = 65534

// startRabbit runs a broker of its own the short way: Erlang itself instead of
// the wrapper, which would change to another user and to system folders.
func startRabbit(t *testing.T) string {
	t.Helper()
	roots, err := filepath.Glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins")
	erts, err2 := filepath.Glob("/usr/lib/erlang/erts-*/bin")
	if err != nil || err2 != nil || len(roots) == 0 || len(erts) == 0 {
		program(t, "a RabbitMQ in /usr/lib/rabbitmq")
	}
	dir, addr, dist := publicDir(t), freeAddr(t), freeAddr(t)
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
	startAs(t, 0, dir, env, erts[0]+"/erlexec", "-sname", "linktest@localhost", "-start_epmd", "false", "-erl_epmd_port", distPort,
		"-kernel", "inet_dist_use_interface", "{127,0,0,1}", "-noshell", "-noinput", "-s", "rabbit", "boot", "-boot", "start_sasl",
		"+W", "w", "+sbwt", "none", "-syslog", "logger", "[]", "-syslog", "syslog_error_logger", "false")
	eventually(t, "rabbitmq", func() error { return accepts(addr) })
	return addr
}

// publicDir is a directory that another user can enter: t.TempDir's parents are
// closed to all but their owner.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fault-server-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func startAs(t *testing.T, uid uint32, dir string, env []string, bin string, args ...string) {
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

func write(t *testing.T, path, text string, mode os.FileMode) {
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
