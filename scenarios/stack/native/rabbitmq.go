package native

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/probe"
	"eventflow/toxiproxy/topology"
)

// rabbitmq is a broker of the stack's own, started without the distribution's
// wrapper: that one changes user, writes to system folders, leaves epmd running
// and takes 5.9 s to boot. This takes 1.3 s.
//
// There is no epmd, so every stack's node may have the same name.
func (s *Stack) rabbitmq() unit {
	return unit{
		name:    topology.RabbitMQ,
		data:    s.rabbitPath(),
		prepare: func(context.Context) error { return s.prepareRabbit() },
		command: s.rabbitCommand,
		ready: func(ctx context.Context) error {
			return probe.AMQP(ctx, s.addr(topology.RabbitMQ), stack.RabbitUser, s.secrets.Rabbit)
		},
	}
}

func (s *Stack) rabbitPath(elem ...string) string {
	return s.path(append([]string{"rabbitmq"}, elem...)...)
}

func (s *Stack) prepareRabbit() error {
	for _, d := range []string{"", "home", "mnesia", "log", "gen", "plugins"} {
		if err := os.Mkdir(s.rabbitPath(d), 0o700); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	files := map[string]string{
		"home/.erlang.cookie": s.secrets.Rabbit,
		"enabled_plugins":     "[rabbitmq_management,rabbitmq_prometheus].\n",
		"rabbitmq.config":     s.rabbitConfig(),
	}
	for name, text := range files {
		if err := os.WriteFile(s.rabbitPath(name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	if err := os.Chmod(s.rabbitPath("home", ".erlang.cookie"), 0o400); err != nil {
		return fmt.Errorf("protect cookie: %w", err)
	}
	return s.choosePlugins()
}

// rabbitApps are the applications that a broker with management and metrics
// needs, of the 72 that a 3.x ships. Looking at all of them costs 0.8 s.
var rabbitApps = strings.Fields(`rabbit rabbit_common rabbitmq_prelaunch rabbitmq_management rabbitmq_management_agent
	rabbitmq_web_dispatch rabbitmq_prometheus prometheus ra osiris sysmon_handler accept amqp_client amqp10_common aten
	gen_batch_server seshat cowboy cowlib ranch cuttlefish credentials_obfuscation jsx recon observer_cli syslog systemd
	stdout_formatter enough quantile_estimator`)

// choosePlugins links the needed applications into the stack's plugin folder. A
// version that is not made of exactly these gets everything it ships.
func (s *Stack) choosePlugins() error {
	var chosen []string
	for _, app := range rabbitApps {
		found, err := filepath.Glob(filepath.Join(s.tools.rabbitPlugins, app+"-[0-9]*"))
		if err != nil || len(found) != 1 {
			return s.linkPlugins(filepath.Join(s.tools.rabbitPlugins, "*"))
		}
		chosen = append(chosen, found...)
	}
	if major, _ := filepath.Glob(filepath.Join(s.tools.rabbitPlugins, "rabbit-3.*")); major == nil {
		return s.linkPlugins(filepath.Join(s.tools.rabbitPlugins, "*"))
	}
	return s.linkPlugins(chosen...)
}

func (s *Stack) linkPlugins(globs ...string) error {
	for _, g := range globs {
		found, err := filepath.Glob(g)
		if err != nil {
			return fmt.Errorf("find applications: %w", err)
		}
		for _, f := range found {
			if err := os.Symlink(f, s.rabbitPath("plugins", filepath.Base(f))); err != nil {
				return fmt.Errorf("link application: %w", err)
			}
		}
	}
	return nil
}

// rabbitConfig is Erlang terms, not rabbitmq.conf: the latter needs every
// application's schema files. The watermark is absolute, since a queue that
// fills up must not meet flow control because the machine is small.
func (s *Stack) rabbitConfig() string {
	broker := map[string]string{
		"tcp_listeners":        fmt.Sprintf("[{%q,%d}]", host, s.port(topology.RabbitMQ)),
		"loopback_users":       "[]",
		"quorum_tick_interval": strconv.FormatInt(stack.QueueTick.Milliseconds(), 10),
		"default_user":         fmt.Sprintf("<<%q>>", stack.RabbitUser), "default_pass": fmt.Sprintf("<<%q>>", s.secrets.Rabbit),
		"vm_memory_high_watermark": fmt.Sprintf("{absolute,%d}", stack.BrokerMemory), "disk_free_limit": strconv.Itoa(stack.BrokerDisk),
		"log": "[{file,[{file,false}]},{console,[{enabled,true},{level,warning}]}]",
	}
	maps.Insert(broker, s.cfg.changes().Set(topology.RabbitMQ))
	var terms []string
	for _, name := range slices.Sorted(maps.Keys(broker)) {
		terms = append(terms, fmt.Sprintf("{%s,%s}", name, broker[name]))
	}
	return fmt.Sprintf(`[{rabbit,[%s]},
 {rabbitmq_management,[{tcp_config,[{ip,%q},{port,%d}]}]},
 {rabbitmq_prometheus,[{tcp_config,[{ip,%q},{port,%d}]}]}].
`, strings.Join(terms, ",\n  "), host, s.port(topology.RabbitMQ, "management"), host, s.port(topology.RabbitMQ, "metrics"))
}

// preload loads every module at once, in parallel. Loading them one by one, each
// when it is first called, is most of what an ordinary boot waits for.
const preload = `spawn(fun()->A=[kernel,stdlib,ssl,public_key,crypto,asn1,xmerl,inets,os_mon,tools,syntax_tools,mnesia,compiler,sasl],` +
	`[application:load(X)||X<-A],catch code:ensure_modules_loaded([list_to_atom(filename:basename(F,".beam"))||` +
	`F<-filelib:wildcard(os:getenv("ERL_LIBS")++"/*/ebin/*.beam")]++lists:append([element(2,application:get_key(X,modules))||X<-A])) end).`

func (s *Stack) rabbitCommand() command {
	bin := locate("", []string{filepath.Join(s.tools.erlang, "erts-*", "bin")})
	distribution := strconv.Itoa(s.port(topology.RabbitMQ, "distribution"))
	args := slices.Concat(
		[]string{"-sname", "ef@localhost", "-start_epmd", "false", "-erl_epmd_port", distribution},
		[]string{"-kernel", "inet_dist_use_interface", "{127,0,0,1}", "-noshell", "-noinput", "-eval", preload},
		[]string{"-s", "rabbit", "boot", "-boot", "start_sasl", "-syslog", "logger", "[]", "-syslog", "syslog_error_logger", "false"},
		[]string{"-kernel", "prevent_overlapping_partitions", "false"},
		// What RabbitMQ's own start script tells the virtual machine; busy
		// waiting off, since the machine is shared with everything else.
		strings.Fields(`+W w +MBas ageffcbf +MHas ageffcbf +MBlmbcs 512 +MHlmbcs 512 +MMmcs 30
			+P 1048576 +t 5000000 +stbt db +zdbbl 128000 +sbwt none +sbwtdcpu none +sbwtdio none +B i`),
	)
	return command{path: filepath.Join(bin, "erlexec"), args: args, dir: s.rabbitPath(), env: map[string]string{
		"ROOTDIR": s.tools.erlang, "BINDIR": bin, "EMU": "beam", "PROGNAME": "erl", "HOME": s.rabbitPath("home"),
		"ERL_LIBS": s.rabbitPath("plugins"), "RABBITMQ_PLUGINS_DIR": s.rabbitPath("plugins"),
		"RABBITMQ_CONF_ENV_FILE": "/dev/null", "SYS_PREFIX": "", "ERL_MAX_PORTS": "65536", "ERL_MAX_ETS_TABLES": "50000",
		"ERL_CRASH_DUMP_SECONDS": "0", "RABBITMQ_NODENAME": "ef@localhost", "RABBITMQ_DIST_PORT": distribution,
		"RABBITMQ_MNESIA_BASE": s.rabbitPath("mnesia"), "RABBITMQ_LOG_BASE": s.rabbitPath("log"), "RABBITMQ_LOGS": "-",
		"RABBITMQ_ENABLED_PLUGINS_FILE": s.rabbitPath("enabled_plugins"), "RABBITMQ_CONFIG_FILE": s.rabbitPath("rabbitmq.config"),
		"RABBITMQ_GENERATED_CONFIG_DIR": s.rabbitPath("gen"),
	}}
}
