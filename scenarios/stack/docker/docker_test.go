package docker_test

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/docker"
	"eventflow/scenarios/stack/docker/dockertest"
	"eventflow/scenarios/stack/stacktest"
	"eventflow/toxiproxy/topology"
)

// open makes a stack, or skips the test where no engine answers.
func open(t testing.TB, change ...func(*docker.Config)) *docker.Stack {
	t.Helper()
	dockertest.Require(t)
	cfg := docker.Config{
		Base: ownBase(t),
		Env:  map[string]string{"BCRYPT_COST": "4"},
		Progress: func(p stack.Progress) {
			t.Logf("%s %s after %v %v", p.Service, p.State, p.Elapsed.Round(time.Millisecond), p.Err)
		},
	}
	for _, c := range change {
		c(&cfg)
	}
	return docker.New(cfg)
}

var bases atomic.Int64

// ownBase is a block of ports that no other test process is going to take: a test
// that looks whether anything still listens must not meet a successor there.
func ownBase(t testing.TB) int {
	t.Helper()
	const first, blocks = 27000, 30 // above those of the processes' tests
	for range blocks {
		base := first + (os.Getpid()*7+int(bases.Add(1)))%blocks*topology.BlockSize
		if free(t, base) {
			return base
		}
	}
	t.Fatalf("no free block from %d up", first)
	return 0
}

// free says whether nobody listens on any port of the block.
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

func TestConformance(t *testing.T) {
	stacktest.Test(t, stacktest.Suite{Open: func(t *testing.T) stack.Stack { return open(t) }})
}
