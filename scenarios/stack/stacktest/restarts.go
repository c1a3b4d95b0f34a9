package stacktest

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventflow/scenarios/history"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/traffic"
	"eventflow/toxiproxy/topology"
)

// Restarts is a part of its own, for stacks whose services may come back at another
// address than they had: whatever was gone, and whatever with it, every link carries
// again afterwards and the shop sells. The stack is up; afterwards its stores have
// lost what they held.
func (s Suite) Restarts(t *testing.T, st stack.Stack) {
	p, ok := st.(stack.Processes)
	if !ok {
		t.Skip("this stack cannot break its services")
	}
	m := topology.EventFlow()
	h := hall{e: st.Endpoints(), m: m}
	h.injector = lab.NewInjector(m, h.e)
	defer h.injector.Close()
	b := breaker{Suite: s, Processes: p, e: h.e}
	h.serves(t)
	for _, svc := range m.Services {
		gone := stack.Restart(svc.Name)
		if svc.Role == topology.Store {
			gone = stack.Wipe(svc.Name) // a container of its own, and nothing that it knew
		}
		t.Run(gone.String(), func(t *testing.T) {
			b.apply(t, gone)
			h.serves(t)
		})
	}
	for _, n := range neighbours {
		t.Run("toxiproxy and "+string(n), func(t *testing.T) {
			b.displace(t, n)
			h.serves(t)
		})
	}
}

// neighbours of the proxies: in nginx's network, the only client that looks a name up
// once for all, and one of the others.
var neighbours = []topology.Name{topology.Nginx, topology.Prometheus, topology.RedisDB}

// displace ends the proxies together with another service, which starts first: it may
// take the address that was theirs.
func (b breaker) displace(t *testing.T, other topology.Name) {
	t.Helper()
	b.apply(t, stack.Kill(topology.Toxiproxy))
	b.apply(t, stack.Kill(other))
	for _, n := range []topology.Name{other, topology.Toxiproxy} {
		_, err := b.Heal(t.Context(), n)
		require.NoError(t, err)
	}
	b.heal(t)
}

// serves waits until every link carries, every program says so, and a customer gets
// a ticket.
func (h hall) serves(t *testing.T) {
	t.Helper()
	begun := time.Now()
	h.heal(t)
	h.await(t, topology.Link{})
	whole := time.Since(begun)
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	unread := history.NewRecorder(io.Discard, history.Meta{})
	defer unread.Close()
	require.NoError(t, stack.Until(ctx, pollEvery, func(ctx context.Context) error {
		return traffic.Journey(ctx, h.e.Shop, soldEvent, unread)
	}))
	t.Logf("whole after %v, sells after %v", whole.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
}

// soldEvent is one of those that init.sql makes.
const soldEvent = 999
