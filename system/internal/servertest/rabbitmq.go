package servertest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// The account of a test broker.
const (
	RabbitUser     = "guest"
	RabbitPassword = "guest"
)

// RabbitMQ is a running broker.
type RabbitMQ struct {
	*Process
	Addr string // host:port
}

// plugins are the applications a bare broker needs; the Erlang VM boots faster
// the fewer it has to look at.
var plugins = strings.Fields(`rabbit rabbit_common rabbitmq_prelaunch ra osiris sysmon_handler accept amqp_client amqp10_common
	aten gen_batch_server seshat cowboy cowlib ranch cuttlefish credentials_obfuscation jsx recon observer_cli syslog systemd
	stdout_formatter enough`)

// preload makes the Erlang VM load all modules in parallel instead of one by
// one as they are first called, which is most of a broker's boot time.
const preload = `spawn(fun()->A=[kernel,stdlib,ssl,public_key,crypto,asn1,xmerl,inets,os_mon,tools,syntax_tools,mnesia,compiler,sasl],` +
	`[application:load(X)||X<-A],catch code:ensure_modules_loaded([list_to_atom(filename:basename(F,".beam"))||` +
	`F<-filelib:wildcard(os:getenv("ERL_LIBS")++"/*/ebin/*.beam")]++lists:append([element(2,application:get_key(X,modules))||X<-A])) end).`

// StartRabbitMQ starts a broker of its own. memory is the bytes above which it
// raises its memory alarm; 0 means one GiB.
func StartRabbitMQ(tb testing.TB, memory int) *RabbitMQ {
	tb.Helper()
	erlang, home := erlangBin(tb), rabbitHome(tb)
	if memory == 0 {
		memory = 1 << 30
	}
	dir, port, dist := room(tb), FreePort(tb), FreePort(tb)
	layOut(tb, dir, home, port, memory)
	mq := &RabbitMQ{Addr: fmt.Sprintf("127.0.0.1:%d", port)}
	mq.Process = run(tb, func() *exec.Cmd { return erlangVM(erlang, dir, dist) }, func(ctx context.Context) error {
		conn, err := amqp.DialConfig("amqp://"+RabbitUser+":"+RabbitPassword+"@"+mq.Addr, amqp.Config{
			Dial: amqp.DefaultDial(2 * time.Second)})
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return mq
}

func erlangBin(tb testing.TB) string {
	tb.Helper()
	found, _ := filepath.Glob("/usr/lib/erlang/erts-*/bin") // the only error is a bad pattern
	if len(found) == 0 {
		absent(tb, "the Erlang VM")
	}
	return found[len(found)-1]
}

func rabbitHome(tb testing.TB) string {
	tb.Helper()
	found, _ := filepath.Glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins")
	if len(found) == 0 {
		absent(tb, "rabbitmq-server")
	}
	return found[len(found)-1]
}

// layOut writes what the VM reads: cookie, plug-ins as links, configuration.
func layOut(tb testing.TB, dir, pluginHome string, port, memory int) {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatalf("lay out a broker: %v", err)
		}
	}
	for _, d := range []string{"home", "plugins", "mnesia", "log", "gen"} {
		must(os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	must(os.WriteFile(filepath.Join(dir, "home", ".erlang.cookie"), []byte("eventflowtest"), 0o400))
	must(os.WriteFile(filepath.Join(dir, "enabled_plugins"), []byte("[].\n"), 0o644))
	for _, p := range plugins {
		found, err := filepath.Glob(filepath.Join(pluginHome, p+"-[0-9]*"))
		must(err)
		if len(found) > 0 {
			must(os.Symlink(found[0], filepath.Join(dir, "plugins", filepath.Base(found[0]))))
		}
	}
	must(os.WriteFile(filepath.Join(dir, "rabbitmq.config"), fmt.Appendf(nil,
		`[{rabbit,[{tcp_listeners,[{"127.0.0.1",%d}]},{loopback_users,[]},{vm_memory_high_watermark,{absolute,%d}},{disk_free_limit,50000000},`+
			`{log,[{file,[{file,false}]},{console,[{enabled,true},{level,warning}]}]}]}].`, port, memory), 0o644))
}

// erlangVM starts the broker without Debian's wrapper, which changes users and
// writes to system folders, and without the epmd daemon, which outlives it.
func erlangVM(bin, dir string, dist int) *exec.Cmd {
	args := fmt.Sprintf("-sname ef@localhost -start_epmd false -erl_epmd_port %d -kernel inet_dist_use_interface {127,0,0,1} -noshell -noinput", dist)
	rest := "-s rabbit boot -boot start_sasl +W w +P 1048576 +t 5000000 +stbt db +zdbbl 128000 +sbwt none +sbwtdcpu none +sbwtdio none +B i " +
		"-syslog logger [] -syslog syslog_error_logger false -kernel prevent_overlapping_partitions false"
	cmd := exec.Command(filepath.Join(bin, "erlexec"), append(append(strings.Fields(args), "-eval", preload), strings.Fields(rest)...)...)
	in := func(name string) string { return filepath.Join(dir, name) }
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "HOME=" + in("home"),
		"ROOTDIR=/usr/lib/erlang", "BINDIR=" + bin, "EMU=beam", "PROGNAME=erl", "SYS_PREFIX=", "ERL_MAX_PORTS=65536", "ERL_MAX_ETS_TABLES=50000",
		"ERL_LIBS=" + in("plugins"), "RABBITMQ_PLUGINS_DIR=" + in("plugins"), "RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_NODENAME=ef@localhost", fmt.Sprintf("RABBITMQ_DIST_PORT=%d", dist),
		"RABBITMQ_MNESIA_BASE=" + in("mnesia"), "RABBITMQ_LOG_BASE=" + in("log"), "RABBITMQ_LOGS=-",
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + in("enabled_plugins"), "RABBITMQ_CONFIG_FILE=" + in("rabbitmq.config"),
		"RABBITMQ_GENERATED_CONFIG_DIR=" + in("gen")}
	return cmd
}

// Dial connects to the broker directly, for a test's own look at a queue.
func (mq *RabbitMQ) Dial(tb testing.TB) *amqp.Channel {
	tb.Helper()
	conn, err := amqp.Dial("amqp://" + RabbitUser + ":" + RabbitPassword + "@" + mq.Addr)
	if err != nil {
		tb.Fatalf("dial the broker: %v", err)
	}
	tb.Cleanup(func() { _ = conn.CloseDeadline(time.Now().Add(time.Second)) }) // the broker may be dead by then
	ch, err := conn.Channel()
	if err != nil {
		tb.Fatalf("open a channel: %v", err)
	}
	return ch
}

// Redis is a running Redis without password.
type Redis struct {
	*Process
	Addr string
}

// StartRedis starts a Redis that keeps nothing on disk.
func StartRedis(tb testing.TB) *Redis {
	tb.Helper()
	need(tb, "redis-server")
	dir, port := room(tb), FreePort(tb)
	r := &Redis{Addr: fmt.Sprintf("127.0.0.1:%d", port)}
	r.Process = run(tb, func() *exec.Cmd {
		return exec.Command("redis-server", "--bind", "127.0.0.1", "--port", fmt.Sprint(port), "--dir", dir, "--daemonize", "no",
			"--save", "", "--appendonly", "no", "--protected-mode", "no")
	}, func(ctx context.Context) error { return pingRedis(ctx, r.Addr) })
	return r
}

func pingRedis(ctx context.Context, addr string) error {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer := make([]byte, 7)
	_, err = conn.Read(answer)
	return err
}
