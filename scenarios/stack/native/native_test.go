package native_test

import (
	"flag"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

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
func open(t testing.TB, change ...func(*native.Config)) *native.Stack {
	t.Helper()
	requireServers(t)
	cfg := native.Config{
		Base:     ownBase(t),
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

var bases atomic.Int64

// ownBase is a block of ports that no other test process is going to take: a test
// that looks whether anything still listens must not meet a successor there.
func ownBase(t testing.TB) int {
	t.Helper()
	const first, blocks = 23000, 30 // above the blocks that stacks without a wish get
	for range blocks {
		base := first + (os.Getpid()*7+int(bases.Add(1)))%blocks*topology.BlockSize
		if free(t, base) {
			return base
		}
	}
	t.Fatalf("no free block from %d up", first)
	return 0
}

// free says whether nobody listens on any port of the block: not another stack,
// nor another package's test.
func free(t testing.TB, base int) bool {
	t.Helper()
	for port := base; port < base+topology.BlockSize; port++ {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		require.NoError(t, ln.Close())
	}
	return true
}

func requireServers(t testing.TB) {
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

// BenchmarkUp is what somebody waits for who starts a whole stack, with its
// programs built.
func BenchmarkUp(b *testing.B) {
	for b.Loop() {
		st := open(b, func(c *native.Config) { c.Progress = nil })
		if err := st.Up(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := st.Down(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
