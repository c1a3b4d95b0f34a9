package native_test

import (
	"flag"
	"os"
	"testing"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/native"
	"eventflow/scenarios/stack/stacktest"
	"eventflow/toxiproxy/topology"
)

// update is accepted by every package below stack, so that one command rewrites
// all golden files; this package has none.
var _ = flag.Bool("update", false, "write the golden files from the map")

// servers are the services that need none of EventFlow's programs.
var servers = []topology.Name{topology.PostgresDB, topology.RedisDB, topology.RabbitMQ, topology.Nginx, topology.Prometheus, topology.Toxiproxy}

// asked are the services that the tests run: every one, unless EVENTFLOW_SERVICES
// is "servers".
func asked() []topology.Name {
	if os.Getenv("EVENTFLOW_SERVICES") == "servers" {
		return servers
	}
	return nil
}

// open makes a stack, or skips the test where the servers are not installed.
func open(t *testing.T, change ...func(*native.Config)) *native.Stack {
	t.Helper()
	requireServers(t)
	cfg := native.Config{
		Services: asked(),
		Bin:      os.Getenv("EVENTFLOW_BIN"),
		Env:      map[string]string{"BCRYPT_COST": "4"},
		Progress: func(p stack.Progress) { t.Logf("%s %s after %v %v", p.Service, p.State, p.Elapsed.Round(1e6), p.Err) },
	}
	for _, c := range change {
		c(&cfg)
	}
	return native.New(cfg)
}

func requireServers(t *testing.T) {
	t.Helper()
	err := native.Installed()
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
}

func TestConformance(t *testing.T) {
	stacktest.Test(t, stacktest.Suite{
		Open:     func(t *testing.T) stack.Stack { return open(t) },
		Services: asked(),
	})
}
