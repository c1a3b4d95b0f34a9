package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/block"
	"eventflow/scenarios/stack/probe"
	"eventflow/toxiproxy/topology"
)

// unit is how one service is brought up.
type unit struct {
	contents
	name    topology.Name
	needs   map[topology.Name]string     // service -> the condition of depends_on
	volumes []client.VolumeCreateOptions // all that it keeps
	answers func(context.Context) error  // by itself, in its own protocol, whatever it needs is broken
	whole   func(context.Context) error  // with all that it needs; nil: as answers
	orderly bool                         // deserves SIGTERM and time to finish
}

// understand turns the plan into units and networks, or says what of it is not
// understood.
func (s *Stack) understand() error {
	ports := moved(s.topo, s.claim.Block)
	var errs []error
	for _, svc := range s.topo.Services {
		u, err := s.unit(svc, ports)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", svc.Name, err))
		}
		s.units = append(s.units, u)
	}
	t := translator{project: s.project()}
	for _, name := range s.usedNetworks() {
		want := t.network(name, s.plan.Networks[name])
		want.Labels = s.labels(want.Labels)
		s.networks = append(s.networks, want)
	}
	if len(s.plan.Secrets)+len(s.plan.Configs) > 0 {
		t.fail("secrets and configs are not understood")
	}
	if err := errors.Join(append(errs, t.errs...)...); err != nil {
		return fmt.Errorf("docker-compose.yml says what this stack cannot do: %w", err)
	}
	return nil
}

func (s *Stack) usedNetworks() []string {
	used := map[string]bool{}
	var names []string
	for _, svc := range s.plan.Services {
		for name := range svc.Networks {
			if !used[name] {
				used[name], names = true, append(names, name)
			}
		}
	}
	return names
}

func (s *Stack) unit(svc topology.Service, ports map[string]int) (*unit, error) {
	config := s.plan.Services[string(svc.Name)]
	c, err := translate(config, s.project(), ports)
	u := &unit{contents: c, name: svc.Name, needs: map[topology.Name]string{}}
	for name, need := range config.DependsOn {
		u.needs[topology.Name(name)] = need.Condition
	}
	u.reach(svc, s.claim.Block)
	t := translator{project: s.project()}
	for _, v := range config.Volumes {
		if v.Type == "volume" {
			u.volumes = append(u.volumes, t.volume(v.Source, s.plan.Volumes[v.Source]))
		}
	}
	s.questions(u, svc)
	return u, errors.Join(append(t.errs, err)...)
}

// reach publishes the service's main port if the file does not: the file lets
// nobody at the broker but through a proxy, and a fault of the broker's own must be
// felt by somebody who does not stand behind one.
func (u *unit) reach(svc topology.Service, b topology.Block) {
	main, ok := network.PortFrom(uint16(svc.Port), network.TCP)
	if _, published := u.host.PortBindings[main]; !ok || published {
		return
	}
	u.config.ExposedPorts[main] = struct{}{}
	u.host.PortBindings[main] = []network.PortBinding{binding(b.Of(svc))}
}

// questions gives the unit what it is asked.
func (s *Stack) questions(u *unit, svc topology.Service) {
	at := func(extra ...string) string {
		return net.JoinHostPort(block.Host, strconv.Itoa(s.port(svc.Name, extra...)))
	}
	get := func(url string) func(context.Context) error {
		return func(ctx context.Context) error { return probe.HTTP(ctx, url) }
	}
	switch svc.Name {
	case topology.PostgresDB:
		u.answers = func(ctx context.Context) error { return probe.Postgres(ctx, s.Endpoints().Observer) }
	case topology.RedisDB:
		u.answers = func(ctx context.Context) error { return probe.Redis(ctx, at(), s.secrets.Redis) }
	case topology.RabbitMQ:
		u.answers = func(ctx context.Context) error { return probe.AMQP(ctx, at(), stack.RabbitUser, s.secrets.Rabbit) }
	case topology.Nginx: // not the shop: with the nodes down nginx would call them dead
		u.answers = get("http://" + at("status") + "/stub_status")
	case topology.Toxiproxy: // the last proxy: they are made in order
		u.answers = get("http://" + at() + "/proxies/" + s.topo.Links[len(s.topo.Links)-1].Name())
	case topology.Prometheus:
		u.answers = get("http://" + at() + "/-/ready")
	default:
		u.answers, u.whole, u.orderly = get("http://"+at()+"/healthz"), get("http://"+at()+"/readyz"), true
	}
}

// healthy asks the engine for the service's own health check; without one there is
// nothing to ask.
func (s *Stack) healthy(ctx context.Context, n topology.Name) error {
	b, err := s.box(n)
	if err != nil {
		return err
	}
	now, err := s.engine.ContainerInspect(ctx, b.id, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	health := now.Container.State.Health
	if health == nil || health.Status == container.NoHealthcheck || health.Status == container.Healthy {
		return nil
	}
	return fmt.Errorf("its health check says %s%s", health.Status, lastCheck(health))
}

func lastCheck(h *container.Health) string {
	if len(h.Log) == 0 {
		return ""
	}
	last := h.Log[len(h.Log)-1]
	return fmt.Sprintf(" (exit status %d: %s)", last.ExitCode, strings.TrimSpace(last.Output))
}
