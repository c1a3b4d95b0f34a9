package native

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"eventflow/toxiproxy/topology"
)

// tools are the paths of the servers' programs on this machine.
type tools struct {
	postgres, initdb, psql string
	redis                  string
	nginx                  string
	prometheus             string
	erlang                 string // Erlang's root: holds erts-*/bin/erlexec
	rabbitPlugins          string // folder of RabbitMQ's Erlang applications
	erlCall                string // calls a function of a running node; empty: not installed, and only alarms need it
}

// MissingError names the programs that are not installed, and how to install
// them.
type MissingError struct{ Programs []string }

func (e *MissingError) Error() string {
	return "not installed: " + strings.Join(e.Programs, ", ") + "\n" + installHelp
}

const installHelp = `install the servers with one of:
  Debian, Ubuntu (root): bash scenarios/stack/native/install.sh
  Debian, Ubuntu:        sudo apt-get install -y --no-install-recommends postgresql redis-server rabbitmq-server nginx prometheus
  Fedora:                sudo dnf install -y postgresql-server postgresql redis rabbitmq-server nginx prometheus
  macOS:                 brew install postgresql@15 redis rabbitmq nginx prometheus`

// brew is where Homebrew keeps its packages, on Apple's and on Intel's chips.
var brew = []string{"/opt/homebrew/opt/", "/usr/local/opt/"}

func underBrew(paths ...string) []string {
	var all []string
	for _, p := range paths {
		for _, b := range brew {
			all = append(all, b+p)
		}
	}
	return all
}

// Installed returns a *MissingError if a server is not installed here.
func Installed() error {
	_, err := findTools(func(topology.Name) bool { return true })
	return err
}

// findTools looks where the distributions put the servers. want says which
// services are going to run.
func findTools(want func(topology.Name) bool) (tools, error) {
	var t tools
	var missing []string
	find := func(service topology.Name, into *string, name string, globs ...string) {
		if *into = locate(name, globs); *into == "" && want(service) {
			missing = append(missing, name)
		}
	}
	pg := append([]string{"/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres"}, underBrew("postgresql@*/bin/postgres", "postgresql/bin/postgres")...)
	find(topology.PostgresDB, &t.postgres, "postgres", pg...)
	if t.postgres != "" { // one version's programs belong together, whatever is on the PATH
		beside := filepath.Dir(t.postgres)
		find(topology.PostgresDB, &t.initdb, "initdb", filepath.Join(beside, "initdb"))
		find(topology.PostgresDB, &t.psql, "psql", filepath.Join(beside, "psql"))
	}
	find(topology.RedisDB, &t.redis, "redis-server", underBrew("redis/bin/redis-server")...)
	find(topology.Nginx, &t.nginx, "nginx", append([]string{"/usr/sbin/nginx"}, underBrew("nginx/bin/nginx")...)...)
	find(topology.Prometheus, &t.prometheus, "prometheus", underBrew("prometheus/bin/prometheus")...)
	erl := append([]string{"/usr/lib/erlang/erts-*/bin/erlexec", "/usr/lib64/erlang/erts-*/bin/erlexec", "/usr/local/lib/erlang/erts-*/bin/erlexec"}, underBrew("erlang/lib/erlang/erts-*/bin/erlexec")...)
	var erlexec string
	find(topology.RabbitMQ, &erlexec, "erlang (erlexec)", erl...)
	if erlexec != "" {
		t.erlang = filepath.Dir(filepath.Dir(filepath.Dir(erlexec)))
		t.erlCall = locate("erl_call", []string{filepath.Join(t.erlang, "lib", "erl_interface-*", "bin", "erl_call")})
	}
	find(topology.RabbitMQ, &t.rabbitPlugins, "rabbitmq-server", append([]string{"/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins", "/opt/rabbitmq/plugins"}, underBrew("rabbitmq/plugins")...)...)
	if len(missing) > 0 {
		return t, &MissingError{Programs: missing}
	}
	return t, nil
}

// locate returns the newest match of the first glob that has one, else what the
// PATH holds.
func locate(name string, globs []string) string {
	for _, g := range globs {
		if found, err := filepath.Glob(g); err == nil && len(found) > 0 {
			return slices.MaxFunc(found, byVersion)
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// byVersion orders paths that differ in a version: 9 before 15.
func byVersion(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// link puts a program into the stack's own bin folder: a later build must not
// change what a restart of this stack starts.
func link(from, to string) error {
	if err := os.Link(from, to); err == nil {
		return nil
	}
	data, err := os.ReadFile(from) // another file system
	if err != nil {
		return fmt.Errorf("copy program: %w", err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		return fmt.Errorf("copy program: %w", err)
	}
	return nil
}
