package docker_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"

	"eventflow/scenarios/stack/stacktest"
	"eventflow/toxiproxy/topology"
)

// TestContainers is what containers have that processes on one host have not: walls
// between them, and addresses that change.
func TestContainers(t *testing.T) {
	base := ownBase(t)
	st := open(t, on(base))
	stacktest.Up(t, st)
	t.Run("NoWayRound", func(t *testing.T) { noWayRound(t, projectOn(base)) })
	t.Run("RoundTheProxies", func(t *testing.T) { roundTheProxies(t, st.Endpoints()) })
	t.Run("Restarts", func(t *testing.T) { stacktest.Suite{}.Restarts(t, st) })
}

// noWayRound goes and looks: from where a client stands nothing leads to what it
// depends on but the proxy. A drawing of networks proves that nobody has joined the
// wrong one; this proves that the engine keeps them apart.
func noWayRound(t *testing.T, project string) {
	f := survey(t, project)
	for _, n := range f.clients() {
		t.Run(string(n), func(t *testing.T) {
			t.Parallel() // a packet that is dropped takes its time
			open := f.walk(t, f.networks(n), f.ways(n))
			assert.Empty(t, f.complaints(n, open))
		})
	}
	t.Run("it would be seen", func(t *testing.T) {
		t.Parallel()
		// As if somebody had put this client into the stores' network.
		const n = topology.Consumer
		wrong := append(f.networks(n), f.networks(topology.PostgresDB)...)
		found := strings.Join(f.complaints(n, f.walk(t, wrong, f.ways(n))), "; ")
		for _, to := range f.m.LinksFrom(n) {
			assert.Contains(t, found, string(to.To)+" by name is reachable")
			assert.Contains(t, found, string(to.To)+" by address is reachable")
		}
		// And as if its proxies were not there.
		assert.Len(t, f.complaints(n, nil), len(f.m.LinksFrom(n)))
	})
}

// way is one that a client might try, and whether it is the one that it should.
type way struct {
	what    string
	host    string
	port    int
	through bool // its own proxy
}

func (w way) key() string { return net.JoinHostPort(w.host, strconv.Itoa(w.port)) }

// fence is where the services of a project are.
type fence struct {
	m         topology.Map
	at        map[topology.Name][]place
	published map[topology.Name][]int // on the host
}

// place is a container's in one network.
type place struct{ network, address, gateway string }

func survey(t *testing.T, project string) fence {
	t.Helper()
	all, err := engine(t).ContainerList(t.Context(), client.ContainerListOptions{
		Filters: make(client.Filters).Add("label", "com.docker.compose.project="+project),
	})
	require.NoError(t, err)
	f := fence{m: topology.EventFlow(), at: map[topology.Name][]place{}, published: map[topology.Name][]int{}}
	for _, c := range all.Items {
		n := topology.Name(c.Labels["com.docker.compose.service"])
		for network, e := range c.NetworkSettings.Networks {
			f.at[n] = append(f.at[n], place{network, e.IPAddress.String(), e.Gateway.String()})
		}
		for _, p := range c.Ports {
			if p.PublicPort != 0 {
				f.published[n] = append(f.published[n], int(p.PublicPort))
			}
		}
	}
	for _, svc := range f.m.Services {
		require.NotEmpty(t, f.at[svc.Name], "%s runs in no network", svc.Name)
	}
	return f
}

// clients are the services from which a link leaves.
func (f fence) clients() (names []topology.Name) {
	for _, svc := range f.m.Services {
		if len(f.m.LinksFrom(svc.Name)) > 0 {
			names = append(names, svc.Name)
		}
	}
	return names
}

func (f fence) networks(n topology.Name) (names []string) {
	for _, p := range f.at[n] {
		names = append(names, p.network)
	}
	return names
}

// ways are the client's proxies, and every other way to what they lead to: by name,
// by address in each network, and by the ports that the host publishes.
func (f fence) ways(client topology.Name) (all []way) {
	inside := topology.Block{Base: topology.DemoBase} // where the proxies listen in their container
	for _, l := range f.m.LinksFrom(client) {
		all = append(all, way{fmt.Sprintf("%s's proxy", l.To), string(topology.Toxiproxy), inside.Link(l), true})
		svc, _ := f.m.Service(l.To)
		for _, port := range append([]topology.Port{{Port: svc.Port}}, svc.Extra...) {
			all = append(all, way{fmt.Sprintf("%s by name", l.To), string(l.To), port.Port, false})
			for _, p := range f.at[l.To] {
				all = append(all, way{fmt.Sprintf("%s by address", l.To), p.address, port.Port, false})
			}
		}
		for _, p := range f.at[client] {
			for _, port := range f.published[l.To] {
				all = append(all, way{fmt.Sprintf("%s by the host", l.To), p.gateway, port, false})
			}
		}
	}
	return all
}

// complaints are the ways that should not be open, and the proxies that are not.
func (f fence) complaints(client topology.Name, open []string) (all []string) {
	for _, w := range f.ways(client) {
		switch is := slices.Contains(open, w.key()); {
		case is && !w.through:
			all = append(all, fmt.Sprintf("%s is reachable at %s", w.what, w.key()))
		case !is && w.through:
			all = append(all, fmt.Sprintf("%s is not reachable at %s", w.what, w.key()))
		}
	}
	return all
}

// walk tries the ways from a container in those networks and returns those that are
// open.
func (f fence) walk(t *testing.T, networks []string, ways []way) (open []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	walker, err := testcontainers.Run(ctx, "alpine:3.22",
		testcontainers.WithCmd("sleep", "300"),
		testcontainers.CustomizeRequest(testcontainers.GenericContainerRequest{
			ContainerRequest: testcontainers.ContainerRequest{Networks: networks},
		}))
	testcontainers.CleanupContainer(t, walker, testcontainers.StopTimeout(0))
	require.NoError(t, err)
	var script strings.Builder
	for _, w := range ways {
		fmt.Fprintf(&script, "nc -w 2 %s %d -e true 2>/dev/null && echo %s &\n", w.host, w.port, w.key())
	}
	script.WriteString("wait")
	code, out, err := walker.Exec(ctx, []string{"sh", "-c", script.String()}, exec.Multiplexed())
	require.NoError(t, err)
	require.Zero(t, code)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		open = append(open, lines.Text())
	}
	return open
}
