package docker_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"eventflow/scenarios/overlay"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/docker"
	"eventflow/scenarios/stack/probe"
	"eventflow/scenarios/stack/stacktest"
	"eventflow/toxiproxy/topology"
)

func engine(t *testing.T) *testcontainers.DockerClient {
	t.Helper()
	c, err := testcontainers.NewDockerClientWithOpts(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}

// projectOn is the name under which the engine keeps the stack on that block.
func projectOn(base int) string { return "eventflow-" + strconv.Itoa(base) }

// requireNothing: the engine keeps nothing of the stack on that block.
func requireNothing(t *testing.T, base int) {
	t.Helper()
	require.NoError(t, nothing(t.Context(), engine(t), base))
}

func nothing(ctx context.Context, c *testcontainers.DockerClient, base int) error {
	own := client.Filters{}.Add("label", "com.docker.compose.project="+projectOn(base))
	boxes, err := c.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: own})
	if err != nil {
		return err
	}
	networks, err := c.NetworkList(ctx, client.NetworkListOptions{Filters: own})
	if err != nil {
		return err
	}
	volumes, err := c.VolumeList(ctx, client.VolumeListOptions{Filters: own})
	if err != nil {
		return err
	}
	if n := len(boxes.Items) + len(networks.Items) + len(volumes.Items); n > 0 {
		return fmt.Errorf("still there: %d containers, %d networks, %d volumes", len(boxes.Items), len(networks.Items), len(volumes.Items))
	}
	return nil
}

func upError(t *testing.T, st *docker.Stack) error {
	t.Helper()
	t.Cleanup(func() { stacktest.Down(t, st) })
	err := st.Up(t.Context())
	require.Error(t, err)
	return err
}

func on(base int) func(*docker.Config) { return func(c *docker.Config) { c.Base = base } }

func TestPortTaken(t *testing.T) {
	base := ownBase(t)
	redis, _ := topology.EventFlow().Service(topology.RedisDB)
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(base+redis.Offset)))
	require.NoError(t, err)
	defer ln.Close()
	err = upError(t, open(t, on(base)))
	assert.ErrorContains(t, err, strconv.Itoa(base+redis.Offset))
	assert.ErrorContains(t, err, "pid "+strconv.Itoa(os.Getpid()))
}

func TestChangeThatWouldChangeNothingIsRefused(t *testing.T) {
	for says, change := range map[string]func(*docker.Config){
		`settings of "app-1"`:     func(c *docker.Config) { c.Settings = map[topology.Name]map[string]string{topology.App1: {"a": "b"}} },
		"no stack is made from":   func(c *docker.Config) { c.Edits = []overlay.Edit{{File: "README.md", Old: "a", New: "b"}} },
		"edit 1 of init.sql":      func(c *docker.Config) { c.Edits = []overlay.Edit{{File: "init.sql", Old: "no such text", New: "b"}} },
		"load docker-compose.yml": func(c *docker.Config) { c.Source = t.TempDir() },
	} {
		t.Run(says, func(t *testing.T) { assert.ErrorContains(t, upError(t, open(t, change)), says) })
	}
}

// A server that does not come up takes the stack down, and is heard.
func TestFailingUpSaysWhatTheServerSaid(t *testing.T) {
	base := ownBase(t)
	err := upError(t, open(t, on(base), func(c *docker.Config) {
		c.Edits = []overlay.Edit{{File: "init.sql", Old: "\nbegin;\n", New: "\nselect broken from nowhere;\n"}}
	}))
	assert.ErrorContains(t, err, "postgres: ")
	assert.ErrorContains(t, err, `relation "nowhere" does not exist`)
	assert.ErrorContains(t, err, "it ended: exit status 3")
	requireNothing(t, base)
}

func TestProgramThatDoesNotCompile(t *testing.T) {
	base := ownBase(t)
	err := upError(t, open(t, on(base), func(c *docker.Config) {
		c.Edits = []overlay.Edit{{File: "system/cmd/auth/main.go", Old: "package main", New: "package nonsense!"}}
	}))
	assert.ErrorContains(t, err, "do not compile")
	assert.ErrorContains(t, err, "system/cmd/auth is no program")
	requireNothing(t, base)
}

// Down while Up is half way: Up says so, and nothing is left.
func TestDownInterruptsUp(t *testing.T) {
	base := ownBase(t)
	under := make(chan struct{})
	st := open(t, on(base), func(c *docker.Config) {
		c.Progress = func(p stack.Progress) {
			if p.Service == topology.RabbitMQ && p.State == stack.Starting {
				close(under)
			}
		}
	})
	result := make(chan error, 1)
	go func() { result <- st.Up(context.WithoutCancel(t.Context())) }()
	select {
	case <-under:
	case err := <-result:
		require.NoError(t, err)
	}
	stacktest.Down(t, st)
	assert.ErrorContains(t, <-result, "the stack is down")
	requireNothing(t, base)
	assert.NoError(t, stacktest.Silent(t.Context(), st.Endpoints()))
	assert.ErrorContains(t, st.Up(t.Context()), "only once")
	_, err := st.Logs(t.Context(), topology.RedisDB)
	assert.Error(t, err)
}

// One stack for what needs one that is up.
func TestLives(t *testing.T) {
	base := ownBase(t)
	st := open(t, on(base))
	assert.ErrorContains(t, st.Kill(t.Context(), topology.RedisDB), "down")
	assert.Empty(t, st.InForce())
	stacktest.Up(t, st)
	t.Run("what ends by itself is reported once, and healed", func(t *testing.T) { endsByItself(t, st, base) })
	t.Run("words that make no sense now", func(t *testing.T) { outOfOrder(t, st) })
	t.Run("a paused service is killed, restarted and wiped", func(t *testing.T) { paused(t, st) })
	t.Run("a wipe that was cut short is completed", func(t *testing.T) { halfWiped(t, st) })
	t.Run("an alarm ends with the broker's life", func(t *testing.T) { alarmEnds(t, st) })
	t.Run("addresses change, and nothing is lost", func(t *testing.T) { addressesChange(t, st) })
	t.Run("owners", func(t *testing.T) { owners(t, st) })
	t.Run("down while everything is paused", func(t *testing.T) {
		for _, svc := range topology.EventFlow().Services {
			require.NoError(t, st.Pause(t.Context(), svc.Name))
		}
		begun := time.Now()
		require.NoError(t, st.Down(t.Context()))
		t.Logf("down after %v", time.Since(begun).Round(time.Millisecond))
		requireNothing(t, base)
		assert.NoError(t, stacktest.Silent(t.Context(), st.Endpoints()))
		assert.Empty(t, st.InForce())
		assert.Empty(t, st.Owners())
		_, err := st.Heal(t.Context())
		assert.ErrorContains(t, err, "down")
	})
	assert.Empty(t, st.Exited(), "all of it was asked for")
}

func endsByItself(t *testing.T, st *docker.Stack, base int) {
	_, err := engine(t).ContainerKill(t.Context(), projectOn(base)+"-redis", client.ContainerKillOptions{Signal: "SIGKILL"})
	require.NoError(t, err)
	exit := <-st.Exited()
	assert.Equal(t, topology.RedisDB, exit.Service)
	assert.EqualError(t, exit.Err, "exit status 137: signal: killed")
	assert.Contains(t, exit.Log, "Ready to accept connections")
	assert.Empty(t, st.InForce(), "nobody asked for it")
	healed, err := st.Heal(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []stack.Healing{{Service: topology.RedisDB, Was: "it had ended by itself: exit status 137: signal: killed", How: "started"}}, healed)
	assert.NoError(t, probe.Redis(t.Context(), st.Endpoints().RedisAddr, st.Endpoints().RedisPassword))
}

func outOfOrder(t *testing.T, st *docker.Stack) {
	require.NoError(t, st.Kill(t.Context(), topology.Consumer))
	require.NoError(t, st.Kill(t.Context(), topology.Consumer), "killed already")
	assert.ErrorContains(t, st.Pause(t.Context(), topology.Consumer), "ended")
	require.NoError(t, st.Start(t.Context(), topology.Consumer))
	require.NoError(t, st.Start(t.Context(), topology.Consumer), "it lives already")
	require.NoError(t, st.Pause(t.Context(), topology.Consumer))
	require.NoError(t, st.Pause(t.Context(), topology.Consumer), "paused already")
	assert.ErrorContains(t, st.Start(t.Context(), topology.Consumer), "paused")
	require.NoError(t, st.Resume(t.Context(), topology.Consumer))
	assert.ErrorContains(t, st.Wipe(t.Context(), topology.Consumer), "keeps no data")
	assert.ErrorContains(t, st.Kill(t.Context(), "nobody"), `no service "nobody" runs`)
	assert.Empty(t, st.InForce())
}

func paused(t *testing.T, st *docker.Stack) {
	for name, how := range map[string]func(context.Context, topology.Name) error{"kill": st.Kill, "restart": st.Restart, "wipe": st.Wipe} {
		require.NoError(t, st.Pause(t.Context(), topology.PostgresDB))
		require.NoError(t, how(t.Context(), topology.PostgresDB), name)
		assert.NotContains(t, st.InForce(), stack.Pause(topology.PostgresDB))
		_, err := st.Heal(t.Context())
		require.NoError(t, err)
		assert.NoError(t, probe.Postgres(t.Context(), st.Endpoints().Observer))
	}
}

func halfWiped(t *testing.T, st *docker.Stack) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, st.Wipe(ctx, topology.RedisDB))
	require.Contains(t, st.InForce(), stack.Wipe(topology.RedisDB))
	healed, err := st.Heal(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []stack.Healing{{Service: topology.RedisDB, Was: "half wiped", How: "started"}}, healed)
	assert.Empty(t, st.InForce())
}

func alarmEnds(t *testing.T, st *docker.Stack) {
	begun := time.Now()
	require.NoError(t, st.Alarm(t.Context()))
	set := time.Now()
	require.NoError(t, st.AlarmOff(t.Context()))
	t.Logf("alarm on after %v, off after %v", set.Sub(begun).Round(time.Millisecond), time.Since(set).Round(time.Millisecond))
	require.NoError(t, st.Alarm(t.Context()))
	require.NoError(t, st.Restart(t.Context(), topology.RabbitMQ))
	assert.Empty(t, st.InForce())
	require.NoError(t, st.Kill(t.Context(), topology.RabbitMQ))
	assert.ErrorContains(t, st.Alarm(t.Context()), "ended")
	assert.ErrorContains(t, st.AlarmOff(t.Context()), "ended")
	require.NoError(t, st.Start(t.Context(), topology.RabbitMQ))
}

// The engine gives a container that starts the lowest address that is free: who
// starts in another order lives elsewhere, under the same name.
func addressesChange(t *testing.T, st *docker.Stack) {
	all := []topology.Name{topology.Toxiproxy, topology.Prometheus, topology.RabbitMQ, topology.PostgresDB, topology.RedisDB}
	for _, n := range all {
		require.NoError(t, st.Kill(t.Context(), n))
	}
	for i := range all {
		require.NoError(t, st.Start(t.Context(), all[len(all)-1-i]))
	}
	ctx, cancel := context.WithTimeout(t.Context(), stacktest.Patience)
	defer cancel()
	require.NoError(t, stack.Until(ctx, 50*time.Millisecond, func(ctx context.Context) error {
		for _, base := range st.Endpoints().Health {
			if err := probe.HTTP(ctx, base+"/readyz"); err != nil {
				return err
			}
		}
		return probe.HTTP(ctx, st.Endpoints().Shop+"/api/events")
	}))
	shop, err := url.JoinPath(st.Endpoints().Shop, "api", "events")
	require.NoError(t, err)
	for range 9 { // every node, not the one that happened to be found
		assert.NoError(t, probe.HTTP(t.Context(), shop))
	}
}

// The owners are this machine's processes, if the engine runs here, and others after
// a restart.
func owners(t *testing.T, st *docker.Stack) {
	before := st.Owners()
	if before == nil {
		t.Skip("the engine runs on another machine")
	}
	for _, pid := range before {
		assert.DirExists(t, fmt.Sprintf("/proc/%d", pid))
	}
	require.NoError(t, st.Kill(t.Context(), topology.RedisDB))
	assert.Less(t, len(st.Owners()), len(before))
	require.NoError(t, st.Start(t.Context(), topology.RedisDB))
	assert.Len(t, st.Owners(), len(before))
	assert.NotEqual(t, before, st.Owners())
}
