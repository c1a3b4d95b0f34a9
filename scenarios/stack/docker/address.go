package docker

import (
	"context"
	"fmt"
	"maps"
	"net/netip"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"eventflow/toxiproxy/topology"
)

// settle tells nginx when the proxy lives elsewhere than before. The engine gives a
// container that starts the lowest address that is free: who starts after others in
// whose place he was lives in theirs. Everybody else looks names up when they call;
// nginx did it once, and does it again when it is told to reload.
func (s *Stack) settle(ctx context.Context, b *box) error {
	proxy, err := s.box(topology.Toxiproxy)
	if err != nil || proxy != b {
		return nil // somebody else, or not there yet
	}
	now, err := s.engine.ContainerInspect(ctx, b.id, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("ask for its addresses: %w", err)
	}
	addresses := map[string]netip.Addr{}
	for network, endpoint := range now.Container.NetworkSettings.Networks {
		addresses[network] = endpoint.IPAddress
	}
	moved := b.addresses != nil && !maps.Equal(b.addresses, addresses)
	b.addresses = addresses
	edge, err := s.box(topology.Nginx)
	if !moved || err != nil || edge.life.gone() {
		return nil // nobody has looked it up, or who has will do it again
	}
	_, err = s.engine.ContainerKill(ctx, edge.id, client.ContainerKillOptions{Signal: "SIGHUP"})
	if err != nil && !errdefs.IsConflict(err) { // it ended just now
		return fmt.Errorf("make nginx look its proxies up again: %w", err)
	}
	return nil
}
